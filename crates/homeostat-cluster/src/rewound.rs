//! A store for tests that goes back to what an old copy of it has.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, Entry, LeaseId, Operation, StoreFuture, WatchItem, Watching};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Passes everything on, to the copy from the moment on when it went back.
pub(crate) struct Rewound {
    now: Mutex<Arc<dyn Store>>,
    turns: watch::Sender<u64>,
    watches: Mutex<JoinSet<()>>,
}

impl Rewound {
    pub(crate) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(store), turns: watch::Sender::new(0), watches: Mutex::default() })
    }

    /// It has what this one has from now on, and all watches are lost.
    pub(crate) fn go_back(&self, copy: Arc<dyn Store>) {
        *self.now.lock().unwrap() = copy;
        self.turns.send_modify(|turns| *turns += 1);
    }

    fn now(&self) -> Arc<dyn Store> {
        self.now.lock().unwrap().clone()
    }
}

impl Store for Rewound {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Entry>> {
        Box::pin(async move { self.now().get(key).await })
    }

    fn range<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        Box::pin(async move { self.now().range(prefix).await })
    }

    fn put<'a>(&'a self, key: &'a str, value: &'a [u8], lease: Option<LeaseId>) -> StoreFuture<'a, u64> {
        Box::pin(async move { self.now().put(key, value, lease).await })
    }

    fn transaction(&self, when: Vec<Compare>, then: Vec<Operation>) -> StoreFuture<'_, Commit> {
        Box::pin(async move { self.now().transaction(when, then).await })
    }

    fn grant(&self, ttl: Duration) -> StoreFuture<'_, LeaseId> {
        Box::pin(async move { self.now().grant(ttl).await })
    }

    fn keep_alive(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.now().keep_alive(lease).await })
    }

    fn revoke(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.now().revoke(lease).await })
    }

    fn watch<'a>(&'a self, prefix: &'a str, after: u64) -> StoreFuture<'a, Watching> {
        Box::pin(async move {
            let mut turns = self.turns.subscribe();
            let mut passed_on = self.now().watch(prefix, after).await?;
            let (teller, watching) = mpsc::channel(64);
            self.watches.lock().unwrap().spawn(async move {
                loop {
                    let (item, is_last) = tokio::select! {
                        item = passed_on.recv() => match item {
                            Some(item) => (item, false),
                            None => return,
                        },
                        _ = turns.changed() => (WatchItem::Lost, true),
                    };
                    if teller.send(item).await.is_err() || is_last {
                        return;
                    }
                }
            });
            Ok(watching)
        })
    }
}
