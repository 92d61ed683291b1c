//! The lock on a prefix: whoever has it may write there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FlockOperation, flock};

use super::Prefix;

/// Held until it is dropped, or the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Who has the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its process id, when it could be read.
    pub(crate) pid: Option<u32>,
    /// Its command, such as `run`.
    pub(crate) command: String,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(prefix: &Prefix, command: &str) -> io::Result<Result<Self, Holder>> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(prefix.file("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Err(holder(&mut file))),
            Err(error) => return Err(error.into()),
        }
        // Our name is for people: without room for it the lock is as good.
        if let Err(error) = write_name(&mut file, command) {
            tracing::warn!("cannot write down who has the lock on the prefix: {error}");
        }
        Ok(Ok(Self { _file: file }))
    }
}

impl Holder {
    /// Whether it will be gone in a moment, or is just about to say who it is.
    pub(crate) fn is_short(&self) -> bool {
        self.pid.is_none() || self.command == "kv"
    }
}

fn write_name(file: &mut File, command: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{} {command}", std::process::id())
}

fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    // What cannot be read leaves the holder unnamed.
    file.take(100).read_to_string(&mut text).ok();
    let (pid, command) = text.trim().split_once(' ').unwrap_or_default();
    Holder { pid: pid.parse().ok(), command: command.to_owned() }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "`homeostat {}` with process id {pid}", self.command),
            None => f.write_str("another process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_learns_who_has_it_and_the_end_of_the_first_frees_it() {
        let dir = tempfile::tempdir().unwrap();
        let prefix = Prefix::choose(Some(dir.path())).unwrap();
        let first = Lock::take(&prefix, "run").unwrap().unwrap();
        let holder = Lock::take(&prefix, "kv").unwrap().unwrap_err();
        assert_eq!(holder.pid, Some(std::process::id()));
        assert_eq!(holder.command, "run");
        drop(first);
        assert!(Lock::take(&prefix, "kv").unwrap().is_ok());
    }
}
