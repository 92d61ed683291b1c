//! The thread whose children all commands are.

use std::io;
use std::pin::pin;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::capture::Captured;
use super::child::{self, Place};
use super::group;
use super::live::Presence;
use super::spawn::Running;
use super::{Command, Exit, Finished, OUTPUT_BYTES_MAX, ProcessError};

/// Commands that wait to be started; whoever brings more waits.
const JOBS_MAX: usize = 64;
/// How long output is still read after a command ended, if something that it started holds its output open.
const LINGER: Duration = Duration::from_millis(200);
/// How long those are waited for that were killed: mostly no time at all, but one that hangs in a device may never end.
const KILLED_MAX: Duration = Duration::from_secs(2);
/// A line is handed on in pieces of this size.
const LINE_BYTES_MAX: usize = 64 << 10;

/// What is called for each line.
pub(super) type LineFn = Box<dyn FnMut(&[u8]) + Send>;

/// A command to run and who waits for it.
pub(super) struct Job {
    pub(super) command: Command,
    pub(super) line: Option<LineFn>,
    pub(super) cancel: CancellationToken,
    pub(super) reply: oneshot::Sender<Result<Finished, ProcessError>>,
    pub(super) presence: Presence,
}

/// The thread. Dropping it ends all commands and waits until they are gone.
pub(super) struct Thread {
    jobs: Option<mpsc::Sender<Job>>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    pub(super) fn start(place: Place, grace: Duration, closing: CancellationToken) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (jobs, arriving) = mpsc::channel(JOBS_MAX);
        let handle = std::thread::Builder::new()
            .name("processes".into())
            .spawn(move || runtime.block_on(serve(arriving, place, grace, closing)))?;
        Ok(Self { jobs: Some(jobs), handle: Some(handle) })
    }

    pub(super) async fn send(&self, job: Job) -> Result<(), ProcessError> {
        let jobs = self.jobs.as_ref().ok_or(ProcessError::Closed)?;
        jobs.send(job).await.map_err(|_| ProcessError::Closed)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.jobs = None;
        // It may be the thread itself that drops what was held last by somebody's line function.
        let other = |handle: &JoinHandle<()>| handle.thread().id() != std::thread::current().id();
        if let Some(handle) = self.handle.take().filter(other) {
            // A panic of the thread was reported when it happened.
            drop(handle.join());
        }
    }
}

async fn serve(mut arriving: mpsc::Receiver<Job>, place: Place, grace: Duration, closing: CancellationToken) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            job = arriving.recv() => match job {
                Some(job) => drop(running.spawn(run(job, place.clone(), grace, closing.clone()))),
                None => break,
            },
            Some(_) = running.join_next() => {}
        }
    }
    closing.cancel();
    while running.join_next().await.is_some() {}
}

async fn run(job: Job, place: Place, grace: Duration, closing: CancellationToken) {
    let Job { command, mut line, cancel, reply, presence: _until_it_is_gone } = job;
    if cancel.is_cancelled() || closing.is_cancelled() {
        return;
    }
    let mut child = match child::spawn(&command, &place) {
        Ok(child) => child,
        Err(error) => return drop(reply.send(Err(error))),
    };
    let group = child.pid();
    let ended = tokio::select! {
        finished = collect(&mut child, &mut line) => Some(finished),
        () = cancel.cancelled() => None,
        () = closing.cancelled() => None,
    };
    match ended {
        Some(finished) => {
            let finished =
                finished.map_err(|source| ProcessError::Start { program: command.program, source });
            // Whoever waited may have gone in this moment.
            drop(reply.send(finished));
        }
        None => end(&mut child, group, command.end_signal, grace).await,
    }
}

/// Reads both outputs and waits for the end. What the command started and left behind is not waited for.
async fn collect(child: &mut Running, line: &mut Option<LineFn>) -> io::Result<Finished> {
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let mut said = Said::default();
    let (mut out_buffer, mut err_buffer) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    let exit = loop {
        tokio::select! {
            biased;
            read = read(&mut stdout, &mut out_buffer) => said.out(&out_buffer[..read], line),
            read = read(&mut stderr, &mut err_buffer) => said.err(&err_buffer[..read]),
            status = child.wait() => break status?,
        }
    };
    // What it wrote before its end is in the pipes now; more than they hold is somebody else's.
    let mut left = OUTPUT_BYTES_MAX;
    let mut linger = pin!(sleep_until(Instant::now() + LINGER));
    while left > 0 && (stdout.is_some() || stderr.is_some()) {
        let read = tokio::select! {
            biased;
            read = read(&mut stdout, &mut out_buffer) => { said.out(&out_buffer[..read], line); read }
            read = read(&mut stderr, &mut err_buffer) => { said.err(&err_buffer[..read]); read }
            () = &mut linger => break,
        };
        left = left.saturating_sub(read);
    }
    said.last_line(line);
    Ok(Finished { exit: exit_of(exit), stdout: said.stdout, stderr: said.stderr, output: said.output })
}

/// Reads once; at the end of the stream it forgets the stream, and without one it waits for ever.
async fn read(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    let Some(open) = stream else {
        return std::future::pending().await;
    };
    match open.read(buffer).await {
        Ok(read @ 1..) => read,
        // A pipe that cannot be read is as good as closed.
        Ok(0) | Err(_) => {
            *stream = None;
            0
        }
    }
}

#[derive(Default)]
struct Said {
    stdout: Captured,
    stderr: Captured,
    output: Captured,
    partial: Vec<u8>,
}

impl Said {
    fn out(&mut self, bytes: &[u8], line: &mut Option<LineFn>) {
        let Some(line) = line else {
            self.stdout.push(bytes);
            return self.output.push(bytes);
        };
        // Lines are for the one who follows them; a command that runs for ever is not captured.
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if let Some((b'\n', whole)) = self.partial.split_last() {
                line(whole);
                self.partial.clear();
            } else if self.partial.len() >= LINE_BYTES_MAX {
                line(&self.partial);
                self.partial.clear();
            }
        }
    }

    fn err(&mut self, bytes: &[u8]) {
        self.stderr.push(bytes);
        self.output.push(bytes);
    }

    fn last_line(&mut self, line: &mut Option<LineFn>) {
        if let Some(line) = line
            && !self.partial.is_empty()
        {
            line(&self.partial);
        }
    }
}

fn exit_of(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Status(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Status(-1),
    }
}

/// Asks the whole group to end, waits for the grace, kills what is left, and reaps the child.
async fn end(child: &mut Running, leader: Option<Pid>, signal: i32, grace: Duration) {
    let Some(leader) = leader else { return };
    if let Some(signal) = Signal::from_named_raw(signal) {
        // It may have gone by itself.
        kill_process_group(leader, signal).ok();
    }
    let gone = async |child: &mut Running| {
        drop(child.wait().await);
        group::gone(leader).await;
    };
    if timeout(grace, gone(child)).await.is_ok() {
        return;
    }
    kill_process_group(leader, Signal::KILL).ok();
    drop(timeout(KILLED_MAX, gone(child)).await);
}
