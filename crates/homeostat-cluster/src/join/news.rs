//! What every host follows in the store: which certificates are refused, which
//! authorities are trusted, and where members are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, Watching, keys};
use tokio::sync::watch;
use tokio::time::sleep;

use super::record::{Record, TrustedRecord};
use super::registrar::{members, refused};
use crate::identity::{MemberAddress, Serial};
use crate::pace::some_of;

/// Between attempts to read it, while the store is away: from the first, doubling, to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Not all hosts read it anew within one moment, and what comes together is read together.
const SPREAD: Duration = Duration::from_millis(200);

/// What the store says of whom to trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Certificates that are refused although they are signed.
    pub refused: BTreeSet<Serial>,
    /// Where those are who may be members.
    pub members: Vec<MemberAddress>,
    /// The authorities; none while the store knows none.
    pub trusted: Option<TrustedRecord>,
}

/// Tells what there is and whatever changes, for as long as somebody listens. While the store is away, what was told last
/// stands.
pub async fn follow(store: Arc<dyn Store>, tell: watch::Sender<Option<News>>) {
    let mut wait = BACKOFF.0;
    while !tell.is_closed() {
        match read(&*store).await {
            Ok((news, mut watches)) => {
                wait = BACKOFF.0;
                tell.send_if_modified(|told| {
                    let is_new = told.as_ref() != Some(&news);
                    *told = Some(news);
                    is_new
                });
                let [refused, members, authority] = &mut watches;
                // Whatever it is, a loss too: it is read again.
                tokio::select! {
                    _ = refused.recv() => {}
                    _ = members.recv() => {}
                    _ = authority.recv() => {}
                    () = tell.closed() => {}
                }
                sleep(some_of(SPREAD)).await;
            }
            Err(error) => {
                tracing::debug!("whom to trust is not known anew: {error}");
                sleep(wait).await;
                wait = (wait * 2).min(BACKOFF.1);
            }
        }
    }
}

async fn read(store: &dyn Store) -> Result<(News, [Watching; 3]), StoreError> {
    let (refused, revision) = refused(store).await?;
    let members = members(store).await?;
    let trusted = match store.get(keys::CLUSTER_AUTHORITY).await? {
        Some(entry) => Some(TrustedRecord::read(&entry.key, &entry.value)?),
        None => None,
    };
    // What was read later than the first may be told again.
    let watches = [
        store.watch(keys::CLUSTER_REFUSED, revision).await?,
        store.watch(keys::CLUSTER_CANDIDATES, revision).await?,
        store.watch(keys::CLUSTER_AUTHORITY, revision).await?,
    ];
    Ok((News { refused, members, trusted }, watches))
}
