//! Yardsticks: the system calls that the kind `file` makes, in the same order, in loops of two threads.

use std::mem::MaybeUninit;
use std::path::Path;
use std::time::Instant;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};

use crate::fileset::{FileSet, MODE, content, name};

const THREADS: usize = 2;
/// A thread that watches reads its events after so many files.
const FILES_BETWEEN: usize = 128;
/// As the engine has it.
const EVENTS_BYTES: usize = 64 << 10;

/// What a loop does with each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// Those of the kind for a file that is missing: look for it, open its directory, write a file without a name, look at it,
    /// give it its name, look again.
    CreateAsKind,
    /// And those of watching: the directory is watched before, the events are read, and each file is looked at once more
    /// because of its own.
    CreateWatched,
    /// The least that makes a file all at once: open, write, close, rename, relative to an open directory.
    CreateAtLeast,
    /// Look, open, read, compare.
    Compare,
}

/// Does it with all files of the set; seconds.
pub(crate) fn run(files: &FileSet, calls: Calls) -> anyhow::Result<f64> {
    let dir_path = files.path();
    let dir = open_dir(&dir_path)?;
    let started = Instant::now();
    let events = if calls == Calls::CreateWatched { Some(watch(&dir_path)?) } else { None };
    let loop_over = |range: std::ops::Range<usize>| {
        let mut buffer = vec![MaybeUninit::uninit(); EVENTS_BYTES];
        for at in range {
            one(calls, &dir, &dir_path, at)?;
            if let Some(events) = events.as_ref().filter(|_| at % FILES_BETWEEN == 0) {
                look_at_echoes(events, &dir_path, &mut buffer)?;
            }
        }
        // The other thread may make more, and reads them then.
        events.as_ref().map_or(Ok(()), |events| look_at_echoes(events, &dir_path, &mut buffer))
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                let range = files.count() * worker / THREADS..files.count() * (worker + 1) / THREADS;
                scope.spawn(|| loop_over(range))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a loop does not panic"))
    })?;
    Ok(started.elapsed().as_secs_f64())
}

fn watch(dir: &Path) -> Result<OwnedFd> {
    let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let of_dir =
        WatchFlags::ONLYDIR | WatchFlags::EXCL_UNLINK | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
    let of_names = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
    let of_files = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB;
    inotify::add_watch(&events, dir, of_dir | of_names | of_files)?;
    Ok(events)
}

/// Reads what there is to read, and looks at each file that is named.
fn look_at_echoes(events: &OwnedFd, dir: &Path, buffer: &mut [MaybeUninit<u8>]) -> Result<()> {
    let mut reader = Reader::new(events, buffer);
    loop {
        match reader.next() {
            Ok(event) => {
                if let Some(name) = event.file_name().and_then(|name| name.to_str().ok()) {
                    rustix::fs::statat(CWD, dir.join(name), AtFlags::SYMLINK_NOFOLLOW)?;
                }
            }
            Err(Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

fn one(calls: Calls, dir: &OwnedFd, dir_path: &Path, at: usize) -> Result<()> {
    let (name, content) = (name(at), content(at));
    match calls {
        Calls::CreateAsKind | Calls::CreateWatched => {
            if holds(dir_path, &name, content.as_bytes())? != Found::Missing {
                return Err(Errno::EXIST);
            }
            create(dir_path, &name, content.as_bytes())
        }
        Calls::CreateAtLeast => {
            let temp = temp_of(&name);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(dir, &*temp, flags, Mode::from_raw_mode(MODE))?;
            rustix::io::write(&fd, content.as_bytes())?;
            drop(fd);
            rustix::fs::renameat(dir, &*temp, dir, &*name)
        }
        Calls::Compare => {
            let stat = rustix::fs::statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
            let fd = rustix::fs::openat(dir, &*name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            let mut buffer = [0; 64];
            let read = rustix::io::read(&fd, &mut buffer)?;
            let same = stat.st_mode & 0o7777 == MODE && buffer[..read] == *content.as_bytes();
            if same { Ok(()) } else { Err(Errno::BADMSG) }
        }
    }
}

/// How a file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Missing,
    Same,
    Different,
}

/// The check of the kind: open, look, read, compare.
pub(crate) fn holds(dir: &Path, name: &str, content: &[u8]) -> Result<Found> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = match open_plainly(&dir.join(name), flags) {
        Err(Errno::NOENT) => return Ok(Found::Missing),
        opened => opened?,
    };
    let stat = rustix::fs::fstat(&fd)?;
    let mut buffer = [0; 64];
    let same = usize::try_from(stat.st_size) == Ok(content.len())
        && rustix::io::pread(&fd, &mut buffer[..content.len()], 0)? == content.len()
        && buffer[..content.len()] == *content
        && stat.st_mode & 0o7777 == MODE;
    Ok(if same { Found::Same } else { Found::Different })
}

/// The apply of the kind to what is missing. The directory is found anew for each file, since links on the way must not be
/// followed.
pub(crate) fn create(dir: &Path, name: &str, content: &[u8]) -> Result<()> {
    let dir = open_dir(dir)?;
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&dir, ".", flags, Mode::from_raw_mode(MODE))?;
    rustix::io::write(&fd, content)?;
    rustix::fs::fstat(&fd)?;
    rustix::fs::linkat(&fd, "", &dir, name, AtFlags::EMPTY_PATH)?;
    rustix::fs::fstat(&fd)?;
    Ok(())
}

/// The apply of the kind to what holds something else.
pub(crate) fn replace(dir: &Path, name: &str, content: &[u8]) -> Result<()> {
    let dir = open_dir(dir)?;
    let temp = temp_of(name);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = rustix::fs::openat(&dir, &*temp, flags, Mode::from_raw_mode(MODE))?;
    rustix::io::write(&fd, content)?;
    keep_xattrs(&dir, name, fd.as_fd())?;
    rustix::fs::fstat(&fd)?;
    drop(fd);
    rustix::fs::renameat(&dir, &*temp, &dir, name)?;
    rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

/// What a replaced file had besides its content goes over to the new one.
fn keep_xattrs(dir: &OwnedFd, name: &str, fd: rustix::fd::BorrowedFd<'_>) -> Result<()> {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let old = rustix::fs::openat(dir, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut names = [0; 1024];
    match rustix::fs::flistxattr(&old, &mut names[..]) {
        Ok(_) | Err(Errno::OPNOTSUPP) => {}
        Err(errno) => return Err(errno),
    }
    match rustix::fs::fremovexattr(fd, "system.posix_acl_access") {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno),
    }
}

pub(crate) fn temp_of(name: &str) -> String {
    format!(".bare-{name}")
}

fn open_dir(path: &Path) -> Result<OwnedFd> {
    open_plainly(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW)
}

fn open_plainly(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    rustix::fs::openat2(
        CWD,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
}
