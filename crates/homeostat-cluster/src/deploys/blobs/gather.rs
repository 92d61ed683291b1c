//! Getting the files of a release together: small ones from the store, large ones from whoever has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, keys};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use super::super::chain::Chain;
use super::super::draft::{Body, Draft};
use super::super::manifest::{Hash, Manifest};
use super::super::store::{FetchError, fetch};
use super::depot::{Depot, DepotError};
use super::holder::{Holder, holders};
use super::pieces::Pieces;
use super::reception::{Patience, ReceptionError};
use crate::pace::random;

/// Files that come at once.
const AT_ONCE: usize = 4;
/// Hosts that are asked for one file before it is tried again later.
const ASKED_MAX: usize = 16;

/// Brings bytes from other hosts.
pub trait Courier: Send + Sync + 'static {
    /// What a host has for a hash, from an offset on.
    fn fetch(&self, from: &Holder, hash: Hash, offset: u64) -> Pieces;
}

/// The other hosts, where they can be reached.
#[derive(Clone)]
pub struct Peers {
    /// Where they reach us.
    pub own: SocketAddr,
    /// Who brings what they have.
    pub courier: Arc<dyn Courier>,
    /// What is asked of them.
    pub patience: Patience,
}

/// Why the files of a release are not together yet.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum GatherError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Nobody gave it; what they said instead.
    #[error("waiting: blob {} of release {number} is with nobody reachable{}", short(.hash), told(.tried))]
    Nobody { number: u64, hash: Hash, tried: Vec<String> },
    /// Something in it broke.
    #[error("getting the files of release {number} together broke off")]
    Ended { number: u64 },
    /// It cannot be kept here.
    #[error("waiting: blob {} of release {number}", short(.hash))]
    Depot {
        number: u64,
        hash: Hash,
        #[source]
        source: DepotError,
    },
}

impl GatherError {
    /// Whether it may pass by itself within moments.
    pub(in super::super) fn is_expected(&self) -> bool {
        matches!(self, Self::Nobody { .. } | Self::Depot { source: DepotError::Busy, .. })
    }
}

fn short(hash: &Hash) -> String {
    hash.to_string().chars().take(12).collect()
}

fn told(tried: &[String]) -> String {
    if tried.is_empty() { String::new() } else { format!(" ({})", tried.join("; ")) }
}

impl From<StoreError> for GatherError {
    fn from(error: StoreError) -> Self {
        Self::Fetch(error.into())
    }
}

/// Whom files may be had from.
#[derive(Default)]
struct Sources(Vec<Source>);

struct Source {
    holder: Holder,
    /// Those who are alive are asked first.
    is_alive: bool,
    /// Nobody is asked for two files at once: it would refuse.
    turn: Mutex<()>,
}

/// The next one to ask: one that gives nothing to us just now, among those who are alive.
fn next<'s>(queue: &mut VecDeque<&'s Source>) -> Option<&'s Source> {
    let is_free = |source: &&Source| source.is_alive && source.turn.try_lock().is_ok();
    let at = queue.iter().position(is_free).unwrap_or_default();
    queue.remove(at)
}

/// Gets files together.
#[derive(Clone)]
pub(in super::super) struct Gatherer {
    pub(in super::super) store: Arc<dyn Store>,
    pub(in super::super) host: Arc<str>,
    pub(in super::super) depot: Depot,
    pub(in super::super) peers: Option<Peers>,
    /// Which releases name which large files: whoever has one of those has the file.
    pub(in super::super) named: BTreeMap<u64, BTreeMap<Hash, u64>>,
}

