//! The directory `blobs` of a prefix: large files by their hashes, and which of them are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_engine::durable;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::manifest::Hash;
use super::coming::{Coming, Way};
use super::reception::Reception;

/// What is kept for releases that are in the store and do not run here, together with what does; the newest first.
pub(super) const KEPT_BYTES_MAX: u64 = 32 << 30;
/// What must stay free on the disk: so much, or a twentieth of it if that is less.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// What files begin with that are not whole yet. Of those that are given, a dot and a number follow the hash.
const PART: &str = ".homeostat-part-";

/// The large files of a prefix. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Depot(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// What verified releases name.
    wanted: watch::Sender<BTreeMap<Hash, Wanted>>,
    /// How many have arrived.
    arrived: watch::Sender<u64>,
    coming: Mutex<Coming>,
    /// How often something was given.
    given: AtomicU64,
}

/// A content that releases name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its size.
    pub bytes: u64,
    /// A release that is for this host names it.
    pub is_for_us: bool,
}

/// What a release names.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Named {
    /// It is for this host.
    pub(in super::super) is_for_us: bool,
    /// Its large files with their sizes.
    pub(in super::super) files: BTreeMap<Hash, u64>,
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
    /// It is being fetched.
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
            coming: Mutex::default(),
            given: AtomicU64::default(),
        }))
    }

    /// A content, if a release that an operator signed names it and it would be kept. Since such a release may have come just now, it is
    /// waited for so long.
    pub async fn wanted(&self, hash: &Hash, for_at_most: Duration) -> Option<Wanted> {
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
            durable::remove_lazily(&path)?;
            Ok(None)
        };
        spawn_blocking(check).await.map_err(io::Error::other)?
    }

    /// Begins to fetch a content of this size, or goes on where that stopped.
    pub(super) async fn fetch(&self, hash: Hash, bytes: u64) -> Result<Reception, DepotError> {
        self.receive(hash, Way::Fetched, bytes).await
    }

    /// Begins to take in a content of this size that somebody gives. It has a place of its own until it is whole.
    pub async fn take(&self, hash: Hash, bytes: u64) -> Result<Reception, DepotError> {
        let way = Way::Given(self.0.given.fetch_add(1, Ordering::Relaxed));
        self.receive(hash, way, bytes).await
    }

    async fn receive(&self, hash: Hash, way: Way, bytes: u64) -> Result<Reception, DepotError> {
        durable::make_dir(&self.0.dir)?;
        let claim = Claim::new(self, hash, way, bytes)?.ok_or(DepotError::Busy)?;
        if !claim.has_room()? {
            return Err(DepotError::NoRoom);
        }
        Ok(Reception::begin(claim, bytes).await?)
    }

    /// What may be filled of the disk.
    fn free(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.0.dir)?;
        let (free, all) = (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize);
        Ok(free.saturating_sub(FREE_BYTES_MIN.min(all / 20)))
    }

    /// What releases name, the newest release first. All else goes, but for what is needed here: it is kept whatever it takes.
    pub(in super::super) fn want(&self, releases: &[Named], needed: &BTreeSet<Hash>) -> io::Result<()> {
        let mut kept = needed.clone();
        let mut room = KEPT_BYTES_MAX;
        let mut wanted: BTreeMap<Hash, Wanted> = BTreeMap::new();
        for (is_for_us, hash, bytes) in releases
            .iter()
            .flat_map(|named| named.files.iter().map(|(hash, bytes)| (named.is_for_us, *hash, *bytes)))
        {
            if kept.contains(&hash) || bytes <= room {
                room = room.saturating_sub(bytes);
                kept.insert(hash);
                let wanted = wanted.entry(hash).or_insert(Wanted { bytes, is_for_us });
                wanted.is_for_us |= is_for_us;
            }
        }
        self.0.wanted.send_replace(wanted);
        let entries = match fs::read_dir(&self.0.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some((hash, given)) = name.to_str().and_then(parse_name) else { continue };
            // What was given, and not whole when that ended, is of use to nobody.
            let is_useless = match given {
                Some(number) => !self.coming().has(hash, Way::Given(number)),
                None => !kept.contains(&hash) && !self.coming().is_any(hash),
            };
            if is_useless {
                durable::remove_lazily(&entry.path())?;
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

    fn coming(&self) -> MutexGuard<'_, Coming> {
        self.0.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of which content a file is, and which number it was given with.
fn parse_name(name: &str) -> Option<(Hash, Option<u64>)> {
    let Some(part) = name.strip_prefix(PART) else { return Some((name.parse().ok()?, None)) };
    match part.split_once('.') {
        Some((hash, number)) => Some((hash.parse().ok()?, Some(number.parse().ok()?))),
        None => Some((part.parse().ok()?, None)),
    }
}

/// Being the one who takes in a content.
#[derive(Debug)]
pub(super) struct Claim {
    depot: Depot,
    pub(super) hash: Hash,
    way: Way,
}

impl Claim {
    /// None where somebody else takes it in the same way.
    fn new(depot: &Depot, hash: Hash, way: Way, bytes: u64) -> io::Result<Option<Self>> {
        let part = part(depot, hash, way);
        if !depot.coming().begin(hash, way, 0, bytes) {
            return Ok(None);
        }
        let claim = Self { depot: depot.clone(), hash, way };
        if way == Way::Fetched {
            claim.reached(fs::metadata(part).map_or(0, |part| part.len()));
        } else {
            durable::remove_lazily(&part)?;
        }
        Ok(Some(claim))
    }

    /// Where it is while it is not whole.
    pub(super) fn part(&self) -> PathBuf {
        part(&self.depot, self.hash, self.way)
    }

    /// So much of it is there.
    pub(super) fn reached(&self, at: u64) {
        self.depot.coming().reached(self.hash, self.way, at);
    }

    /// Whether there is room for the rest of it. What this host fetches takes it from what is given.
    pub(super) fn has_room(&self) -> io::Result<bool> {
        let free = self.depot.free()?;
        Ok(self.depot.coming().has_room(self.way, free))
    }

    /// Whether somebody gives it unasked.
    pub(super) fn is_given(&self) -> bool {
        self.way != Way::Fetched
    }

    /// Puts it in its place; it was verified.
    pub(super) fn arrived(&self) -> io::Result<PathBuf> {
        let path = self.depot.path(&self.hash);
        durable::rename(&self.part(), &path)?;
        if self.is_given() && !self.depot.coming().has(self.hash, Way::Fetched) {
            durable::remove_lazily(&part(&self.depot, self.hash, Way::Fetched))?;
        }
        self.depot.0.arrived.send_modify(|arrived| *arrived += 1);
        Ok(path)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.depot.coming().end(self.hash, self.way);
        // What was fetched is gone on with, unless somebody gave all of it meanwhile.
        let is_useless = self.is_given() || self.depot.path(&self.hash).exists();
        if is_useless && let Err(error) = durable::remove_lazily(&self.part()) {
            tracing::warn!("{} stays: {error}", self.part().display());
        }
    }
}

fn part(depot: &Depot, hash: Hash, way: Way) -> PathBuf {
    depot.0.dir.join(match way {
        Way::Fetched => format!("{PART}{hash}"),
        Way::Given(number) => format!("{PART}{hash}.{number}"),
    })
}
