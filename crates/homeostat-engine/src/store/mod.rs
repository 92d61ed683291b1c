//! The store behind everything shared: keys with revisions, leases and watches.
//!
//! Two implementations: the embedded one here, for one host, and etcd for many. Both pass the same contract tests.

#[cfg(any(test, feature = "testing"))]
pub mod contract;
mod embedded;
pub mod keys;
mod stand;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

pub use embedded::{EmbeddedStore, STORE_FILE};
pub use stand::Stand;

/// No value above this; larger things are chunked or go from peer to peer.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// No transaction above this.
pub const OPERATIONS_MAX: usize = 100;

/// A future of the store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// The value.
    pub value: Arc<[u8]>,
    /// The revision of the store that last changed it.
    pub mod_revision: u64,
    /// The lease that it goes with.
    pub lease: Option<LeaseId>,
}

/// A lease: its keys go when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// What must hold for a transaction to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Missing(Arc<str>),
    /// The key was last changed by this revision.
    Revision(Arc<str>, u64),
}

/// One operation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sets a key.
    Put {
        /// The key.
        key: Arc<str>,
        /// The value.
        value: Arc<[u8]>,
        /// The lease that it goes with.
        lease: Option<LeaseId>,
    },
    /// Removes a key; a missing one is no error.
    Delete(Arc<str>),
}

/// What a transaction did.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Done, as this revision.
    Done(u64),
    /// A comparison did not hold; nothing was done.
    Refused,
}

/// A change that a watch saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The key.
    pub key: Arc<str>,
    /// The value; none when it was removed.
    pub value: Option<Arc<[u8]>>,
    /// The revision that did it.
    pub revision: u64,
}

/// What a watcher gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchItem {
    /// Changes in the order of their revisions; those of one revision come together.
    Changes(Vec<Changed>),
    /// The watcher was too slow, or asked for a revision that is no longer kept: read the range again.
    Lost,
}

/// A running watch: bounded; a watcher that falls behind gets [`WatchItem::Lost`] and then an end.
pub type Watching = mpsc::Receiver<WatchItem>;

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is not there now.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// A value or transaction is above its limit.
    #[error("{0}")]
    TooLarge(String),
    /// What is on disk cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The lease is over.
    #[error("the lease has ended")]
    LeaseEnded,
}

/// Keys with revisions, leases and watches.
pub trait Store: Send + Sync + 'static {
    /// The entry of a key.
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Entry>>;
    /// The entries whose keys begin with a prefix, in order, and the revision at which they were read.
    fn range<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)>;
    /// Sets a key; says the revision.
    fn put<'a>(&'a self, key: &'a str, value: &'a [u8], lease: Option<LeaseId>) -> StoreFuture<'a, u64>;
    /// Does all operations if all comparisons hold, else none.
    fn transaction(&self, when: Vec<Compare>, then: Vec<Operation>) -> StoreFuture<'_, Commit>;
    /// Grants a lease.
    fn grant(&self, ttl: Duration) -> StoreFuture<'_, LeaseId>;
    /// Keeps a lease for another of its times to live.
    fn keep_alive(&self, lease: LeaseId) -> StoreFuture<'_, ()>;
    /// Ends a lease, and its keys with it.
    fn revoke(&self, lease: LeaseId) -> StoreFuture<'_, ()>;
    /// Reports the changes below a prefix that came after a revision.
    fn watch<'a>(&'a self, prefix: &'a str, after: u64) -> StoreFuture<'a, Watching>;
}

/// Refuses what is too large; says how many bytes it is otherwise.
pub fn within_limits(when: &[Compare], then: &[Operation]) -> Result<usize, StoreError> {
    for (count, what) in [(when.len(), "comparisons"), (then.len(), "operations")] {
        if count > OPERATIONS_MAX {
            return Err(StoreError::TooLarge(format!(
                "{count} {what} in a transaction are more than {OPERATIONS_MAX}"
            )));
        }
    }
    let mut bytes = 0;
    for operation in then {
        if let Operation::Put { key, value, .. } = operation {
            if value.len() > VALUE_BYTES_MAX {
                return Err(StoreError::TooLarge(format!(
                    "the value of `{key}` has {} bytes, more than {VALUE_BYTES_MAX}",
                    value.len()
                )));
            }
            bytes += value.len();
        }
    }
    Ok(bytes)
}
