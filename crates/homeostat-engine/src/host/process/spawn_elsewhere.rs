//! The making of a child where it cannot borrow our memory: a fork by the standard library.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::Pid;
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::child::{Entry, Image};

/// A child, until it was waited for.
pub(super) struct Running {
    child: Child,
    pid: Option<Pid>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

impl Running {
    /// The child, which leads its process group.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Waits for the end. It may be called again, and be dropped without harm.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

/// Starts a program, with its outputs in pipes and no input.
pub(super) fn start(image: Image, entry: Entry) -> io::Result<Running> {
    let text = |text: &CString| OsStr::from_bytes(text.as_bytes()).to_owned();
    // With a path the program is that file; the search has to happen in the child, which may have another root.
    let program = image.args.first().map(text).unwrap_or_default();
    let mut command = Command::new(program);
    command
        .args(image.args.iter().skip(1).map(text))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for variable in &image.env {
        if let Some((name, value)) = variable.to_str().ok().and_then(|text| text.split_once('=')) {
            command.env(name, value);
        }
    }
    #[allow(unsafe_code, reason = "a session, a root, a user: the standard library has no other way")]
    // SAFETY: between fork and exec only system calls are made, on memory that was allocated before.
    unsafe {
        command.pre_exec(move || entry.enter());
    }
    let mut child = tokio::process::Command::from(command).spawn()?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    Ok(Running { stdout: child.stdout.take(), stderr: child.stderr.take(), child, pid })
}
