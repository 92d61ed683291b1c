//! Following the releases in the store: each is verified, it is decided whether it may be taken, and it is put on the shelf and
//! offered to whoever runs it.
//!
//! While the store is away nothing is offered, and what runs goes on. What does not check is logged once.

use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, WatchItem, Watching, keys};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::blobs::{Depot, Peers};
use super::rollout::HostStanding;
use super::shelf::{Shelf, Shelved};
use super::store::Stored;
use super::watcher::{Sight, Tell, Watcher};
use crate::identity::ClusterDir;
use crate::pace::{Backoff, some_of};

/// Many hosts that hear of something do not all ask at once.
const SPREAD: Duration = Duration::from_millis(50);

/// Who follows.
#[derive(Clone)]
pub struct Party {
    /// The store that is shared.
    pub store: Arc<dyn Store>,
    /// Who we are.
    pub host: Arc<str>,
    /// The cluster whose releases are taken.
    pub cluster: String,
    /// Where the operators are pinned.
    pub dir: ClusterDir,
    /// Where releases go.
    pub shelf: Shelf,
    /// Where large files lie.
    pub depot: Depot,
    /// Where they come from, if hosts reach each other.
    pub peers: Option<Peers>,
    /// Whether this host may look at all others for those that wait for each other: it may write what they hear.
    pub may_lead: bool,
}

/// What a host should run from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// This release.
    Take(Shelved),
    /// The release before the one with this number, which failed on a host.
    GoBack {
        /// The one to leave.
        from: u64,
        /// Where it failed.
        failed_on: Arc<str>,
    },
    /// Nothing: the store has another release under the number of one that was taken here. It failed on this host.
    Refused(u64),
}

/// Follows until it is dropped.
pub struct Follower {
    offers: mpsc::Receiver<Offer>,
    waits: watch::Receiver<Option<Arc<str>>>,
    trouble: watch::Receiver<Option<Arc<str>>>,
    _tasks: JoinSet<()>,
}

impl Follower {
    /// Begins. `standing` tells how this host stands.
    pub fn start(party: Party, standing: watch::Receiver<HostStanding>) -> Self {
        let mut tasks = JoinSet::new();
        let (tell, view) = watch::channel(None);
        tasks.spawn(watch_releases(party.store.clone(), tell));
        // One offer at a time: the next is made when it is known what became of the last.
        let (offer, offers) = mpsc::channel(1);
        let (tell, waits) = watch::channel(None);
        let (tell_trouble, trouble) = watch::channel(None);
        let watcher =
            Watcher::new(party, Sight { view, standing }, offer, Tell { waits: tell, trouble: tell_trouble });
        tasks.spawn(watcher.run());
        Self { offers, waits, trouble, _tasks: tasks }
    }

    /// The next thing to run; none is coming when it does not return. Cancel-safe.
    pub async fn next(&mut self) -> Offer {
        match self.offers.recv().await {
            Some(offer) => offer,
            None => std::future::pending().await,
        }
    }

    /// What is wrong with the operators in the store, for people.
    pub fn trouble(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.trouble.clone()
    }

    /// What the release that is to be taken waits for, for people.
    pub fn waits(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.waits.clone()
    }
}

/// What the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) releases: Vec<Stored>,
    pub(super) rosters: Vec<Stored>,
    /// Grows when a watch lost track, as it does when the store went back.
    pub(super) turns: u64,
}

/// Reads again whatever changes, for as long as somebody listens.
async fn watch_releases(store: Arc<dyn Store>, tell: watch::Sender<Option<View>>) {
    let mut backoff = Backoff::default();
    let mut turns = 0;
    while !tell.is_closed() {
        match read(&*store, turns).await {
            Ok((view, [mut releases, mut rosters])) => {
                backoff.reset();
                tell.send_if_modified(|told| {
                    let is_new = told.as_ref() != Some(&view);
                    *told = Some(view);
                    is_new
                });
                // Whatever it is, a loss too: it is read again.
                let item = tokio::select! {
                    item = releases.recv() => item,
                    item = rosters.recv() => item,
                    () = tell.closed() => return,
                };
                turns += u64::from(item == Some(WatchItem::Lost));
                sleep(some_of(SPREAD)).await;
            }
            Err(error) => {
                tracing::debug!("releases are not known anew: {error}");
                sleep(backoff.next()).await;
            }
        }
    }
}

async fn read(store: &dyn Store, turns: u64) -> Result<(View, [Watching; 2]), StoreError> {
    let (rosters, revision) = Stored::below(store, keys::OPERATORS).await?;
    let releases = Stored::below(store, keys::DEPLOYS).await?.0;
    // What was read later than the first may be told again.
    let watches =
        [store.watch(keys::DEPLOYS, revision).await?, store.watch(keys::OPERATORS, revision).await?];
    Ok((View { releases, rosters, turns }, watches))
}
