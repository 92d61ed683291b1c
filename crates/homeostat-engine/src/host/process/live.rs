//! Which commands are there, and which of them nobody waits for any more.
//!
//! Who gave a command up must be able to wait until it is gone: the next attempt must not run beside it, and an agent that
//! ends must not leave it behind.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// All commands from when they are asked for until they are gone, in the order in which they came.
#[derive(Clone)]
pub(super) struct Live(watch::Sender<Commands>);

#[derive(Default)]
struct Commands {
    next: u64,
    there: BTreeMap<u64, Waiter>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiter {
    Waits,
    Gone,
}

/// Somebody who waits for a command. Dropping it ends the command.
pub(super) struct Waiting {
    live: Live,
    number: u64,
    pub(super) cancel: CancellationToken,
}

/// That a command is there, until it is dropped.
pub(super) struct Presence {
    live: Live,
    number: u64,
}

impl Default for Live {
    fn default() -> Self {
        Self(watch::Sender::new(Commands::default()))
    }
}

impl Live {
    pub(super) fn enter(&self) -> (Waiting, Presence) {
        let mut number = 0;
        self.0.send_modify(|commands| {
            number = commands.next;
            commands.next += 1;
            commands.there.insert(number, Waiter::Waits);
        });
        let waiting = Waiting { live: self.clone(), number, cancel: CancellationToken::new() };
        (waiting, Presence { live: self.clone(), number })
    }

    /// Waits for those that were given up so far, and for none that comes later.
    pub(super) async fn ended(&self) {
        let end = self.0.borrow().next;
        self.until(|commands| commands.there.range(..end).all(|(_, waiter)| *waiter == Waiter::Waits)).await;
    }

    /// Waits until none is there.
    pub(super) async fn gone(&self) {
        self.until(|commands| commands.there.is_empty()).await;
    }

    async fn until(&self, is_so: impl FnMut(&Commands) -> bool) {
        // The sender is ours, so the channel cannot be closed.
        drop(self.0.subscribe().wait_for(is_so).await);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.live.0.send_modify(|commands| {
            if let Some(waiter) = commands.there.get_mut(&self.number) {
                *waiter = Waiter::Gone;
            }
        });
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.live.0.send_modify(|commands| {
            commands.there.remove(&self.number);
        });
    }
}
