//! What programs learn from outside, asked for as plain data.

use std::any::Any;
use std::sync::Arc;

use super::error::Result;
use crate::value::Value;

/// A question to the world. Equal requests have one answer, so they can share one source, except those that say so.
///
/// Each variant says what its answers look like, in the language's types. Where there is no store, what is asked of it is
/// answered with what is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceRequest {
    /// The time, again and again. `struct{epoch int; offset int; zone str}`: seconds since 1970, seconds east of UTC, and
    /// the short name of the time zone.
    Clock {
        /// From one answer to the next.
        interval_ms: u64,
    },
    /// The local time zone at a time. `struct{offset int; zone str}` as above.
    Zone {
        /// Seconds since 1970.
        epoch: i64,
    },
    /// How often the interval has passed since the first answer, which is 0. `int`.
    Counter {
        /// From one answer to the next.
        interval_ms: u64,
    },
    /// The content of a file. `str`; a missing file is a catchable error.
    File {
        /// Absolute.
        path: Arc<str>,
    },
    /// Whether there is something at a path. `bool`.
    FileExists {
        /// Absolute.
        path: Arc<str>,
    },
    /// What a file of the program's own module holds. `str`; a missing file is a permanent error.
    ModuleFile {
        /// Below the root of the deployed files.
        path: Arc<str>,
    },
    /// Whether there is such a file in the deployed files. `bool`.
    ModuleFileExists {
        /// Below the root of the deployed files.
        path: Arc<str>,
    },
    /// A directory of the module, as a directory of this machine. `str`: its path there.
    ModuleDirectory {
        /// Below the root of the deployed files, ending in a slash.
        path: Arc<str>,
    },
    /// The lines that a command prints, one by one. `str`: the latest, without its end; empty when it ended without one.
    Command {
        /// For `sh -c`.
        script: Arc<str>,
    },
    /// All variables of the environment. `map{str: str}`.
    Environment,
    /// Something about this process or its user. `str` or `int`, as the fact says.
    Process(ProcessFact),
    /// Something about this machine; the type is the fact's.
    Machine(MachineFact),
    /// A user of this machine. `struct{exists bool; uid str; home str}`; empty texts if there is none.
    User {
        /// The name.
        name: Arc<str>,
    },
    /// The network interfaces, sorted by name. `[]struct{name str; mac str; cidrs []str; wired bool}`; `mac` may be empty.
    Interfaces,
    /// Where a symbolic link points to. `str`.
    Link {
        /// The link.
        path: Arc<str>,
    },
    /// The path without symbolic links. `str`.
    RealPath {
        /// As given.
        path: Arc<str>,
    },
    /// Where a program is found. `str`.
    Program {
        /// Its name.
        name: Arc<str>,
    },
    /// A new directory. One for every call. `str`.
    NewDirectory {
        /// Where; the usual place for such things if empty.
        parent: Arc<str>,
        /// Its name; the last `*`, or the end, becomes something new.
        pattern: Arc<str>,
    },
    /// Secure random numbers. Others for every call, but the same for its life. `str`: two hexadecimal digits a byte.
    Random {
        /// How many.
        bytes: usize,
    },
    /// What the value was, some time ago. One memory for every call. The type is the value's.
    Delayed {
        /// What it is now.
        value: Value,
        /// How long ago.
        age_ms: u64,
    },
    /// What the resource `value` of that name stored last. `struct{value ?; ready bool}`; `value` is of any type and only
    /// there if `ready`.
    StoredValue {
        /// The name of the resource.
        name: Arc<str>,
    },
    /// What the resource `http:server:res` of that name heard. `struct{status int; output str}`.
    HttpResponse {
        /// The name of the request.
        uid: Arc<str>,
    },
    /// A value of the store, for all hosts. `struct{value str; exists bool}`.
    StoreValue {
        /// Its key.
        key: Arc<str>,
    },
    /// What every host put under a name. `map{str: str}`, by host.
    StoreByHost {
        /// The name.
        namespace: Arc<str>,
    },
    /// The hosts that were chosen under a name. `[]str`.
    Schedule {
        /// The name.
        namespace: Arc<str>,
    },
    /// Resources that hosts export. `[]struct{name str; host str}`.
    Exports {
        /// Their kind.
        kind: Arc<str>,
    },
    /// A number that nobody else has under the name, and that stays. `int`, from 0.
    Pool {
        /// The name of the pool.
        namespace: Arc<str>,
        /// Who gets the number.
        uid: Arc<str>,
    },
    /// A directory for data that stays. `str`, ending in a slash.
    VarDirectory {
        /// Below the place for such data, ending in a slash.
        path: Arc<str>,
    },
}

/// A fact about this process or its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProcessFact {
    /// What the program was told on the command line. `[]str`.
    Arguments,
    /// The path of the binary. `str`.
    Executable,
    /// The working directory. `str`.
    WorkingDirectory,
    /// Where temporary files go. `str`.
    TemporaryDirectory,
    /// Where the user's caches go. `str`.
    CacheDirectory,
    /// Where the user's configuration lies. `str`.
    ConfigDirectory,
    /// The user's home. `str`.
    HomeDirectory,
    /// `int`.
    Pid,
    /// `int`.
    ParentPid,
    /// `int`.
    Uid,
    /// `int`.
    EffectiveUid,
    /// `int`.
    Gid,
    /// `int`.
    EffectiveGid,
    /// Bytes. `int`.
    PageSize,
}

/// A fact about this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MachineFact {
    /// `str`.
    Hostname,
    /// Seconds since the start, every second. `int`.
    Uptime,
    /// The load, every 5 seconds. `struct{x1 float; x5 float; x15 float}`.
    Load,
    /// The processors that are online. `int`.
    CpuCount,
    /// Whether it is a virtual machine. `bool`.
    IsVirtual,
    /// The names of the loaded modules of the kernel. `[]str`.
    KernelModules,
    /// Whether new firmware waits for a restart. `bool`.
    FirmwareRestart,
}

impl SourceRequest {
    /// Whether every call has an answer of its own, rather than one that equal requests share.
    pub fn is_per_call(&self) -> bool {
        matches!(self, Self::NewDirectory { .. } | Self::Random { .. } | Self::Delayed { .. })
    }
}

/// An answer. Errors say themselves whether they can be caught.
pub type Answer = Result<Value>;

/// Where answers go. Only the latest counts: a source may leave out answers that nobody took in time, so nothing queues.
pub type Sink = Arc<dyn Fn(Answer) + Send + Sync>;

/// Something to drop when answers are not wanted any more.
pub type Subscription = Box<dyn Any + Send>;

/// Who answers requests. The binary implements it; tests answer from tables.
pub trait Sources: Send + Sync {
    /// Answers the request now or soon, and again whenever the answer changes, until the subscription is dropped. Never
    /// blocks; the sink may be called before this returns.
    fn subscribe(&self, request: &SourceRequest, sink: Sink) -> Subscription;
}
