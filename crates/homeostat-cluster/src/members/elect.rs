//! One member is elected to change the others: it holds a key under a lease, and steps down when it cannot keep it.
//!
//! What it does is fenced by that key: a transaction of one who was elected before and does not know better is refused.

use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, LeaseId, Operation, StoreError, keys};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::etcd::EtcdStore;
use crate::pace::about;

/// Nobody waits for longer to give a mandate back.
const LAY_DOWN_PATIENCE: Duration = Duration::from_secs(1);

/// What the elected one holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mandate {
    lease: LeaseId,
    ttl: Duration,
    /// When its lease was asked for.
    since: Instant,
    /// The revision of the key, by which transactions are fenced.
    revision: u64,
}

/// Waits until this host is elected.
pub(super) async fn campaign(store: &EtcdStore, host: &str, ttl: Duration) -> Mandate {
    loop {
        match attempt(store, host, ttl).await {
            Ok(Some(mandate)) => return mandate,
            Ok(None) => {}
            Err(error) => tracing::debug!("cannot ask to be elected: {error}"),
        }
        // Whoever sees the key go asks at once; nobody is late by more than this.
        let gone = until_vacant(store);
        drop(timeout(about(ttl * 2), gone).await);
        sleep(about(ttl / 10)).await;
    }
}

async fn attempt(store: &EtcdStore, host: &str, ttl: Duration) -> Result<Option<Mandate>, StoreError> {
    if store.get(keys::CLUSTER_ELECTED).await?.is_some() {
        return Ok(None);
    }
    let since = Instant::now();
    let lease = store.grant(ttl).await?;
    let put = Operation::Put {
        key: keys::CLUSTER_ELECTED.into(),
        value: super::records::encode(&host).into(),
        lease: Some(lease),
    };
    let vacant = vec![Compare::Missing(keys::CLUSTER_ELECTED.into())];
    match store.transaction(vacant, vec![put]).await {
        Ok(Commit::Done(revision)) => Ok(Some(Mandate { lease, ttl, since, revision })),
        Ok(Commit::Refused) => {
            store.revoke(lease).await?;
            Ok(None)
        }
        // If it was done all the same, it ends with its lease.
        Err(error) => {
            drop(store.revoke(lease).await);
            Err(error)
        }
    }
}

/// Returns when nobody is elected, as far as a watch can tell.
async fn until_vacant(store: &EtcdStore) {
    use homeostat_engine::store::WatchItem;
    let Ok((entries, revision)) = store.range(keys::CLUSTER_ELECTED).await else { return };
    if entries.is_empty() {
        return;
    }
    let Ok(mut watching) = store.watch(keys::CLUSTER_ELECTED, revision).await else { return };
    while let Some(WatchItem::Changes(changes)) = watching.recv().await {
        if changes.iter().any(|changed| changed.value.is_none()) {
            return;
        }
    }
}

impl Mandate {
    /// Keeps it for as long as that works. When this returns, nobody else has been elected yet.
    pub(super) async fn hold(&self, store: &EtcdStore) {
        // Less than the lease, which began before we heard of it.
        let safe = self.ttl * 2 / 3;
        let mut until = self.since + safe;
        loop {
            let asked = Instant::now();
            match timeout_at(until, store.keep_alive(self.lease)).await {
                Ok(Ok(())) => until = asked + safe,
                Ok(Err(StoreError::LeaseEnded)) | Err(_) => return,
                Ok(Err(error)) => tracing::debug!("the mandate is not kept yet: {error}"),
            }
            if Instant::now() >= until {
                return;
            }
            sleep(self.ttl / 3).await;
        }
    }

    /// Gives it back, so that the next one need not wait.
    pub(super) async fn lay_down(self, store: &EtcdStore) {
        // If that is not heard, it ends with its lease.
        drop(timeout(LAY_DOWN_PATIENCE, store.revoke(self.lease)).await);
    }

    /// Does it, if we are still elected.
    pub(super) async fn commit(&self, store: &EtcdStore, then: Vec<Operation>) -> Result<Commit, StoreError> {
        let fence = Compare::Revision(keys::CLUSTER_ELECTED.into(), self.revision);
        store.transaction(vec![fence], then).await
    }
}
