//! Where fetched modules lie: a directory for each commit.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::lockfile::Commit;

/// What a name of a directory may have at most, less what we put before it.
const NAME_BYTES_MAX: usize = 200;
/// Directories that are being made begin so.
const UNFINISHED: &str = ".homeostat-";

/// The modules that were fetched, of all programs.
#[derive(Debug, Clone)]
pub(crate) struct Cache(PathBuf);

/// The right to put something into the cache. Held until it is dropped.
pub(super) struct Writing {
    dir: PathBuf,
    _lock: File,
}

impl Cache {
    /// `$XDG_CACHE_HOME/homeostat` where that is set, else `/var/cache/homeostat` for root and `~/.cache/homeostat` for others. `None`
    /// where there is no such place.
    pub(crate) fn usual() -> Option<Self> {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = match absolute("XDG_CACHE_HOME") {
            Some(cache) => cache,
            None if rustix::process::geteuid().is_root() => "/var/cache".into(),
            None => absolute("HOME")?.join(".cache"),
        };
        Some(Self(cache.join("homeostat/modules")))
    }

    /// Where a module is, if it was fetched.
    pub(super) fn tree(&self, path: &str, commit: &Commit) -> Option<PathBuf> {
        Some(self.place(path, commit)).filter(|place| place.is_dir())
    }

    pub(super) fn place(&self, path: &str, commit: &Commit) -> PathBuf {
        self.0.join(name_of(path)).join(commit.as_str())
    }

    /// Waits until nobody else writes, and removes what somebody left who was interrupted.
    pub(super) fn write(&self) -> io::Result<Writing> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let lock = self.0.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
        flock(&lock, FlockOperation::LockExclusive)?;
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Writing { dir: self.0.clone(), _lock: lock })
    }
}

impl Writing {
    /// A new directory for what is not finished.
    pub(super) fn unfinished(&self, what: &str) -> io::Result<PathBuf> {
        let dir = self.dir.join(format!("{UNFINISHED}{}-{what}", std::process::id()));
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(dir)
    }

    /// Puts a finished directory to its place.
    pub(super) fn finish(&self, unfinished: &Path, place: &Path) -> io::Result<()> {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(unfinished, place)
    }
}

/// Whether the path of a module can be kept.
pub(super) fn is_short_enough(path: &str) -> bool {
    name_of(path).len() <= NAME_BYTES_MAX
}

/// One name for a path.
fn name_of(path: &str) -> String {
    path.trim_end_matches('/').replace('%', "%25").replace('/', "%2F")
}
