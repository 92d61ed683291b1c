//! What other hosts are told of our vertices: of those that they refer to, whether each is done and how often it changed.
//!
//! Everything is written under the lease of this host, so that what a dead host said goes with it, and everything anew when that
//! lease is another one. The latest counts: what changes while something is written is written together, as a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::store::{LeaseId, Operation, Stand, StoreError, keys};
use homeostat_engine::{Stands, Store};
use homeostat_model::ResourceId;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::exchange::transactions;
use crate::pace::Backoff;

/// What changes within such a time is told together.
const GATHER: Duration = Duration::from_millis(5);

/// What there is to tell.
pub struct Told {
    /// How our vertices stand.
    pub stands: watch::Receiver<Stands>,
    /// The digest of the catalog that they are declared in; empty before the first one.
    pub catalog: watch::Receiver<Arc<str>>,
    /// The lease that it goes with.
    pub lease: watch::Receiver<Option<LeaseId>>,
}

/// Tells it until nobody gives any more news.
pub async fn publish(store: Arc<dyn Store>, host: Arc<str>, mut told: Told) {
    let mut backoff = Backoff::default();
    let mut said = Said::default();
    loop {
        let lease = *told.lease.borrow_and_update();
        let catalog = told.catalog.borrow_and_update().clone();
        let stands = told.stands.borrow_and_update().clone();
        // Before the first catalog nobody knows what is no longer said.
        let done = match lease {
            Some(lease) if !catalog.is_empty() => said.tell(&*store, &host, lease, &catalog, &stands).await,
            Some(_) | None => Ok(()),
        };
        let wait = match done {
            Ok(()) => {
                backoff.reset();
                None
            }
            Err(error) => {
                tracing::debug!("other hosts are not told how our vertices stand: {error}");
                // Some of it may have been written.
                said = Said::default();
                Some(backoff.next())
            }
        };
        let goes_on = tokio::select! {
            changed = told.stands.changed() => changed.is_ok(),
            changed = told.catalog.changed() => changed.is_ok(),
            changed = told.lease.changed() => changed.is_ok(),
            () = retry(wait) => true,
        };
        if !goes_on {
            return;
        }
        sleep(GATHER).await;
    }
}

/// What was said last.
#[derive(Default)]
struct Said {
    /// None: what is there is not known.
    under: Option<LeaseId>,
    values: BTreeMap<ResourceId, Vec<u8>>,
}

impl Said {
    async fn tell(
        &mut self,
        store: &dyn Store,
        host: &str,
        lease: LeaseId,
        catalog: &str,
        stands: &BTreeMap<ResourceId, Option<Stand>>,
    ) -> Result<(), StoreError> {
        let mut gone: BTreeSet<Arc<str>> = BTreeSet::new();
        if self.under != Some(lease) {
            let (entries, _) = store.range(&keys::vertices_of(host)).await?;
            gone.extend(entries.into_iter().map(|entry| entry.key));
            self.values.clear();
        } else {
            gone.extend(self.values.keys().map(|id| keys::vertex(host, id).into()));
        }
        let mut operations = Vec::new();
        let mut values = BTreeMap::new();
        for (id, stand) in stands {
            let key: Arc<str> = keys::vertex(host, id).into();
            gone.remove(&key);
            // Of one that was not looked at yet, what was said before may still be right, and goes with its lease.
            let Some(stand) = stand else { continue };
            let value = stand.to_bytes(catalog);
            if self.values.get(id) != Some(&value) {
                operations.push(Operation::Put { key, value: value.clone().into(), lease: Some(lease) });
            }
            values.insert(id.clone(), value);
        }
        operations.extend(gone.into_iter().map(Operation::Delete));
        for transaction in transactions(operations) {
            // Without comparisons it is never refused, and twice is as good as once.
            store.transaction(Vec::new(), transaction).await.map(drop)?;
        }
        *self = Self { under: Some(lease), values };
        Ok(())
    }
}

async fn retry(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
