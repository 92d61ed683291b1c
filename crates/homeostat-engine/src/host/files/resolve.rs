//! From a path to an open file, without ever following a symbolic link that somebody else could have put there.
//!
//! The usual path has no links at all and costs one `openat2`. Where there is one, the way is walked component by component,
//! and only links of root or of ourselves are followed, in directories where nobody else can put them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::Files;
use crate::source::AbsPath;

/// Symbolic links on one way; as the kernel has it.
const LINKS_MAX: usize = 40;

/// Opening must not wait for the other end of a fifo, nor take a terminal.
pub(super) const OPEN: OFlags =
    OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
pub(super) const OPEN_DIR: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// What becomes of a symbolic link as the last component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Keep,
    Follow,
}

impl Files {
    pub(super) fn anchor(&self) -> BorrowedFd<'_> {
        self.root_fd.as_ref().map_or(CWD, AsFd::as_fd)
    }

    /// The path as calls relative to the anchor take it.
    pub(super) fn relative<'p>(&self, path: &'p AbsPath) -> &'p str {
        match (&self.root_fd, path.as_str()) {
            (None, path) => path,
            (Some(_), "/") => ".",
            (Some(_), path) => &path[1..],
        }
    }

    /// Opens a path. A symbolic link at its end is an error, or is opened itself with `OFlags::PATH`.
    pub(super) fn open_raw(&self, path: &AbsPath, flags: OFlags) -> io::Result<OwnedFd> {
        match self.open_without_links(path, flags) {
            Err(Errno::LOOP | Errno::NOSYS | Errno::AGAIN) => self.open_chased(path, flags, Last::Keep),
            opened => Ok(opened?),
        }
    }

    /// Opens what a path leads to for reading, over links that may be followed.
    pub(super) fn open_following(&self, path: &AbsPath) -> io::Result<OwnedFd> {
        match self.open_without_links(path, OFlags::RDONLY) {
            Err(Errno::LOOP | Errno::NOSYS | Errno::AGAIN) => {
                self.open_chased(path, OFlags::RDONLY, Last::Follow)
            }
            opened => Ok(opened?),
        }
    }

    /// The usual case, in one call.
    fn open_without_links(&self, path: &AbsPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        if self.root_fd.is_some() {
            resolve |= ResolveFlags::IN_ROOT;
        }
        let mut flags = flags | OPEN;
        if flags.contains(OFlags::PATH) {
            // This call alone insists on it.
            flags -= OFlags::NONBLOCK | OFlags::NOCTTY;
        }
        let path = self.relative(path);
        rustix::fs::openat2(self.anchor(), path, flags, Mode::empty(), resolve)
    }

    fn open_chased(&self, path: &AbsPath, flags: OFlags, last: Last) -> io::Result<OwnedFd> {
        let (dir, name) = self.chase(path, last)?;
        Ok(rustix::fs::openat(&dir, &*name, flags | OPEN, Mode::empty())?)
    }

    /// Walks to the directory that holds the last component, following what may be followed.
    pub(super) fn chase(&self, path: &AbsPath, last: Last) -> io::Result<(OwnedFd, String)> {
        let root = match &self.root_fd {
            Some(root) => root.try_clone()?,
            None => rustix::fs::open("/", OPEN_DIR, Mode::empty())?,
        };
        let mut way = Way { dirs: vec![root], todo: components(path.as_str()), links: 0 };
        while let Some(name) = way.todo.pop() {
            if way.todo.is_empty() && last == Last::Keep {
                return way.arrive(name);
            }
            if name == ".." {
                way.up();
                continue;
            }
            let fd = match rustix::fs::openat(way.dir(), &*name, OFlags::PATH | OPEN, Mode::empty()) {
                Err(Errno::NOENT) if way.todo.is_empty() => return way.arrive(name),
                opened => opened?,
            };
            let stat = rustix::fs::fstat(&fd)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => way.follow(&fd, &stat, &name)?,
                _ if way.todo.is_empty() => return way.arrive(name),
                FileType::Directory => way.dirs.push(fd),
                _ => return Err(Errno::NOTDIR.into()),
            }
        }
        way.arrive(".".to_owned())
    }
}

struct Way {
    /// From the root to where we are; `..` goes back along it and so never leaves the root.
    dirs: Vec<OwnedFd>,
    /// The components that are left, the next one last.
    todo: Vec<String>,
    links: usize,
}

impl Way {
    fn dir(&self) -> &OwnedFd {
        self.dirs.last().expect("the root is never left")
    }

    fn up(&mut self) {
        if self.dirs.len() > 1 {
            self.dirs.pop();
        }
    }

    fn arrive(mut self, name: String) -> io::Result<(OwnedFd, String)> {
        if name == ".." {
            self.up();
        }
        let dir = self.dirs.pop().expect("the root is never left");
        Ok((dir, if name == ".." { ".".to_owned() } else { name }))
    }

    fn follow(&mut self, link: &OwnedFd, stat: &Stat, name: &str) -> io::Result<()> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        let dir = rustix::fs::statat(self.dir(), "", AtFlags::EMPTY_PATH)?;
        if !may_follow(stat, &dir) {
            let message = format!(
                "`{name}` on the way is a symbolic link that other users may have put there (it belongs to user {}), \
                 so it is not followed",
                stat.st_uid
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let target = rustix::fs::readlinkat(link, "", Vec::new())?;
        let target = target
            .into_string()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a link on the way is not UTF-8"))?;
        if target.starts_with('/') {
            self.dirs.truncate(1);
        }
        self.todo.extend(components(&target));
        Ok(())
    }
}

/// A link is followed if it is root's or ours, and lies where nobody else could have put one of ours.
fn may_follow(link: &Stat, dir: &Stat) -> bool {
    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let us = rustix::process::geteuid().as_raw();
    let trusted = |uid: u32| uid == 0 || uid == us;
    let nobody_else_writes = dir.st_mode & OTHERS_WRITE == 0 || dir.st_mode & STICKY != 0;
    trusted(link.st_uid) && trusted(dir.st_uid) && nobody_else_writes
}

/// The components, the first one last.
fn components(path: &str) -> Vec<String> {
    path.split('/').rev().filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}
