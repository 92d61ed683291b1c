//! A store for tests that remembers what was watched.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, Entry, LeaseId, Operation, StoreFuture, Watching};

/// Passes everything on.
pub(crate) struct Overheard {
    store: Arc<dyn Store>,
    watched: Mutex<Vec<String>>,
}

impl Overheard {
    pub(crate) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, watched: Mutex::default() })
    }

    /// The prefixes that were watched, in the order in which that began.
    pub(crate) fn watched(&self) -> Vec<String> {
        self.watched.lock().unwrap().clone()
    }
}

impl Store for Overheard {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Entry>> {
        self.store.get(key)
    }

    fn range<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        self.store.range(prefix)
    }

    fn put<'a>(&'a self, key: &'a str, value: &'a [u8], lease: Option<LeaseId>) -> StoreFuture<'a, u64> {
        self.store.put(key, value, lease)
    }

    fn transaction(&self, when: Vec<Compare>, then: Vec<Operation>) -> StoreFuture<'_, Commit> {
        self.store.transaction(when, then)
    }

    fn grant(&self, ttl: Duration) -> StoreFuture<'_, LeaseId> {
        self.store.grant(ttl)
    }

    fn keep_alive(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        self.store.keep_alive(lease)
    }

    fn revoke(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        self.store.revoke(lease)
    }

    fn watch<'a>(&'a self, prefix: &'a str, after: u64) -> StoreFuture<'a, Watching> {
        self.watched.lock().unwrap().push(prefix.to_owned());
        self.store.watch(prefix, after)
    }
}
