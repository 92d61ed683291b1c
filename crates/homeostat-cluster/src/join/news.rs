//! What every host follows in the store: which certificates are refused, which
//! authorities are trusted, and where members are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Changed, StoreError, WatchItem, Watching, keys};
use tokio::sync::watch;
use tokio::time::sleep;

use super::record::{Record, Refused, TrustedRecord};
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
/// stands, and that it is lost is told.
pub async fn follow(store: Arc<dyn Store>, tell: watch::Sender<Option<News>>, lost: watch::Sender<bool>) {
    let mut wait = BACKOFF.0;
    while !tell.is_closed() {
        match read(&*store).await {
            Ok((news, mut watches)) => {
                wait = BACKOFF.0;
                lost.send_if_modified(std::mem::take);
                tell.send_if_modified(|told| {
                    let is_new = told.as_ref() != Some(&news);
                    *told = Some(news);
                    is_new
                });
                let [refused, members, authority] = &mut watches;
                // Whatever it is, a loss too: it is read again.
                let removal = tokio::select! {
                    removal = refused.recv() => removal,
                    _ = members.recv() => None,
                    _ = authority.recv() => None,
                    () = tell.closed() => None,
                };
                if let Some(WatchItem::Changes(changes)) = removal {
                    tell.send_if_modified(|told| told.as_mut().is_some_and(|told| add(told, &changes)));
                }
                sleep(some_of(SPREAD)).await;
            }
            Err(error) => {
                tracing::debug!("whom to trust is not known anew: {error}");
                lost.send_if_modified(|lost| !std::mem::replace(lost, true));
                sleep(wait).await;
                wait = (wait * 2).min(BACKOFF.1);
            }
        }
    }
}

/// A host that was removed may not read again, and is to know why: so what is refused is taken from the change itself. Says whether that is news.
fn add(news: &mut News, changes: &[Changed]) -> bool {
    let before = news.refused.len();
    let values = changes.iter().filter_map(|changed| Some((&changed.key, changed.value.as_ref()?)));
    let refused = values.filter_map(|(key, value)| Refused::read(key, value).ok());
    news.refused.extend(refused.flat_map(|refused| refused.certificates).map(|known| known.serial));
    news.refused.len() > before
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
