//! Who watches, and the recent past for those who ask for it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::store::{Changed, WatchItem, Watching};

/// Revisions that are kept for watchers who come later.
const HISTORY_REVISIONS_MAX: usize = 1024;
/// And the bytes of their values.
const HISTORY_BYTES_MAX: usize = 4 << 20;
/// Revisions that a watcher may fall behind.
pub(super) const WATCH_QUEUE: usize = 256;

/// One committed revision.
pub(super) struct Revision {
    pub(super) number: u64,
    pub(super) changes: Vec<Changed>,
}

pub(super) struct Watchers {
    history: VecDeque<Revision>,
    history_bytes: usize,
    /// The newest revision that the history does not hold.
    floor: u64,
    watchers: Vec<Watcher>,
}

struct Watcher {
    prefix: Arc<str>,
    after: u64,
    sender: mpsc::Sender<WatchItem>,
}

impl Watchers {
    /// Nobody yet; the past up to `revision` is gone.
    pub(super) fn new(revision: u64) -> Self {
        Self { history: VecDeque::new(), history_bytes: 0, floor: revision, watchers: Vec::new() }
    }

    /// Adds a watcher and gives it what it missed, or says that it is lost.
    pub(super) fn add(&mut self, prefix: Arc<str>, after: u64) -> Watching {
        self.watchers.retain(|watcher| !watcher.sender.is_closed());
        // One place more, so that a watcher that is too slow can be told so.
        let (sender, receiver) = mpsc::channel(WATCH_QUEUE + 1);
        let watcher = Watcher { prefix, after, sender };
        let reaches_back = after >= self.floor;
        let keeps_up = reaches_back && self.history.iter().all(|revision| watcher.offer(revision));
        if keeps_up {
            self.watchers.push(watcher);
        } else if !reaches_back {
            watcher.lose();
        }
        receiver
    }

    /// Tells everybody of a revision, and remembers it.
    pub(super) fn publish(&mut self, revision: Revision) {
        self.watchers.retain(|watcher| watcher.offer(&revision));
        self.history_bytes += bytes_of(&revision);
        self.history.push_back(revision);
        while self.history.len() > HISTORY_REVISIONS_MAX || self.history_bytes > HISTORY_BYTES_MAX {
            let Some(oldest) = self.history.pop_front() else {
                break;
            };
            self.history_bytes -= bytes_of(&oldest);
            self.floor = oldest.number;
        }
    }

    /// Everybody has to read again: what lies on disk may not be what was told.
    pub(super) fn lose_all(&mut self, revision: u64) {
        self.watchers.drain(..).for_each(|watcher| watcher.lose());
        *self = Self::new(revision);
    }
}

impl Watcher {
    /// Whether it still watches afterwards.
    fn offer(&self, revision: &Revision) -> bool {
        if self.sender.is_closed() {
            return false;
        }
        if revision.number <= self.after {
            return true;
        }
        let changes: Vec<Changed> = revision
            .changes
            .iter()
            .filter(|changed| changed.key.starts_with(&*self.prefix))
            .cloned()
            .collect();
        if changes.is_empty() {
            return true;
        }
        if self.sender.capacity() <= 1 {
            self.lose();
            return false;
        }
        self.sender.try_send(WatchItem::Changes(changes)).is_ok()
    }

    fn lose(&self) {
        // The last place is kept for this, so it fails only when nobody listens any more.
        drop(self.sender.try_send(WatchItem::Lost));
    }
}

fn bytes_of(revision: &Revision) -> usize {
    revision
        .changes
        .iter()
        .map(|changed| changed.key.len() + changed.value.as_ref().map_or(0, |value| value.len()))
        .sum()
}
