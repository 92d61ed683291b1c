//! The one door to the operating system.
//!
//! Kinds reach files, processes, the clock and the store through a [`Host`] and in no other way, so that `--root` holds for
//! all of them and tests can stand in for any of them.

mod clock;
mod declared;
pub mod files;
pub mod process;

use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

pub use clock::{Clock, SystemClock};
pub use declared::Declared;
pub use files::{FileError, Files};
pub use process::Processes;

use crate::source::AbsPath;
use crate::store::Store;

/// Where commands run when files are below another root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RootExec {
    /// Inside of it.
    #[default]
    In,
    /// On the host that we run on.
    Host,
}

/// What a [`Host`] is made of.
pub struct HostOptions {
    /// What this host calls itself.
    pub name: Arc<str>,
    /// Tells the files that we write from those of other agents; leftovers of earlier runs with the same id are removed. Empty
    /// for who does not write, such as a plan.
    pub id: Arc<str>,
    /// What paths are relative to; `/` mostly.
    pub root: AbsPath,
    /// Where commands run if that is not `/`.
    pub root_exec: RootExec,
    /// The store.
    pub store: Arc<dyn Store>,
    /// A store of this host alone, which is there when the other one is away.
    pub own_store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where resources speak to people.
    pub output: Output,
    /// Between asking a command to end and killing it.
    pub command_grace: Duration,
}

/// Takes what a resource says to people, line by line or several lines together, without the last line's end.
pub type Output = Arc<dyn Fn(&str) + Send + Sync>;

impl HostOptions {
    /// The host that we run on, with this store. What is said goes to the log.
    pub fn new(name: impl Into<Arc<str>>, store: Arc<dyn Store>) -> Self {
        Self {
            name: name.into(),
            id: "".into(),
            root: AbsPath::parse("/").expect("the root is a path in normal form"),
            root_exec: RootExec::default(),
            own_store: store.clone(),
            store,
            clock: Arc::new(SystemClock),
            output: Arc::new(|text| tracing::info!(target: "output", "{text}")),
            command_grace: process::GRACE,
        }
    }
}

/// A host, as kinds may touch it. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    files: Files,
    declared: Declared,
    processes: Processes,
    store: Arc<dyn Store>,
    own_store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    output: Output,
}

impl Host {
    /// Opens the door.
    pub fn new(options: HostOptions) -> std::io::Result<Self> {
        let files = Files::open(&options.root, &options.id)?;
        let processes = Processes::new(&options.root, options.root_exec, options.command_grace);
        Ok(Self {
            shared: Arc::new(Shared {
                name: options.name,
                files,
                declared: Declared::default(),
                processes,
                store: options.store,
                own_store: options.own_store,
                clock: options.clock,
                output: options.output,
            }),
        })
    }

    /// What this host calls itself.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Files, below the root.
    pub fn files(&self) -> &Files {
        &self.shared.files
    }

    /// The paths that resources declare.
    pub fn declared(&self) -> &Declared {
        &self.shared.declared
    }

    /// Does `work` that concerns files below `path`: right here if they are local, else on a thread of its own, so that a
    /// server that hangs holds up nobody else.
    pub async fn run_on<T: Send + 'static>(
        &self,
        path: &AbsPath,
        work: impl FnOnce(&Host) -> T + Send + 'static,
    ) -> T {
        if self.files().is_remote(path) { self.run_apart(work).await } else { work(self) }
    }

    /// Does `work` that takes long on a thread of its own.
    pub async fn run_apart<T: Send + 'static>(&self, work: impl FnOnce(&Host) -> T + Send + 'static) -> T {
        let host = self.clone();
        match tokio::task::spawn_blocking(move || work(&host)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that is shutting down drops work that was not started; nobody waits for the answer.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Processes.
    pub fn processes(&self) -> &Processes {
        &self.shared.processes
    }

    /// The store that `kv` and everything shared lives in.
    pub fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    /// What only this host remembers, across restarts.
    pub fn own_store(&self) -> &dyn Store {
        &*self.shared.own_store
    }

    /// Says something to people.
    pub fn say(&self, text: &str) {
        (self.shared.output)(text);
    }

    /// Sends one datagram to a Unix socket of this host. Below another root there are none: whoever listens on a socket
    /// there is a process of this host all the same.
    pub fn send_datagram(&self, path: &AbsPath, bytes: &[u8]) -> io::Result<()> {
        if !self.files().is_whole_host() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let socket = UnixDatagram::unbound()?;
        // Who listens and is busy must not hold us up.
        socket.set_nonblocking(true)?;
        socket.send_to(bytes, path.as_path()).map(drop)
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Host").field(&self.shared.name).finish()
    }
}
