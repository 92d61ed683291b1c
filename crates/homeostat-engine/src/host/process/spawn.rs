//! The making of a child on Linux: it borrows our memory until it runs its program, as `posix_spawn` does, so that a start
//! costs the same however much memory the agent has. A fork of an agent of 400 MB costs tens of milliseconds.

#![allow(unsafe_code, reason = "the standard library can set up a session, a root and a user only by a fork")]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Signal, WaitOptions, kill_process};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use super::child::{Entry, Image};

/// For the few calls that the child makes before its program runs.
const STACK_BYTES: usize = 64 << 10;
const SIGNAL_MAX: c_int = 64;
const SHELL: &CStr = c"/bin/sh";

/// A child, until it was waited for.
pub(super) struct Running {
    pid: Pid,
    /// Becomes readable when the child has ended.
    ended: AsyncFd<OwnedFd>,
    status: Option<ExitStatus>,
    pub(super) stdout: Option<pipe::Receiver>,
    pub(super) stderr: Option<pipe::Receiver>,
}

impl Running {
    /// The child, which leads its process group.
    pub(super) fn pid(&self) -> Option<Pid> {
        Some(self.pid)
    }

    /// Waits for the end. It may be called again, and be dropped without harm.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.status {
                return Ok(status);
            }
            if let Some((_, status)) = rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG)? {
                self.status = Some(ExitStatus::from_raw(status.as_raw()));
                continue;
            }
            self.ended.readable().await?.clear_ready();
        }
    }
}

/// Starts a program, with its outputs in pipes and no input.
pub(super) fn start(image: Image, entry: Entry) -> io::Result<Running> {
    let null = File::open("/dev/null")?;
    let (stdout, child_stdout) = io::pipe()?;
    let (stderr, child_stderr) = io::pipe()?;
    let stdout = pipe::Receiver::from_owned_fd(stdout.into())?;
    let stderr = pipe::Receiver::from_owned_fd(stderr.into())?;
    let arrays = Arrays::new(&image);
    let stdio = [null.as_raw_fd(), child_stdout.as_raw_fd(), child_stderr.as_raw_fd()];
    let (pid, pidfd) =
        clone(&Child { image: &image, arrays: &arrays, entry: &entry, stdio, error: AtomicI32::new(0) })?;
    // SAFETY: an owned descriptor is the same and open for as long as it lives, and it lives as long as its registration.
    let ended = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
    let ended = ended.inspect_err(|_| {
        // A child that cannot be waited for must not stay.
        kill_process(pid, Signal::KILL).ok();
        rustix::process::waitpid(Some(pid), WaitOptions::empty()).ok();
    });
    Ok(Running { pid, ended: ended?, status: None, stdout: Some(stdout), stderr: Some(stderr) })
}

/// The pointers that the call takes, each list with a null at its end.
struct Arrays {
    args: Vec<*const c_char>,
    env: Vec<*const c_char>,
    /// For a script without an interpreter: the shell, a place for the script, its arguments.
    shell_args: Vec<Cell<*const c_char>>,
}

impl Arrays {
    fn new(image: &Image) -> Self {
        let with_end = |texts: &[CString]| -> Vec<*const c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
        };
        let args = with_end(&image.args);
        let shell_args = [SHELL.as_ptr(), ptr::null()];
        Self {
            shell_args: shell_args.into_iter().chain(args[1..].iter().copied()).map(Cell::new).collect(),
            args,
            env: with_end(&image.env),
        }
    }
}

/// What the child needs. It lives in our memory, and we wait while the child uses it.
struct Child<'a> {
    image: &'a Image,
    arrays: &'a Arrays,
    entry: &'a Entry,
    stdio: [RawFd; 3],
    /// Why there is no program, for us to read when the child has gone.
    error: AtomicI32,
}

fn clone(child: &Child<'_>) -> io::Result<(Pid, OwnedFd)> {
    let mut stack: Vec<MaybeUninit<u128>> = Vec::with_capacity(STACK_BYTES / size_of::<u128>());
    let top = stack.spare_capacity_mut().as_mut_ptr_range().end;
    let mut pidfd: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // No handler of ours may run in the child, whose memory is ours.
    let blocked = SignalMask::block_all();
    // SAFETY: the stack is large enough, aligned, and not used by anybody else; `child` and all that it refers to live
    // until the call returns, which with CLONE_VFORK is when the child no longer uses our memory.
    let pid = unsafe {
        libc::clone(run_child, top.cast(), flags, ptr::from_ref(child).cast_mut().cast(), &raw mut pidfd)
    };
    let failed = io::Error::last_os_error();
    drop(blocked);
    let Some(pid) = Pid::from_raw(pid).filter(|_| pid > 0) else {
        return Err(failed);
    };
    // SAFETY: the kernel opened it for us, and nobody else knows of it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    match child.error.load(Ordering::SeqCst) {
        0 => Ok((pid, pidfd)),
        error => {
            // It has ended already.
            rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
            Err(io::Error::from_raw_os_error(error))
        }
    }
}

/// All signals of this thread, blocked until it is dropped.
struct SignalMask(libc::sigset_t);

impl SignalMask {
    fn block_all() -> Self {
        // SAFETY: both sets are filled by the calls before they are read.
        unsafe {
            let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
            libc::sigfillset(all.as_mut_ptr());
            libc::sigemptyset(before.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set is the one that the system gave us.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}

/// The child's only function: it ends in another program, or leaves its reason and ends.
extern "C" fn run_child(child: *mut c_void) -> c_int {
    // SAFETY: it is what `clone` was given, which waits for us.
    let child = unsafe { &*child.cast_const().cast::<Child<'_>>() };
    let error = match prepare(child) {
        Ok(()) => execute(child),
        Err(error) => error,
    };
    child.error.store(error.raw_os_error().unwrap_or(libc::EINVAL), Ordering::SeqCst);
    // SAFETY: it ends this process and nothing else; what belongs to our parent is not dropped.
    unsafe { libc::_exit(127) }
}

fn prepare(child: &Child<'_>) -> io::Result<()> {
    // SAFETY: plain system calls on numbers and on memory of this stack.
    unsafe {
        for (target, source) in (0..).zip(child.stdio) {
            if libc::dup2(source, target) < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        child.entry.enter()?;
        // Handlers would run on memory that is not ours; what is ignored would be ignored by the program as well.
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=SIGNAL_MAX {
            libc::sigaction(signal, &raw const default, ptr::null_mut());
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
    }
    Ok(())
}

/// Tries the files in order, and says why none of them runs.
fn execute(child: &Child<'_>) -> io::Error {
    let Arrays { args, env, shell_args } = child.arrays;
    let mut reason = io::Error::from_raw_os_error(libc::ENOENT);
    for program in &child.image.programs {
        // SAFETY: strings end with NUL, lists with null, and all of them live in our parent, which waits.
        unsafe { libc::execve(program.as_ptr(), args.as_ptr(), env.as_ptr()) };
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            Some(libc::EACCES) => reason = error,
            Some(libc::ENOEXEC) => {
                shell_args[1].set(program.as_ptr());
                // SAFETY: as above; a cell of a pointer is a pointer.
                unsafe { libc::execve(SHELL.as_ptr(), shell_args.as_ptr().cast(), env.as_ptr()) };
                return io::Error::last_os_error();
            }
            _ => return error,
        }
    }
    reason
}
