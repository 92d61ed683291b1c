//! Keeping our own summary in the store, for as long as we live.

use std::sync::Arc;

use homeostat_engine::Store;
use homeostat_engine::store::{LeaseId, StoreError, keys};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{LEASE, Summary, UPDATES};
use crate::pace::{Backoff, some_of};

/// Whether the store hears of us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Contact {
    /// Nobody knows yet.
    #[default]
    Unknown,
    /// It did when it was last tried.
    Kept,
    /// It did not, and why.
    Lost(Arc<str>),
}

/// Writes each summary, at most one a second, under a lease that is kept alive and granted anew when it is lost; `held` is that
/// lease, for whatever else is to go with us. Where the store may have gone back, which `turns` counts, all of that is begun anew. Ends when the sender of the summaries is gone, and takes ours away then.
pub async fn announce(
    store: Arc<dyn Store>,
    host: Arc<str>,
    mut summaries: watch::Receiver<Summary>,
    contact: watch::Sender<Contact>,
    held: watch::Sender<Option<LeaseId>>,
    mut turns: watch::Receiver<u64>,
) {
    let mut backoff = Backoff::default();
    let mut lease = None;
    // However much there is to say: a lease lives by being kept alive alone.
    let mut keep_at = Instant::now();
    // None: what is there is not what we would say.
    let mut said_at: Option<Instant> = None;
    loop {
        let done = match lease {
            None => {
                said_at = None;
                let granted = store.grant(LEASE).await;
                granted.map(|granted| {
                    lease = Some(granted);
                    held.send_replace(lease);
                    keep_at = next_keep();
                })
            }
            Some(lease) if keep_at <= Instant::now() => {
                store.keep_alive(lease).await.map(|()| keep_at = next_keep())
            }
            Some(lease) => {
                let summary = summaries.borrow_and_update().clone();
                let put = store.put(&keys::host(&host), &summary.to_bytes(), Some(lease)).await;
                put.map(|_| said_at = Some(Instant::now()))
            }
        };
        let next_at = match done {
            Ok(()) => {
                backoff.reset();
                tell(&contact, Contact::Kept);
                keep_at
            }
            Err(StoreError::LeaseEnded) => {
                lease = None;
                held.send_replace(None);
                sleep(some_of(UPDATES)).await;
                continue;
            }
            Err(error) => {
                tell(&contact, Contact::Lost(error.to_string().into()));
                Instant::now() + backoff.next()
            }
        };
        if said_at.is_none() && matches!(*contact.borrow(), Contact::Kept) {
            continue;
        }
        tokio::select! {
            changed = summaries.changed() => {
                if changed.is_err() {
                    return leave(&*store, lease).await;
                }
                // What changes meanwhile is said with it.
                let next = said_at.take().map_or_else(Instant::now, |said| said + UPDATES);
                while let Ok(changed) = timeout_at(next, summaries.changed()).await {
                    if changed.is_err() {
                        return leave(&*store, lease).await;
                    }
                }
            }
            // It may know our lease, and not what we said under it.
            Ok(()) = turns.changed() => {
                lease = None;
                held.send_replace(None);
                sleep(some_of(UPDATES)).await;
            }
            () = sleep_until(next_at) => {}
        }
    }
}

/// When a lease that was just granted or kept is kept again.
fn next_keep() -> Instant {
    Instant::now() + LEASE / 4 + some_of(LEASE / 12)
}

fn tell(contact: &watch::Sender<Contact>, now: Contact) {
    contact.send_if_modified(|before| {
        let is_news = *before != now;
        *before = now;
        is_news
    });
}

async fn leave(store: &dyn Store, lease: Option<LeaseId>) {
    if let Some(lease) = lease
        && let Err(error) = store.revoke(lease).await
    {
        tracing::debug!("other hosts learn of our end when the lease is over: {error}");
    }
}
