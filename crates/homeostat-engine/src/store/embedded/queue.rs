//! What callers ask of the writer's thread, and the queue in between.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redb::Database;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::journal::Record;
use crate::store::{Commit, Compare, LeaseId, Operation, StoreError, Watching};

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One wish of a caller.
pub(super) enum Request {
    Open(Reply<Arc<Database>>),
    Transact(Vec<Compare>, Vec<Operation>, Reply<Commit>),
    Record(Vec<Record>, Reply<()>),
    Grant(Duration, Reply<LeaseId>),
    KeepAlive(LeaseId, Reply<()>),
    Revoke(LeaseId, Reply<()>),
    Watch(Arc<str>, u64, Reply<Watching>),
}

/// What may wait at once, in units of [`UNIT_BYTES`]; whoever asks for more waits for room.
const ROOM: u32 = 16 * 1024;
const UNIT_BYTES: usize = 4096;

/// Requests in order of arrival. The thread parks when there are none.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
    room: Semaphore,
}

#[derive(Default)]
struct Inner {
    requests: VecDeque<Request>,
    closed: bool,
}

/// What the writer's thread finds when it looks.
pub(super) enum Next {
    Requests(VecDeque<Request>),
    Deadline,
    Closed,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { inner: Mutex::default(), arrived: Condvar::new(), room: Semaphore::new(ROOM as usize) }
    }

    /// Waits for room for so many bytes.
    pub(super) async fn room(&self, bytes: usize) -> Result<SemaphorePermit<'_>, StoreError> {
        let units = u32::try_from(1 + bytes / UNIT_BYTES).unwrap_or(ROOM).min(ROOM);
        self.room.acquire_many(units).await.map_err(|_| gone())
    }

    pub(super) fn push(&self, request: Request) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(gone());
        }
        inner.requests.push_back(request);
        drop(inner);
        self.arrived.notify_one();
        Ok(())
    }

    /// Everything that was asked, or nothing if the deadline comes first.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Next {
        let mut inner = self.lock();
        loop {
            if !inner.requests.is_empty() {
                return Next::Requests(std::mem::take(&mut inner.requests));
            }
            if inner.closed {
                return Next::Closed;
            }
            let Some(deadline) = deadline else {
                inner = self.arrived.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Deadline;
            }
            inner = self.arrived.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes nothing more; what is queued is still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Nobody will take anything any more: whoever waits is told.
    pub(super) fn abandon(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.requests.clear();
        self.room.close();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("it was closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_waits_is_taken_together_in_its_order() {
        let queue = Queue::new();
        for seconds in 0..100 {
            let (reply, _) = oneshot::channel();
            queue.push(Request::Grant(Duration::from_secs(seconds), reply)).unwrap();
        }
        let Next::Requests(requests) = queue.take(None) else { panic!("there is something") };
        let taken = requests.iter().map(|request| match request {
            Request::Grant(ttl, _) => ttl.as_secs(),
            _ => unreachable!("nothing else was asked"),
        });
        assert!(taken.eq(0..100));
        queue.close();
        assert!(matches!(queue.take(None), Next::Closed));
    }
}
