//! etcd as a child of ours: how it is started, what it says, how it ends.
//!
//! Each child belongs to a thread of its own that lives as long as it does: the kernel ends a child with the *thread* that made
//! it, and a thread of a runtime may be retired. So etcd never outlives us, however we end.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::log::Log;
use super::server::{Begin, Server};

/// What a member of ours needs of etcd.
const OLDEST: (u32, u32) = (3, 4);
/// To say its version.
const VERSION_PATIENCE: Duration = Duration::from_secs(10);
/// To end when asked to.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// To hand over to another leader. It takes some milliseconds where the others are there, and several seconds where they are not.
const HAND_OVER: Duration = Duration::from_secs(1);
/// No line of its log is longer for us.
const LINE_BYTES_MAX: u64 = 16 << 10;

/// Why etcd cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// It is not there, or not a program.
    #[error("`{program}` cannot be run: {why}")]
    Missing {
        /// What was tried.
        program: String,
        /// What the system says.
        why: String,
    },
    /// It is older than what we need.
    #[error("etcd {found} is too old: 3.4 or newer is needed")]
    TooOld {
        /// Its version.
        found: String,
    },
    /// It could not read what the members write.
    #[error("etcd {found} is too old: the members run {needed}, and an older one cannot join them")]
    OlderThanMembers {
        /// Its version.
        found: String,
        /// Theirs.
        needed: String,
    },
    /// It is something else.
    #[error("`{program} --version` does not say which etcd it is")]
    Strange {
        /// What was tried.
        program: String,
    },
}

/// How a server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exit {
    /// For a person: what it said last, or with which status it ended.
    pub(super) why: String,
}

/// A server that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    pidfd: OwnedFd,
    exit: watch::Receiver<Option<Exit>>,
}

/// The version of etcd; an error if it is none that we can use.
pub(super) async fn version(program: &Path) -> Result<String, ProgramError> {
    let shown = program.display().to_string();
    let asked = tokio::process::Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let said = match timeout(VERSION_PATIENCE, asked).await {
        Ok(Ok(said)) => said,
        Ok(Err(error)) => return Err(ProgramError::Missing { program: shown, why: error.to_string() }),
        Err(_) => return Err(ProgramError::Strange { program: shown }),
    };
    let text = String::from_utf8_lossy(&said.stdout);
    parse_version(&text).ok_or(ProgramError::Strange { program: shown })?
}

fn parse_version(text: &str) -> Option<Result<String, ProgramError>> {
    let found = text.lines().find_map(|line| line.strip_prefix("etcd Version: "))?.trim();
    let series = series(found)?;
    let found = found.to_owned();
    Some(if series < OLDEST { Err(ProgramError::TooOld { found }) } else { Ok(found) })
}

/// The part of a version that says who understands whom.
pub(super) fn series(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>());
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Whether this version can be a member beside such ones. Those of unknown versions take any.
pub(super) fn fits(found: &str, members: Option<&str>) -> Result<(), ProgramError> {
    match members {
        Some(needed) if series(found) < series(needed) => {
            Err(ProgramError::OlderThanMembers { found: found.into(), needed: needed.into() })
        }
        Some(_) | None => Ok(()),
    }
}

impl Server {
    /// Starts it for this host with its data in `dir`, where its log goes too.
    pub(super) async fn start(&self, host: &str, dir: &Path, begin: &Begin) -> io::Result<Running> {
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments(host, &data(dir), begin))
            // Each of its options may be a variable, too. The program is looked for where its version was asked.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        end_with_us(&mut command);
        let log = Log::open(dir.join("etcd.log"))?;
        let (started, has_started) = oneshot::channel();
        let (ended, exit) = watch::channel(None);
        std::thread::Builder::new().name("etcd".into()).spawn(move || {
            let spawned = command.spawn().and_then(|child| {
                let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                let pidfd = pidfd_open(pid.ok_or(io::ErrorKind::InvalidData)?, PidfdFlags::empty())?;
                Ok((child, pidfd))
            });
            match spawned {
                Ok((child, pidfd)) => {
                    if started.send(Ok(pidfd)).is_ok() {
                        ended.send_replace(Some(attend(child, log)));
                    }
                }
                Err(error) => drop(started.send(Err(error))),
            }
        })?;
        let pidfd = has_started.await.map_err(|_| io::ErrorKind::BrokenPipe)??;
        Ok(Running { pidfd, exit })
    }
}

/// Where the data of the server is.
pub(super) fn data(dir: &Path) -> PathBuf {
    dir.join("etcd")
}

#[allow(unsafe_code, reason = "plain system calls in a child between fork and exec")]
fn end_with_us(command: &mut Command) {
    let parent = rustix::process::getpid();
    let ask = move || {
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have ended before the child asked.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: two system calls, which are async-signal-safe; nothing is allocated.
    unsafe { command.pre_exec(ask) };
}

/// Until it has ended.
fn attend(mut child: Child, mut log: Log) -> Exit {
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr);
        let mut line = Vec::new();
        while (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            log.line(&line);
            line.clear();
        }
    }
    let status = child.wait();
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    Exit { why: log.last_words().map_or(status.clone(), |said| format!("{status}: {said}")) }
}

impl Running {
    /// Returns when it has ended.
    pub(super) async fn ended(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().expect("it was waited for"),
            Err(_) => Exit { why: "the thread that waits for it is gone".into() },
        }
    }

    /// Asks it to end, and makes it end if it does not.
    pub async fn stop(self) {
        self.stop_within(STOP_GRACE).await;
    }

    /// Lets it hand over to another leader, if there is one, and makes it end.
    pub(super) async fn hand_over(self) {
        self.stop_within(HAND_OVER).await;
    }

    async fn stop_within(mut self, grace: Duration) {
        self.signal(Signal::TERM);
        if timeout(grace, self.ended()).await.is_err() {
            self.signal(Signal::KILL);
            self.ended().await;
        }
    }

    /// Makes it end.
    pub(super) async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    fn signal(&self, signal: Signal) {
        // It fails only if it has ended.
        pidfd_send_signal(&self.pidfd, signal).ok();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_and_an_old_one_refused() {
        let of = |text: &str| parse_version(text);
        assert_eq!(of("etcd Version: 3.4.23\nGit SHA: x\n"), Some(Ok("3.4.23".into())));
        assert_eq!(of("etcd Version: 3.6.0-rc.1\n"), Some(Ok("3.6.0-rc.1".into())));
        assert_eq!(of("etcd Version: 3.3.25\n"), Some(Err(ProgramError::TooOld { found: "3.3.25".into() })));
        assert_eq!(of("something else 1.0\n"), None);
        assert_eq!(of("etcd Version: three\n"), None);
    }

    #[test]
    fn a_version_older_than_that_of_the_members_is_refused() {
        for (found, members) in
            [("3.5.1", Some("3.4")), ("3.5.1", Some("3.5")), ("3.10.0", Some("3.9")), ("3.4.0", None)]
        {
            assert_eq!(fits(found, members), Ok(()));
        }
        for (found, members) in [("3.4.23", "3.5"), ("3.9.9", "3.10"), ("3.4.23", "4.0")] {
            let refused = ProgramError::OlderThanMembers { found: found.into(), needed: members.into() };
            assert_eq!(fits(found, Some(members)), Err(refused));
        }
    }
}
