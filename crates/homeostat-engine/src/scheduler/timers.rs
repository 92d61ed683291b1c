//! What must happen later. Each vertex has at most one timer that counts: the earliest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{Scheduler, Subject};
use crate::resource::{Causes, Drift};
use crate::source::VertexKey;

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Duration, VertexKey)>>,
}

impl Timers {
    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((when, _))| *when)
    }

    fn pop_due(&mut self, now: Duration) -> Option<(Duration, VertexKey)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// Makes a vertex be seen to at a time.
    pub(super) fn schedule(&mut self, at: u32, when: Duration) {
        let key = self.graph.key(at);
        let state = self.state_mut(at);
        if state.pace.timer.is_none_or(|earlier| when < earlier) {
            state.pace.timer = Some(when);
            self.timers.heap.push(Reverse((when, key)));
        }
    }

    /// After a look at a vertex that is polled: when to look again.
    pub(super) fn schedule_poll(&mut self, at: u32) {
        let seconds = self.state(at).meta.poll_seconds;
        if seconds > 0 {
            let when = self.now + Duration::from_secs(seconds.into());
            self.state_mut(at).pace.poll_at = Some(when);
            self.schedule(at, when);
        }
    }

    pub(super) fn fire_timers(&mut self) {
        while let Some((when, key)) = self.timers.pop_due(self.now) {
            let Some(at) = self.graph.resolve(key) else {
                continue;
            };
            if self.state(at).pace.timer != Some(when) {
                continue;
            }
            let now = self.now;
            let state = self.state_mut(at);
            state.pace.timer = None;
            if let Some(kind) = state.pace.calm_down(now) {
                self.event(Some(at), Causes::none(), None, kind);
            }
            let poll_at = self.state(at).pace.poll_at;
            if poll_at.is_some_and(|due| due <= now) {
                self.state_mut(at).pace.poll_at = None;
                self.wake(at, Causes::POLL);
            }
            self.advance(at);
            let later = self.state(at).pace.next_after(now);
            if let Some(when) = later {
                self.schedule(at, when);
            }
        }
    }
}
