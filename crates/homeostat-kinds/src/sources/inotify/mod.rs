//! Changes of files: one inotify descriptor for all of them, watching directories.
//!
//! Invariants: a change after `arm` returned wakes, whatever happens to the directories on the way, in whatever order they
//! are removed, renamed, replaced by links or mounted over. What does not concern a watched path causes no work. While
//! nothing is polled there is no timer.

mod armed;
mod events;
mod look;
mod table;
mod targets;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use homeostat_engine::{Host, Source, VertexKey, Wakes, Watch};
use rustix::fs::inotify::{self, CreateFlags, Reader};
use rustix::io::Errno;
use tokio::io::Interest as Readiness;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use armed::Armed;
use look::Root;

/// How an [`Inotify`] source works.
#[derive(Debug, Clone, Copy)]
pub struct InotifyOptions {
    /// How often directories are looked at that do not report changes.
    pub poll_every: Duration,
    /// How many directories are watched at most; the kernel has a limit of its own.
    pub watches_max: usize,
}

impl Default for InotifyOptions {
    fn default() -> Self {
        Self { poll_every: Duration::from_secs(60), watches_max: usize::MAX }
    }
}

/// Serves [`Watch::Path`].
#[derive(Debug)]
pub struct Inotify {
    options: InotifyOptions,
    inotify: Arc<OwnedFd>,
    armed: OnceLock<Mutex<Armed>>,
    /// Something has to be polled now that had not before.
    timed: Notify,
}

/// A directory in which something was deleted is looked at again after this, since its own deletion is not reported while
/// somebody holds it open.
const SUSPECT_AFTER: Duration = Duration::from_millis(200);
/// Enough for a thousand events at once.
const BUFFER_BYTES: usize = 64 << 10;
/// Other tasks of the runtime get their turn after so many buffers.
const BUFFERS_AT_ONCE: usize = 16;

impl Inotify {
    /// A source that watches nothing yet.
    pub fn new(options: InotifyOptions) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        Ok(Self { options, inotify: Arc::new(inotify), armed: OnceLock::new(), timed: Notify::new() })
    }

    fn armed(&self) -> MutexGuard<'_, Armed> {
        self.armed
            .get()
            .expect("a source is started before anything is armed")
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_events(self: Arc<Self>, readable: AsyncFd<Arc<OwnedFd>>) {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES];
        // The timer belongs to this task: to wake another one for it would wake another thread before every repair.
        let mut suspects_due = None;
        loop {
            tokio::select! {
                biased;
                ready = readable.readable() => {
                    let Ok(mut ready) = ready else {
                        return;
                    };
                    if self.read_some(&mut buffer) {
                        ready.clear_ready();
                    } else {
                        drop(ready);
                        tokio::task::yield_now().await;
                    }
                }
                () = sleep_until(suspects_due) => {
                    suspects_due = None;
                    self.look_at_suspects();
                }
            }
            if suspects_due.is_none() && !self.armed().suspects.is_empty() {
                suspects_due = Some(tokio::time::Instant::now() + SUSPECT_AFTER);
            }
        }
    }

    /// Reads and wakes; says whether nothing is left to read.
    fn read_some(&self, buffer: &mut [MaybeUninit<u8>]) -> bool {
        let mut reader = Reader::new(&*self.inotify, buffer);
        let mut woken = BTreeSet::new();
        for _ in 0..BUFFERS_AT_ONCE {
            let mut armed = None;
            let drained = loop {
                match reader.next() {
                    Ok(event) => armed.get_or_insert_with(|| self.armed()).handle(&event, &mut woken),
                    Err(Errno::INTR) => continue,
                    Err(_) => break true,
                }
                if reader.is_buffer_empty() {
                    break false;
                }
            };
            if let Some(armed) = armed {
                self.wake(armed, &mut woken);
            }
            if drained {
                return true;
            }
        }
        false
    }

    /// Only now, when everything is armed again, may those concerned look.
    fn wake(&self, mut armed: MutexGuard<'_, Armed>, woken: &mut BTreeSet<VertexKey>) {
        for vertex in woken.iter().filter(|vertex| armed.targets.has(**vertex)).copied().collect::<Vec<_>>() {
            armed.follow_targets(vertex);
        }
        let is_timed = !armed.polled.is_empty();
        let wakes = armed.wakes.clone();
        drop(armed);
        if !woken.is_empty() {
            wakes.wake_all(std::mem::take(woken));
        }
        if is_timed {
            self.timed.notify_one();
        }
    }

    /// As if the kernel's queue had overflowed.
    #[cfg(test)]
    fn lose_events(&self) {
        let mut armed = self.armed();
        let mut woken = BTreeSet::new();
        armed.handle_overflow(&mut woken);
        self.wake(armed, &mut woken);
    }

    async fn watch_mounts(self: Arc<Self>, host: Host, mountinfo: AsyncFd<File>) {
        loop {
            let Ok(mut ready) = mountinfo.ready(Readiness::PRIORITY).await else {
                return;
            };
            ready.clear_ready();
            let changed = host.files().mounts().reread();
            let mut armed = self.armed();
            let mut woken = BTreeSet::new();
            armed.verify_all(&mut woken);
            for path in changed {
                armed.wake_mount_point(&path, &mut woken);
            }
            self.wake(armed, &mut woken);
        }
    }

    /// Looks at what does not report changes. Without any it waits without a timer.
    async fn poll(self: Arc<Self>) {
        let (mut polled_at, mut suspects_at) = (None, None);
        loop {
            let (has_polled, has_suspects) = {
                let armed = self.armed();
                (!armed.polled.is_empty(), !armed.suspects.is_empty())
            };
            keep_time(&mut polled_at, has_polled, self.options.poll_every);
            keep_time(&mut suspects_at, has_suspects, SUSPECT_AFTER);
            let Some(next) = polled_at.into_iter().chain(suspects_at).min() else {
                self.timed.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.timed.notified() => continue,
            }
            if suspects_at == Some(next) {
                suspects_at = None;
                self.look_at_suspects();
            } else {
                polled_at = None;
                self.look_at_polled();
            }
        }
    }

    fn look_at_suspects(&self) {
        let mut armed = self.armed();
        let mut woken = BTreeSet::new();
        for id in std::mem::take(&mut armed.suspects) {
            if armed.table.get(id).is_some() {
                armed.verify(id, &mut woken);
            }
        }
        self.wake(armed, &mut woken);
    }

    fn look_at_polled(&self) {
        let mut armed = self.armed();
        let mut woken = BTreeSet::new();
        for id in armed.polled.clone() {
            if armed.table.get(id).is_some() {
                armed.verify(id, &mut woken);
            }
            if let Some(dir) = armed.table.get(id) {
                woken.extend(dir.watchers());
                woken.extend(armed.table.above(id).flat_map(|dir| dir.tree.iter().copied()));
            }
        }
        self.wake(armed, &mut woken);
    }
}

