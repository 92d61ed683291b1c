//! Processes: commands with a fixed environment, bounded output, and nobody left behind.
//!
//! All commands are children of one thread that lives as long as [`Processes`]: the kernel ends a child with the *thread*
//! that made it, so that thread must not be one that a runtime may retire. Each command is a session of its own, without a
//! terminal and without input. When the future that waits for it is dropped, its process group is asked to end, killed after
//! a grace, and reaped. The thread is started by the first command and has no timer while nothing runs.

mod capture;
mod child;
mod group;
mod live;
mod signal;
#[cfg_attr(not(target_os = "linux"), path = "spawn_elsewhere.rs")]
mod spawn;
mod thread;
mod users;

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

pub use capture::Captured;
pub use signal::signal_by_name;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::child::Place;
use self::live::Live;
use self::thread::{Job, LineFn, Thread};
use super::RootExec;
use crate::source::AbsPath;

/// What is kept of each output stream, from its beginning; of what follows only the end is kept.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Between asking a command to end and killing it, unless said otherwise.
pub const GRACE: Duration = Duration::from_secs(5);
/// The search path of every command.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The language of every command, so that its output does not depend on who started the agent.
pub const LANG: &str = "C.UTF-8";

/// A command to run. Its environment is `PATH`, `HOME` and `LANG`, and what is added here; never the agent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    program: String,
    args: Vec<String>,
    cwd: Option<AbsPath>,
    env: BTreeMap<String, String>,
    user: Option<String>,
    group: Option<String>,
    end_signal: i32,
}

impl Command {
    /// A program: a path, or a name that is looked up in [`PATH`].
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            cwd: None,
            env: BTreeMap::new(),
            user: None,
            group: None,
            end_signal: libc::SIGTERM,
        }
    }

    /// A line for a shell.
    pub fn shell(shell: impl Into<String>, line: impl Into<String>) -> Self {
        Self::new(shell).args(["-c".to_owned(), line.into()])
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = String>) -> Self {
        self.args.extend(args);
        self
    }

    /// Where it runs; `/` if it is not said.
    #[must_use]
    pub fn cwd(mut self, cwd: Option<AbsPath>) -> Self {
        self.cwd = cwd;
        self
    }

    /// Adds variables to its environment, or replaces the fixed ones.
    #[must_use]
    pub fn env(mut self, env: BTreeMap<String, String>) -> Self {
        self.env.extend(env);
        self
    }

    /// Whom it runs as: a name or a number.
    #[must_use]
    pub fn user(mut self, user: Option<String>) -> Self {
        self.user = user;
        self
    }

    /// Its group: a name or a number.
    #[must_use]
    pub fn group(mut self, group: Option<String>) -> Self {
        self.group = group;
        self
    }

    /// The signal that asks it to end; `SIGTERM` if it is not said.
    #[must_use]
    pub fn end_signal(mut self, signal: i32) -> Self {
        self.end_signal = signal;
        self
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with a status.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// Whether the status was zero.
    pub fn success(self) -> bool {
        self == Self::Status(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

/// A process that ended, with what it said.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// Both, in the order in which they came.
    pub output: Captured,
}

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The operating system refused.
    #[error("cannot run `{program}`")]
    Start {
        /// The program.
        program: String,
        /// What it answered.
        #[source]
        source: io::Error,
    },
    /// There is no directory to run it in.
    #[error("the directory `{0}` to run it in does not exist")]
    NoDirectory(AbsPath),
    /// There is no such user.
    #[error("there is no user `{0}`")]
    UnknownUser(String),
    /// There is no such group.
    #[error("there is no group `{0}`")]
    UnknownGroup(String),
    /// Users and groups could not be looked up.
    #[error("cannot look up users and groups")]
    Lookup(#[source] io::Error),
    /// We may not enter the root.
    #[error(
        "commands can run inside `{0}` only with the capability CAP_SYS_CHROOT; `--root-exec=host` runs them outside"
    )]
    MayNotEnterRoot(AbsPath),
    /// We may not become somebody else.
    #[error("running as another user or group needs the capabilities CAP_SETUID and CAP_SETGID")]
    MayNotChangeUser,
    /// The agent is ending.
    #[error("no commands are started any more")]
    Closed,
}

/// Runs commands.
pub struct Processes {
    place: Place,
    grace: Duration,
    thread: OnceLock<Option<Thread>>,
    live: Live,
    closing: CancellationToken,
}

impl Processes {
    /// Commands of a host whose files are below `root`.
    pub(super) fn new(root: &AbsPath, root_exec: RootExec, grace: Duration) -> Self {
        let place = match root_exec {
            RootExec::In if root.as_str() != "/" => Place::Inside(root.clone()),
            RootExec::In | RootExec::Host => Place::Host,
        };
        Self {
            place,
            grace,
            thread: OnceLock::new(),
            live: Live::default(),
            closing: CancellationToken::new(),
        }
    }

    /// Runs a command until it ends. Dropping the future ends the command, with its whole process group.
    pub async fn run(&self, command: Command) -> Result<Finished, ProcessError> {
        self.start(command, None).await
    }

    /// Runs a command and calls `line` for each line of its standard output, without the line's end. The call must be
    /// quick: all commands wait for it.
    pub async fn follow(
        &self,
        command: Command,
        line: impl FnMut(&[u8]) + Send + 'static,
    ) -> Result<Finished, ProcessError> {
        self.start(command, Some(Box::new(line))).await
    }

    /// Whether a command could be started as things stand: whom it runs as, where, and whether there is such a program.
    pub fn could_start(&self, command: &Command) -> Result<(), ProcessError> {
        child::could_start(command, &self.place)
    }

    /// Waits until those commands are gone that nobody waits for any more: each within its grace.
    pub async fn ended(&self) {
        self.live.ended().await;
    }

    /// Ends all commands, starts no others, and waits until they are gone.
    pub async fn close(&self) {
        self.closing.cancel();
        self.live.gone().await;
    }

    async fn start(&self, command: Command, line: Option<LineFn>) -> Result<Finished, ProcessError> {
        let start = || Thread::start(self.place.clone(), self.grace, self.closing.clone()).ok();
        let thread = self.thread.get_or_init(start).as_ref().ok_or(ProcessError::Closed)?;
        let (waiting, presence) = self.live.enter();
        let (reply, finished) = oneshot::channel();
        let job = Job { command, line, cancel: waiting.cancel.clone(), reply, presence };
        thread.send(job).await?;
        finished.await.map_err(|_| ProcessError::Closed)?
    }
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Processes").field(&self.place).finish()
    }
}

#[cfg(test)]
mod tests;
