//! Damages files and measures how long it takes until they are right again.
//!
//! The end is the moment of the rename as the kernel noted it in the file, so that nobody who looks is in the way of who
//! repairs. Where the kernel's notes are too coarse (Linux before 6.13), a look in a tight loop takes their place, on a
//! processor that the repair could have used.

use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rustix::fd::OwnedFd;
use rustix::fs::RenameFlags;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use crate::bare::{self, Found};
use crate::fileset::{FileSet, content, name};
use crate::running::pause;

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    Deleted,
    Changed,
}

/// Between two samples everything comes to rest.
const REST: Duration = Duration::from_millis(2);
const LOOK_EVERY: Duration = Duration::from_micros(300);
/// Nobody repairs that slowly.
const REPAIR_MAX: Duration = Duration::from_secs(5);
const STOP: &str = "stop";

/// Damages one file after the other, spread over all of them; seconds until each is right again.
pub(crate) fn sample(files: &FileSet, damage: Damage, samples: usize) -> anyhow::Result<Vec<f64>> {
    const STRIDE: usize = 7919;
    let fine = has_fine_times(files)?;
    (0..samples)
        .map(|sample| {
            pause(REST);
            one(files, damage, sample * STRIDE % files.count(), fine)
        })
        .collect()
}

fn one(files: &FileSet, damage: Damage, at: usize, fine: bool) -> anyhow::Result<f64> {
    let path = files.file(at);
    let before = std::fs::symlink_metadata(&path)?.ino();
    let broken = std::fs::File::options().write(true).open(&path)?;
    let (started, started_clock) = (Instant::now(), SystemTime::now());
    match damage {
        Damage::Deleted => std::fs::remove_file(&path)?,
        Damage::Changed => broken.write_all_at(b"C", 0)?,
    }
    drop(broken);
    loop {
        if fine {
            pause(LOOK_EVERY);
        }
        if std::fs::symlink_metadata(&path).is_ok_and(|found| found.ino() != before) {
            break;
        }
        anyhow::ensure!(started.elapsed() < REPAIR_MAX, "{} is not repaired", path.display());
    }
    let seen = started.elapsed().as_secs_f64();
    anyhow::ensure!(std::fs::read(&path)? == content(at).as_bytes(), "{} is repaired wrongly", path.display());
    if !fine {
        return Ok(seen);
    }
    let renamed = changed_at(&path)?.duration_since(started_clock);
    Ok(renamed.context("a file was repaired before it was damaged: was the clock set?")?.as_secs_f64())
}

/// When anything about it changed last, as the kernel noted it.
pub(crate) fn changed_at(path: &Path) -> anyhow::Result<SystemTime> {
    let found = std::fs::symlink_metadata(path)?;
    let (seconds, nanos) = (u64::try_from(found.ctime())?, u32::try_from(found.ctime_nsec())?);
    Ok(UNIX_EPOCH + Duration::new(seconds, nanos))
}

/// Whether a change that follows a look gets a time of its own.
fn has_fine_times(files: &FileSet) -> anyhow::Result<bool> {
    let (one, other) = (files.beside("fine-1"), files.beside("fine-2"));
    std::fs::File::create(&one)?.write_all(b"x")?;
    for _ in 0..20 {
        changed_at(&one)?;
        let before = SystemTime::now();
        std::fs::rename(&one, &other)?;
        if changed_at(&other)? < before {
            return Ok(false);
        }
        std::fs::rename(&other, &one)?;
    }
    Ok(true)
}

/// The yardstick: one thread that waits for events of the directory and does what the kind does.
pub(crate) struct BareLoop {
    thread: JoinHandle<anyhow::Result<()>>,
}

impl BareLoop {
    pub(crate) fn start(files: &FileSet) -> anyhow::Result<Self> {
        let events = inotify::init(CreateFlags::CLOEXEC)?;
        let flags = WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MODIFY;
        inotify::add_watch(&events, files.path(), flags)?;
        let dir = files.path();
        let thread = std::thread::spawn(move || repair(&events, &dir));
        Ok(Self { thread })
    }

    pub(crate) fn stop(self, files: &FileSet) -> anyhow::Result<()> {
        let stop = files.path().join(STOP);
        std::fs::write(&stop, "")?;
        std::fs::remove_file(&stop)?;
        self.thread.join().expect("a loop does not panic")
    }
}

fn repair(events: &OwnedFd, dir: &Path) -> anyhow::Result<()> {
    let mut buffer = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let mut reader = Reader::new(events, &mut buffer);
    loop {
        let event = reader.next()?;
        anyhow::ensure!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW), "the bare loop lost events");
        let Some(file) = event.file_name().and_then(|name| name.to_str().ok()) else { continue };
        if file == STOP && event.events().contains(ReadFlags::DELETE) {
            return Ok(());
        }
        let Some(at) = file.strip_prefix('f').and_then(|number| number.parse().ok()) else { continue };
        let (name, content) = (name(at), content(at));
        let rename = match bare::holds(dir, &name, content.as_bytes())? {
            Found::Same => continue,
            Found::Missing => RenameFlags::NOREPLACE,
            Found::Different => RenameFlags::empty(),
        };
        bare::put(dir, &name, content.as_bytes(), rename)?;
    }
}
