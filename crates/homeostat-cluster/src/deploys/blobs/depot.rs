//! The directory `blobs` of a prefix: large files by their hashes, and which of them are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::manifest::Hash;
use super::reception::Reception;
use crate::identity::write;

/// What is kept for releases that are in the store and do not run here, together with what does; the newest first.
const KEPT_BYTES_MAX: u64 = 32 << 30;
/// What must stay free on the disk: so much, or a twentieth of it if that is less.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// What files begin with that are not whole yet.
const PART: &str = ".homeostat-part-";

/// The large files of a prefix. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Depot(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// What verified releases name, with its size.
    wanted: watch::Sender<BTreeMap<Hash, u64>>,
    /// How many have arrived.
    arrived: watch::Sender<u64>,
    /// What is being received.
    claimed: Mutex<BTreeSet<Hash>>,
}

/// Why a large file cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
    /// The disk.
    #[error("cannot keep it")]
    Disk(#[from] io::Error),
    /// It would fill the disk.
    #[error("there is no room for it on the disk")]
    NoRoom,
    /// Somebody else is giving it to us.
    #[error("it is coming from somebody else just now")]
    Busy,
}

impl Depot {
    /// That of a prefix. Nothing is there before something comes.
    pub fn below(prefix: &Path) -> Self {
        Self(Arc::new(Inner {
            dir: prefix.join("blobs"),
            wanted: watch::Sender::default(),
            arrived: watch::Sender::default(),
            claimed: Mutex::default(),
        }))
    }

    /// The size of a content, if a release that an operator signed names it. Since such a release may have come just now, it is
    /// waited for so long.
    pub async fn wanted(&self, hash: &Hash, for_at_most: Duration) -> Option<u64> {
        let mut wanted = self.0.wanted.subscribe();
        let is_named = wanted.wait_for(|wanted| wanted.contains_key(hash));
        let known = timeout(for_at_most, is_named).await.ok()?.ok()?;
        known.get(hash).copied()
    }

    /// A content to hand out, with its size.
    pub fn open(&self, hash: &Hash) -> io::Result<(File, u64)> {
        let file = File::open(self.path(hash))?;
        let bytes = file.metadata()?.len();
        Ok((file, bytes))
    }

    /// Whether a content is here.
    pub fn has(&self, hash: &Hash, bytes: u64) -> bool {
        fs::metadata(self.path(hash)).is_ok_and(|found| found.len() == bytes)
    }

    /// Where a content is, if it is here and still what it was; damaged ones go.
    pub(super) async fn checked(&self, hash: Hash, bytes: u64) -> io::Result<Option<PathBuf>> {
        let path = self.path(&hash);
        let check = move || {
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            if Hash::of_file(&mut file)? == (hash, bytes) {
                return Ok(Some(path));
            }
            tracing::error!("{} is damaged: it is brought again", path.display());
            write::remove(&path)?;
            Ok(None)
        };
        spawn_blocking(check).await.map_err(io::Error::other)?
    }

    /// Begins to take in a content of this size.
    pub async fn receive(&self, hash: Hash, bytes: u64) -> Result<Reception, DepotError> {
        let claim = Claim::new(self, hash).ok_or(DepotError::Busy)?;
        write::closed_dir(&self.0.dir)?;
        let found = rustix::fs::statvfs(&self.0.dir).map_err(io::Error::from)?;
        let (free, all) = (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize);
        if free.saturating_sub(bytes) < FREE_BYTES_MIN.min(all / 20) {
            return Err(DepotError::NoRoom);
        }
        Ok(Reception::begin(claim, bytes).await?)
    }

    /// What releases name, the newest release first. All else goes, but for what is needed here: it is kept whatever it takes.
    pub(in super::super) fn want(
        &self,
        releases: &[BTreeMap<Hash, u64>],
        needed: &BTreeSet<Hash>,
    ) -> io::Result<()> {
        let wanted: BTreeMap<Hash, u64> =
            releases.iter().flatten().map(|(hash, bytes)| (*hash, *bytes)).collect();
        self.0.wanted.send_replace(wanted);
        let entries = match fs::read_dir(&self.0.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let mut kept = needed.clone();
        let mut room = KEPT_BYTES_MAX;
        for (hash, bytes) in releases.iter().flatten() {
            if kept.contains(hash) || *bytes <= room {
                room = room.saturating_sub(*bytes);
                kept.insert(*hash);
            }
        }
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().map(|name| name.strip_prefix(PART).unwrap_or(name));
            let hash = name.and_then(|name| name.parse::<Hash>().ok());
            if hash.is_some_and(|hash| !kept.contains(&hash) && !self.is_claimed(&hash)) {
                write::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// How many have arrived, from now on.
    pub(in super::super) fn arrivals(&self) -> watch::Receiver<u64> {
        self.0.arrived.subscribe()
    }

    fn path(&self, hash: &Hash) -> PathBuf {
        self.0.dir.join(hash.to_string())
    }

    fn is_claimed(&self, hash: &Hash) -> bool {
        self.0.claimed.lock().unwrap_or_else(PoisonError::into_inner).contains(hash)
    }
}

/// Being the one who takes in a content.
#[derive(Debug)]
pub(super) struct Claim {
    depot: Depot,
    pub(super) hash: Hash,
}

impl Claim {
    fn new(depot: &Depot, hash: Hash) -> Option<Self> {
        let is_new = depot.0.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
        is_new.then(|| Self { depot: depot.clone(), hash })
    }

    /// Where it is while it is not whole.
    pub(super) fn part(&self) -> PathBuf {
        self.depot.0.dir.join(format!("{PART}{}", self.hash))
    }

    /// Puts it in its place; it was verified.
    pub(super) fn arrived(&self) -> io::Result<PathBuf> {
        let path = self.depot.path(&self.hash);
        fs::rename(self.part(), &path)?;
        File::open(&self.depot.0.dir)?.sync_all()?;
        self.depot.0.arrived.send_modify(|arrived| *arrived += 1);
        Ok(path)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.depot.0.claimed.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.hash);
    }
}
