//! Following a part of the store: what is there, and then what changes, for as long as somebody wants it.

use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Changed, Entry, StoreError, WatchItem};
use tokio::time::{Instant, sleep};

use crate::etcd::EtcdStore;
use crate::pace::Backoff;

/// Who followed for so long had no trouble.
const LONG_LIFE: Duration = Duration::from_secs(10);

/// What is seen.
pub(super) enum Sight {
    /// All there is: at first, and again after changes were missed.
    All(Vec<Entry>),
    /// What changed since.
    Changes(Vec<Changed>),
}

/// Tells of all entries below a prefix, and of every change; never returns.
pub(super) async fn follow(store: &EtcdStore, prefix: &str, mut see: impl FnMut(Sight)) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    loop {
        let since = Instant::now();
        match once(store, prefix, &mut see).await {
            // One that is always lost at once must not go round and round.
            Ok(()) if since.elapsed() > LONG_LIFE => backoff.reset(),
            Ok(()) => {}
            Err(error) => tracing::debug!("`{prefix}` cannot be followed now: {error}"),
        }
        // Those who lost track together do not come back together.
        sleep(backoff.next()).await;
    }
}

async fn once(store: &EtcdStore, prefix: &str, see: &mut impl FnMut(Sight)) -> Result<(), StoreError> {
    let (entries, revision) = store.range(prefix).await?;
    see(Sight::All(entries));
    let mut watching = store.watch(prefix, revision).await?;
    while let Some(WatchItem::Changes(changes)) = watching.recv().await {
        see(Sight::Changes(changes));
    }
    Ok(())
}
