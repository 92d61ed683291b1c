//! A host in a temporary directory, for tests of kinds and sources.

use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::host::{HostOptions, RootExec, SystemClock};
use homeostat_engine::store::{
    Commit, Compare, Entry, LeaseId, Operation, StoreError, StoreFuture, Watching,
};
use homeostat_engine::{AbsPath, Host, Store};

/// A store that is never there.
struct NoStore;

fn unavailable<'a, T>() -> StoreFuture<'a, T> {
    Box::pin(async { Err(StoreError::Unavailable("there is none in this test".to_owned())) })
}

impl Store for NoStore {
    fn get<'a>(&'a self, _key: &'a str) -> StoreFuture<'a, Option<Entry>> {
        unavailable()
    }
    fn range<'a>(&'a self, _prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        unavailable()
    }
    fn put<'a>(&'a self, _key: &'a str, _value: &'a [u8], _lease: Option<LeaseId>) -> StoreFuture<'a, u64> {
        unavailable()
    }
    fn transaction(&self, _when: Vec<Compare>, _then: Vec<Operation>) -> StoreFuture<'_, Commit> {
        unavailable()
    }
    fn grant(&self, _ttl: Duration) -> StoreFuture<'_, LeaseId> {
        unavailable()
    }
    fn keep_alive(&self, _lease: LeaseId) -> StoreFuture<'_, ()> {
        unavailable()
    }
    fn revoke(&self, _lease: LeaseId) -> StoreFuture<'_, ()> {
        unavailable()
    }
    fn watch<'a>(&'a self, _prefix: &'a str, _after: u64) -> StoreFuture<'a, Watching> {
        unavailable()
    }
}

/// A host whose files are below `root`.
pub(crate) fn host_below(root: &str) -> Host {
    Host::new(HostOptions {
        name: "test".into(),
        id: "test".into(),
        root: AbsPath::parse(root).unwrap(),
        root_exec: RootExec::In,
        store: Arc::new(NoStore),
        clock: Arc::new(SystemClock),
    })
    .unwrap()
}

/// The host itself.
pub(crate) fn whole_host() -> Host {
    host_below("/")
}
