//! The store as what keeps the host sees it: once the run ends, nobody waits long for a store that does not answer.

use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{
    Commit, Compare, Entry, LeaseId, Operation, StoreError, StoreFuture, Watching,
};
use tokio::sync::watch;
use tokio::time::sleep;

/// To answer while the run ends. A store that is there takes a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// A store whose requests end soon when the run does.
pub(super) struct Ending {
    store: Arc<dyn Store>,
    /// Whether the run ends; so it does when nobody can say that any more.
    ends: watch::Receiver<bool>,
}

impl Ending {
    pub(super) fn new(store: Arc<dyn Store>, ends: watch::Receiver<bool>) -> Arc<Self> {
        Arc::new(Self { store, ends })
    }

    fn soon<'a, T: 'a>(&self, request: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        let mut ends = self.ends.clone();
        Box::pin(async move {
            let over = async {
                drop(ends.wait_for(|ends| *ends).await);
                sleep(PATIENCE).await;
            };
            tokio::select! {
                biased;
                done = request => done,
                () = over => Err(StoreError::Unavailable("the run ends, and it does not answer".into())),
            }
        })
    }
}

impl Store for Ending {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Entry>> {
        self.soon(self.store.get(key))
    }

    fn range<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        self.soon(self.store.range(prefix))
    }

    fn put<'a>(&'a self, key: &'a str, value: &'a [u8], lease: Option<LeaseId>) -> StoreFuture<'a, u64> {
        self.soon(self.store.put(key, value, lease))
    }

    fn transaction(&self, when: Vec<Compare>, then: Vec<Operation>) -> StoreFuture<'_, Commit> {
        self.soon(self.store.transaction(when, then))
    }

    fn grant(&self, ttl: Duration) -> StoreFuture<'_, LeaseId> {
        self.soon(self.store.grant(ttl))
    }

    fn keep_alive(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        self.soon(self.store.keep_alive(lease))
    }

    fn revoke(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        self.soon(self.store.revoke(lease))
    }

    fn watch<'a>(&'a self, prefix: &'a str, after: u64) -> StoreFuture<'a, Watching> {
        self.soon(self.store.watch(prefix, after))
    }
}
