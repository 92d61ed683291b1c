//! From a command to a running child: who it runs as, where, and what it inherits.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::users::{self, User};
use super::{Command, LANG, PATH, ProcessError};
use crate::source::AbsPath;

/// Where commands run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Host,
    Inside(AbsPath),
}

/// Starts a command in a session of its own.
pub(super) fn spawn(command: &Command, place: &Place) -> Result<tokio::process::Child, ProcessError> {
    let become_who = Identity::of(command, place)?;
    let mut builder = std::process::Command::new(&command.program);
    builder
        .args(&command.args)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", &become_who.home)
        .env("LANG", LANG)
        .envs(&command.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let entry = Entry::new(command, place, become_who)?;
    #[allow(
        unsafe_code,
        reason = "a session, a root, a user: the standard library has no other way"
    )]
    // SAFETY: between fork and exec only system calls are made, on memory that was allocated before.
    unsafe {
        builder.pre_exec(move || entry.enter())
    };
    let spawned = tokio::process::Command::from(builder).spawn();
    spawned.map_err(|source| match &command.cwd {
        Some(cwd) if !is_directory(place, cwd) => ProcessError::NoDirectory(cwd.clone()),
        _ => ProcessError::Start {
            program: command.program.clone(),
            source,
        },
    })
}

fn is_directory(place: &Place, cwd: &AbsPath) -> bool {
    let below: &Path = cwd.as_path().strip_prefix("/").unwrap_or(cwd.as_path());
    let path: PathBuf = match place {
        Place::Host => cwd.as_path().to_owned(),
        Place::Inside(root) => root.as_path().join(below),
    };
    path.is_dir()
}

/// Whom a command runs as. What is `None` stays as it is.
struct Identity {
    home: String,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
}

impl Identity {
    fn of(command: &Command, place: &Place) -> Result<Self, ProcessError> {
        let root = match place {
            Place::Host => None,
            Place::Inside(root) => Some(root.as_path()),
        };
        let user = match &command.user {
            Some(text) => {
                let found = users::user(text, root).map_err(ProcessError::Lookup)?;
                Some(found.ok_or_else(|| ProcessError::UnknownUser(text.clone()))?)
            }
            None => None,
        };
        let group = match &command.group {
            Some(text) => {
                let found = users::group(text, root).map_err(ProcessError::Lookup)?;
                Some(found.ok_or_else(|| ProcessError::UnknownGroup(text.clone()))?)
            }
            None => None,
        };
        let gid = group.or(user.as_ref().map(|user| user.gid));
        let groups = match (&user, gid) {
            (Some(user), Some(gid)) => Some(users::groups_of(user, gid, root).map_err(ProcessError::Lookup)?),
            (None, Some(gid)) => Some(vec![gid]),
            (_, None) => None,
        };
        let home = match &user {
            Some(user) => user.home.clone(),
            None => own_home(root)?,
        };
        Ok(Self {
            home,
            uid: user.map(|user| user.uid),
            gid,
            groups,
        })
    }

    /// Whether we are that already, so that nothing has to be changed.
    fn is_ours(&self) -> bool {
        self.uid
            .is_none_or(|uid| uid == rustix::process::geteuid().as_raw())
            && self
                .gid
                .is_none_or(|gid| gid == rustix::process::getegid().as_raw())
    }
}

fn own_home(root: Option<&Path>) -> Result<String, ProcessError> {
    let uid = rustix::process::geteuid().as_raw();
    if uid == 0 {
        return Ok("/root".into());
    }
    let found = users::user(&uid.to_string(), root).map_err(ProcessError::Lookup)?;
    Ok(found.map_or_else(|| "/".into(), |User { home, .. }| home))
}

/// All that happens between fork and exec, prepared so that it allocates nothing.
struct Entry {
    root: Option<CString>,
    cwd: CString,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<libc::gid_t>>,
    #[cfg(target_os = "linux")]
    parent: libc::pid_t,
}

impl Entry {
    fn new(command: &Command, place: &Place, identity: Identity) -> Result<Self, ProcessError> {
        let root = match place {
            Place::Host => None,
            Place::Inside(root) if !may_enter_roots() => {
                return Err(ProcessError::MayNotEnterRoot(root.clone()));
            }
            Place::Inside(root) => Some(c_string(root)),
        };
        let unprivileged = !may_change_user();
        if unprivileged && !identity.is_ours() {
            return Err(ProcessError::MayNotChangeUser);
        }
        let cwd = command.cwd.as_ref().map_or_else(|| CString::from(c"/"), c_string);
        Ok(Self {
            root,
            cwd,
            uid: identity.uid,
            gid: identity.gid,
            groups: identity.groups.filter(|_| !unprivileged),
            #[cfg(target_os = "linux")]
            parent: rustix::process::getpid().as_raw_nonzero().get(),
        })
    }

    #[allow(
        unsafe_code,
        reason = "plain system calls, without the standard library, between fork and exec"
    )]
    fn enter(&self) -> io::Result<()> {
        // SAFETY: each call takes only numbers or pointers into `self`, which outlives it, and is async-signal-safe.
        unsafe {
            libc::setsid();
            libc::umask(0o022);
            if let Some(root) = &self.root {
                check(libc::chroot(root.as_ptr()))?;
            }
            if let Some(groups) = &self.groups {
                check(libc::setgroups(groups.len() as _, groups.as_ptr()))?;
            }
            if let Some(gid) = self.gid {
                check(libc::setgid(gid))?;
            }
            if let Some(uid) = self.uid {
                check(libc::setuid(uid))?;
            }
            // As the user that it runs as, who may not be allowed to go there.
            check(libc::chdir(self.cwd.as_ptr()))?;
            // Last, since changing the user would clear it.
            #[cfg(target_os = "linux")]
            {
                check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
                if libc::getppid() != self.parent {
                    libc::_exit(1);
                }
            }
        }
        Ok(())
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn c_string(path: &AbsPath) -> CString {
    CString::new(path.as_path().as_os_str().as_bytes()).expect("a path in normal form has no NUL byte")
}

#[cfg(target_os = "linux")]
fn has(wanted: rustix::thread::CapabilitySet) -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(wanted))
}

#[cfg(target_os = "linux")]
fn may_enter_roots() -> bool {
    has(rustix::thread::CapabilitySet::SYS_CHROOT)
}

#[cfg(target_os = "linux")]
fn may_change_user() -> bool {
    has(rustix::thread::CapabilitySet::SETUID | rustix::thread::CapabilitySet::SETGID)
}

#[cfg(not(target_os = "linux"))]
fn may_enter_roots() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(target_os = "linux"))]
fn may_change_user() -> bool {
    rustix::process::geteuid().is_root()
}
