//! Whether the store still has the past that this host knows.
//!
//! A store can go back: its last member goes on from an old copy, or somebody restores one. What hosts had written since then is
//! gone, and no watch tells of it. So whoever owns something there is told, and writes it again. Being told once too often costs a
//! look; a watch that lost track for another reason tells it as well.

use std::sync::Arc;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, Watching, keys};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::pace::Backoff;

/// What tells one past from another.
#[derive(PartialEq, Eq)]
struct Past {
    mark: Option<Arc<[u8]>>,
    revision: u64,
}

/// Counts, until nobody looks any more, how often the store may have gone back.
pub(crate) async fn follow(store: Arc<dyn Store>, turns: watch::Sender<u64>) {
    let mut backoff = Backoff::default();
    let mut known: Option<Past> = None;
    while !turns.is_closed() {
        match begin(&*store).await {
            Ok((past, mut watching)) => {
                backoff.reset();
                if known.is_some_and(|known| known.mark != past.mark || known.revision > past.revision) {
                    turns.send_modify(|turns| *turns += 1);
                }
                known = Some(past);
                let item = tokio::select! {
                    item = watching.recv() => item,
                    () = turns.closed() => return,
                };
                // The mark is another one, or the watch lost track, as it does when the past is another one.
                if item.is_some() {
                    known = None;
                    turns.send_modify(|turns| *turns += 1);
                }
            }
            Err(error) => tracing::debug!("whether the store went back is not known now: {error}"),
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = turns.closed() => return,
        }
    }
}

async fn begin(store: &dyn Store) -> Result<(Past, Watching), StoreError> {
    let (entries, revision) = store.range(keys::CLUSTER_RECOVERED).await?;
    let watching = store.watch(keys::CLUSTER_RECOVERED, revision).await?;
    Ok((Past { mark: entries.into_iter().next().map(|entry| entry.value), revision }, watching))
}