/// Sets a time when there is something to do, and keeps the one that is set.
fn keep_time(at: &mut Option<Instant>, is_needed: bool, after: Duration) {
    match at {
        Some(_) if is_needed => {}
        _ => *at = is_needed.then(|| Instant::now() + after),
    }
}

impl Source for Inotify {
    fn start(self: Arc<Self>, host: &Host, wakes: Wakes, tasks: &mut JoinSet<()>) -> io::Result<()> {
        let root = Root::open(host)?;
        let armed = Armed::new(self.inotify.clone(), root, wakes, self.options.watches_max);
        if self.armed.set(Mutex::new(armed)).is_err() {
            return Err(io::Error::other("this source runs already"));
        }
        let events = registered(self.inotify.clone(), Readiness::READABLE)?;
        tasks.spawn(self.clone().read_events(events));
        // Without /proc mounts go unnoticed, and everything else works.
        if let Ok(mountinfo) = File::open("/proc/self/mountinfo") {
            let mountinfo = registered(mountinfo, Readiness::PRIORITY)?;
            tasks.spawn(self.clone().watch_mounts(host.clone(), mountinfo));
        }
        tasks.spawn(self.poll());
        Ok(())
    }

    fn serves(&self, watch: &Watch) -> bool {
        matches!(watch, Watch::Path { .. })
    }

    fn arm(&self, watch: &Watch, vertex: VertexKey) {
        let Watch::Path { path, depth } = watch else {
            return;
        };
        let mut armed = self.armed();
        let polled_before = armed.polled.len();
        armed.arm(path, *depth, vertex);
        if armed.polled.len() != polled_before {
            self.timed.notify_one();
        }
    }

    fn disarm(&self, vertex: VertexKey) {
        self.armed().disarm(vertex);
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[allow(
    deprecated,
    reason = "it asks for a descriptor that stays open as long as its owner lives, as these do"
)]
fn registered<T: std::os::fd::AsRawFd>(inner: T, interest: Readiness) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(inner, interest)
}

#[cfg(test)]
mod tests;
