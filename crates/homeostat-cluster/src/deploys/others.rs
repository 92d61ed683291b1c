//! The other hosts, as a rollout sees them: only while a release may make this host wait for some of them.
//!
//! What a host says of itself goes to all that look, so hosts that always did would cost the store as many messages as the square
//! of their number.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::rollout::{Fleet, fleet};
use crate::pace::about;
use crate::presence::{self, Alive};

/// How long the other hosts must have been seen before a release is taken that waits for some of them: after the store was away, they
/// come back one after the other.
const SEEN_FOR: Duration = Duration::from_secs(3);
/// What hosts say one after the other is looked at together.
const GATHER: Duration = Duration::from_millis(200);

pub(super) struct Others {
    store: Arc<dyn Store>,
    host: Arc<str>,
    look: Option<Look>,
}

struct Look {
    alive: watch::Receiver<Alive>,
    /// Since when we see ourselves among the hosts.
    visible_since: Option<Instant>,
    _following: JoinSet<()>,
}

impl Others {
    /// Those beside this host. Nobody is looked at yet.
    pub(super) fn new(store: Arc<dyn Store>, host: Arc<str>) -> Self {
        Self { store, host, look: None }
    }

    /// Looks at them from now on, or no longer.
    pub(super) fn look(&mut self, wanted: bool) {
        if !wanted {
            self.look = None;
        } else if self.look.is_none() {
            let (tell, alive) = watch::channel(Alive::new());
            let mut following = JoinSet::new();
            following.spawn(presence::follow(self.store.clone(), tell));
            self.look = Some(Look { alive, visible_since: None, _following: following });
        }
    }

    /// Those that are seen, this host among them; nobody where nobody is looked at.
    pub(super) fn fleet(&mut self) -> Fleet {
        let Some(look) = &mut self.look else { return Fleet::new() };
        let fleet = fleet(&look.alive.borrow_and_update());
        if !fleet.contains_key(&self.host) {
            look.visible_since = None;
        } else if look.visible_since.is_none() {
            look.visible_since = Some(Instant::now());
        }
        fleet
    }

    /// When what is seen of them is enough to act on, if nothing happens.
    pub(super) fn clear_at(&self) -> Option<Instant> {
        self.look.as_ref()?.visible_since.map(|since| since + SEEN_FOR)
    }

    /// Returns when they stand differently, and what came right after it is there too. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        let Some(look) = &mut self.look else { return pending().await };
        if look.alive.changed().await.is_err() {
            return pending().await;
        }
        look.alive.mark_changed();
        sleep(about(GATHER)).await;
    }
}
