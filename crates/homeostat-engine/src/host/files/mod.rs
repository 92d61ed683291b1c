//! Files below the root.
//!
//! Everything here is synchronous and meant to be called right where a check or an apply stands: local file systems answer
//! in microseconds. [`Host::run_on`](super::Host::run_on) takes care of those that may not.
//!
//! Invariants: what a path names is found without following links that others may have made; nothing is written half; what
//! is not declared about a file stays as it was when the file is replaced.

mod create;
mod dir;
mod error;
mod identity;
mod leftovers;
mod mounts;
mod owners;
mod read;
mod remove;
mod resolve;
mod write;

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

pub use dir::{Dir, DirEntry};
pub use error::FileError;
pub use identity::Identity;
pub use mounts::Mounts;
pub use read::{Content, OpenFile};
pub use write::{Attributes, Body, Expect};

use crate::source::AbsPath;
use leftovers::TempNames;
use owners::Owners;
use resolve::{Last, OPEN_DIR};

/// Operations on files, resolved below a root.
#[derive(Debug)]
pub struct Files {
    root: AbsPath,
    /// None for the root of the host itself: then absolute paths are used as they are.
    root_fd: Option<OwnedFd>,
    temps: TempNames,
    /// Directories in which the leftovers of earlier runs were removed.
    tidied: Mutex<HashSet<Arc<str>>>,
    mounts: Mounts,
    owners: Owners,
    umask: u32,
    stats: AtomicU64,
    opens: AtomicU64,
}

impl Files {
    /// Files below `root`, written by whoever `id` stands for: leftovers of earlier runs with that id are ours to remove.
    /// With an empty id leftovers stay where they are.
    pub fn open(root: &AbsPath, id: &str) -> io::Result<Self> {
        let root_fd = match root.as_str() {
            "/" => None,
            path => Some(rustix::fs::open(
                path,
                OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )?),
        };
        Ok(Self {
            root: root.clone(),
            root_fd,
            temps: TempNames::new(id),
            tidied: Mutex::default(),
            mounts: Mounts::read(),
            owners: Owners::new(),
            umask: umask(),
            stats: AtomicU64::new(0),
            opens: AtomicU64::new(0),
        })
    }

    /// What paths are relative to.
    pub fn root(&self) -> &AbsPath {
        &self.root
    }

    /// Whether paths are those of the host itself.
    pub fn is_whole_host(&self) -> bool {
        self.root_fd.is_none()
    }

    /// What is mounted.
    pub fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    /// Whether a call on this path may hang on another host or process.
    pub fn is_remote(&self, path: &AbsPath) -> bool {
        self.remote_point(path).is_some()
    }

    /// Where the file system of another host or process is mounted that holds this path.
    pub fn remote_point(&self, path: &AbsPath) -> Option<String> {
        self.mounts.remote_point(&self.root, path)
    }

    /// The permission bits that new files do not get unless they are declared.
    pub fn umask(&self) -> u32 {
        self.umask
    }

    /// Whether a file that still has this identity later was not changed in between.
    ///
    /// Where the kernel gives every change that follows a look a time of its own, always; elsewhere, when the last change
    /// lies further back than the grain of its clock.
    pub fn trusts(&self, identity: &Identity) -> bool {
        self.mounts.is_multigrain(identity.dev) || identity.is_settled(SystemTime::now())
    }

    /// What lies at a path, without following a link there; none if there is nothing.
    pub fn stat(&self, path: &AbsPath) -> Result<Option<Identity>, FileError> {
        self.stats.fetch_add(1, Ordering::Relaxed);
        let found = if self.root_fd.is_none() {
            // A stat changes nothing, so links on the way do no harm, and it is the one call of an unchanged file.
            rustix::fs::statat(self.anchor(), path.as_str(), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(io::Error::from)
        } else {
            self.open_raw(path, OFlags::PATH).and_then(|fd| Ok(rustix::fs::fstat(&fd)?))
        };
        match found {
            Ok(stat) => Ok(Some(Identity::of(&stat))),
            Err(error) => {
                let error = FileError::new("look at", path.as_str(), error);
                if error.is_missing() { Ok(None) } else { Err(error) }
            }
        }
    }

    /// What a path leads to, over links that nobody else can have put there; none if there is nothing.
    pub fn stat_source(&self, path: &AbsPath) -> Result<Option<Identity>, FileError> {
        let is = self.stat(path)?;
        if !is.is_some_and(|is| is.is_symlink()) {
            return Ok(is);
        }
        let found = self
            .chase(path, Last::Follow)
            .and_then(|(dir, name)| Ok(rustix::fs::statat(&dir, &*name, AtFlags::SYMLINK_NOFOLLOW)?));
        match found.map_err(|error| FileError::new("look at", path.as_str(), error)) {
            Ok(stat) => Ok(Some(Identity::of(&stat))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a directory. Links on the way are followed only where nobody else can put them, one at its end too.
    pub fn dir(&self, path: &AbsPath) -> Result<Dir<'_>, FileError> {
        let fail = |error: io::Error| FileError::new("open", path.as_str(), error);
        match self.open_raw(path, OPEN_DIR) {
            Ok(fd) => Ok(Dir::new(self, fd, path.clone())),
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Err(fail(error)),
            Err(error) if error.raw_os_error() == Some(Errno::NOTDIR.raw_os_error()) => {
                let (parent, name) = self.chase(path, Last::Follow).map_err(fail)?;
                let fd = rustix::fs::openat(&parent, &*name, OPEN_DIR, Mode::empty())
                    .map_err(|errno| fail(errno.into()))?;
                Ok(Dir::new(self, fd, path.clone()))
            }
            Err(error) => Err(fail(error)),
        }
    }

    /// The directory that a path lies in.
    pub fn parent(&self, path: &AbsPath) -> Result<Dir<'_>, FileError> {
        self.dir(&path.parent().unwrap_or_else(|| path.clone()))
    }

    /// The highest directory on the way to a path that does not exist.
    pub fn missing_above(&self, path: &AbsPath) -> Option<AbsPath> {
        let mut missing = None;
        let mut at = path.parent();
        while let Some(dir) = at {
            match self.stat(&dir) {
                Ok(None) => missing = Some(dir.clone()),
                Ok(Some(_)) | Err(_) => break,
            }
            at = dir.parent();
        }
        missing
    }

    /// What is on the way to a path, is no directory and leads to none.
    pub fn in_the_way_of(&self, path: &AbsPath) -> Option<(AbsPath, Identity)> {
        let mut above = std::iter::successors(path.parent(), AbsPath::parent);
        let (is, dir) = above.find_map(|dir| Some((self.stat(&dir).ok()??, dir)))?;
        let leads_on = || match self.stat_source(&dir) {
            Ok(leads_to) => leads_to.is_some_and(|is| is.is_dir()),
            // Whoever follows it says why it may not be followed.
            Err(_) => true,
        };
        let is_way = is.is_dir() || is.is_symlink() && leads_on();
        (!is_way).then_some((dir, is))
    }

    /// How many times something was looked at by name alone, and opened: for tests of what a check costs.
    pub fn looks_taken(&self) -> (u64, u64) {
        (self.stats.load(Ordering::Relaxed), self.opens.load(Ordering::Relaxed))
    }

    /// The path of an open file as this process may name it; calls that know no descriptors take it.
    pub(super) fn magic(fd: impl AsFd) -> String {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
    }
}

/// The mask can be read only by setting it, or from /proc, which other threads cannot see.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Umask:"))
        .and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok())
        .unwrap_or(0o022)
}

#[cfg(test)]
mod tests;
