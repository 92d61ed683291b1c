//! Damages files and measures how long it takes until they are right again.
//!
//! Who damages waits for the event of the new name that puts things right, so it takes no processor from who repairs; its own
//! waking is part of every sample, of the yardstick's as of the engine's. `HOMEOSTAT_BENCH_SPIN=1` looks in a tight loop
//! instead, on a processor that the repair could have used.

use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fd::OwnedFd;
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
/// Nobody repairs that slowly.
const REPAIR_MAX: Duration = Duration::from_secs(5);
const STOP: &str = "stop";

/// Damages one file after the other, spread over all of them; seconds until each is right again.
pub(crate) fn sample(files: &FileSet, damage: Damage, samples: usize) -> anyhow::Result<Vec<f64>> {
    const STRIDE: usize = 7919;
    let observer = Observer::new(files, damage)?;
    (0..samples)
        .map(|sample| {
            pause(REST);
            observer.one(files, damage, sample * STRIDE % files.count())
        })
        .collect()
}

/// Who notices that a file is right again.
enum Observer {
    /// By the event of the new name.
    Waiting(OwnedFd),
    Spinning,
}

impl Observer {
    fn new(files: &FileSet, damage: Damage) -> anyhow::Result<Self> {
        if std::env::var_os("HOMEOSTAT_BENCH_SPIN").is_some() {
            return Ok(Self::Spinning);
        }
        let arrivals = match damage {
            Damage::Deleted => WatchFlags::CREATE,
            Damage::Changed => WatchFlags::MOVED_TO,
        };
        Ok(Self::Waiting(watch(&files.path(), arrivals)?))
    }

    fn one(&self, files: &FileSet, damage: Damage, at: usize) -> anyhow::Result<f64> {
        let path = files.file(at);
        let before = std::fs::symlink_metadata(&path)?.ino();
        let broken = std::fs::File::options().write(true).open(&path)?;
        let started = Instant::now();
        match damage {
            Damage::Deleted => std::fs::remove_file(&path)?,
            Damage::Changed => broken.write_all_at(b"C", 0)?,
        }
        match self {
            Self::Waiting(events) => wait_for(events, &name(at))?,
            Self::Spinning => {
                while !std::fs::symlink_metadata(&path).is_ok_and(|found| found.ino() != before) {
                    anyhow::ensure!(started.elapsed() < REPAIR_MAX, "{} is not repaired", path.display());
                }
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        anyhow::ensure!(
            std::fs::read(&path)? == content(at).as_bytes(),
            "{} is repaired wrongly",
            path.display()
        );
        Ok(seconds)
    }
}

/// Events of what gets its name in a directory: by being made, or by a rename.
pub(crate) fn watch(dir: &Path, arrivals: WatchFlags) -> anyhow::Result<OwnedFd> {
    let events = inotify::init(CreateFlags::CLOEXEC)?;
    inotify::add_watch(&events, dir, arrivals)?;
    Ok(events)
}

/// Waits until this name was given.
pub(crate) fn wait_for(events: &OwnedFd, name: &str) -> anyhow::Result<()> {
    let timeout = rustix::event::Timespec { tv_sec: REPAIR_MAX.as_secs().try_into()?, tv_nsec: 0 };
    let mut buffer = [const { std::mem::MaybeUninit::uninit() }; 4096];
    let mut reader = Reader::new(events, &mut buffer);
    loop {
        if reader.is_buffer_empty() {
            let mut fds = [PollFd::new(events, PollFlags::IN)];
            anyhow::ensure!(rustix::event::poll(&mut fds, Some(&timeout))? > 0, "{name} is not repaired");
        }
        if reader.next()?.file_name().is_some_and(|found| found.to_bytes() == name.as_bytes()) {
            return Ok(());
        }
    }
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
        match bare::holds(dir, &name, content.as_bytes())? {
            Found::Same => {}
            Found::Missing => bare::create(dir, &name, content.as_bytes())?,
            Found::Different => bare::replace(dir, &name, content.as_bytes())?,
        }
    }
}