impl Gatherer {
    /// All files of a release. Those that came stay, if others do not.
    pub(in super::super) async fn gather(&self, manifest: &Manifest) -> Result<Draft, GatherError> {
        let number = manifest.number;
        let mut draft = fetch(&*self.store, manifest).await?;
        let missing: Vec<(Hash, u64)> = draft
            .contents()
            .values()
            .filter(|content| content.body == Body::Elsewhere)
            .map(|content| (content.hash, content.bytes))
            .collect();
        if missing.is_empty() {
            return Ok(draft);
        }
        let sources = match &self.peers {
            Some(_) => Arc::new(self.sources().await?),
            None => Arc::default(),
        };
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut coming = JoinSet::new();
        for (hash, bytes) in missing {
            let (own, sources, permits) = (self.clone(), sources.clone(), permits.clone());
            coming.spawn(async move {
                let _permit = permits.acquire_owned().await;
                own.bring(number, hash, bytes, &sources).await.map(|path| (hash, path))
            });
        }
        let mut failed = None;
        for brought in coming.join_all().await {
            match brought {
                Ok((hash, path)) => draft.found(hash, &path),
                Err(error) => failed = Some(failed.unwrap_or(error)),
            }
        }
        failed.map_or(Ok(draft), Err)
    }

    async fn sources(&self) -> Result<Sources, StoreError> {
        let holders = holders(&*self.store).await?;
        let (hosts, _) = self.store.range(keys::HOSTS).await?;
        let alive: BTreeSet<String> = hosts.iter().filter_map(|entry| keys::parse_host(&entry.key)).collect();
        let source = |holder: Holder| {
            let is_alive = alive.contains(&holder.host);
            Source { holder, is_alive, turn: Mutex::default() }
        };
        Ok(Sources(holders.into_iter().map(source).collect()))
    }

    /// One file: where it is here.
    async fn bring(
        &self,
        number: u64,
        hash: Hash,
        bytes: u64,
        sources: &Sources,
    ) -> Result<PathBuf, GatherError> {
        let no_place = |source| GatherError::Depot { number, hash, source };
        if let Some(path) = self.depot.checked(hash, bytes).await.map_err(|error| no_place(error.into()))? {
            return Ok(path);
        }
        let mut tried = Vec::new();
        let Some(peers) = &self.peers else { return Err(GatherError::Nobody { number, hash, tried }) };
        let mut reception = self.depot.fetch(hash, bytes).await.map_err(no_place)?;
        // All of it was there when it was cut off.
        if reception.at() == bytes
            && let Ok(path) = reception.finish().await
        {
            return Ok(path);
        }
        let mut queue = self.in_order(&hash, sources);
        // Whose bytes are in it. What was there before may be anybody's.
        let mut givers = if reception.at() > 0 { 2 } else { 0 };
        let mut had_another_chance = BTreeSet::new();
        while let Some(source) = next(&mut queue) {
            let _turn = source.turn.lock().await;
            let holder = &source.holder;
            // Somebody may have given it meanwhile.
            if let Ok(Some(path)) = self.depot.checked(hash, bytes).await {
                return Ok(path);
            }
            let before = reception.at();
            let mut pieces = peers.courier.fetch(holder, hash, before);
            let mut took = reception.take(&mut pieces, peers.patience).await.map(|()| None);
            givers += usize::from(reception.at() > before);
            if took.is_ok() {
                took = reception.finish().await.map(Some);
            }
            match took {
                Ok(Some(path)) => return Ok(path),
                Ok(None) => {}
                Err(ReceptionError::Disk(error)) => return Err(no_place(error.into())),
                Err(error) => {
                    if matches!(error, ReceptionError::Different) {
                        // Who of them lied is not known: the last one may show that it was not it.
                        if givers > 1 && had_another_chance.insert(&holder.host) {
                            queue.push_front(source);
                        }
                        givers = 0;
                    }
                    let error = Chain(&error);
                    tracing::warn!(
                        "blob {} of release {number}, from `{}`: {error}",
                        short(&hash),
                        holder.host
                    );
                    tried.push(format!("`{}`: {error}", holder.host));
                }
            }
        }
        Err(GatherError::Nobody { number, hash, tried })
    }

    /// Whom to ask for a file, by chance, those who are alive first.
    fn in_order<'h>(&self, hash: &Hash, sources: &'h Sources) -> VecDeque<&'h Source> {
        let has_it = |Source { holder, .. }: &&Source| {
            let names = |number| self.named.get(number).is_some_and(|named| named.contains_key(hash));
            *holder.host != *self.host && holder.releases.iter().any(names)
        };
        let mut all: Vec<&Source> = sources.0.iter().filter(has_it).collect();
        all.sort_by_cached_key(|source| (!source.is_alive, random()));
        all.truncate(ASKED_MAX);
        all.into()
    }
}
