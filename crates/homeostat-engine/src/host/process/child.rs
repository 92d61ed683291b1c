//! From a command to a running child: who it runs as, where, and what it inherits.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::spawn::{Running, start};
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
pub(super) fn spawn(command: &Command, place: &Place) -> Result<Running, ProcessError> {
    let identity = Identity::of(command, place)?;
    let image = Image::new(command, &command.environment(&identity))
        .map_err(|source| cannot_start(command, source))?;
    let entry = Entry::new(command, place, &identity)?;
    start(image, entry).map_err(|source| match &command.cwd {
        Some(cwd) if !is_directory(place, cwd) => ProcessError::NoDirectory(cwd.clone()),
        _ => cannot_start(command, source),
    })
}

/// Whether [`spawn`] would have all that it takes.
pub(super) fn could_start(command: &Command, place: &Place) -> Result<(), ProcessError> {
    let identity = Identity::of(command, place)?;
    Entry::new(command, place, &identity)?;
    if let Some(cwd) = command.cwd.as_ref().filter(|cwd| !is_directory(place, cwd)) {
        return Err(ProcessError::NoDirectory(cwd.clone()));
    }
    let image = Image::new(command, &command.environment(&identity))
        .map_err(|source| cannot_start(command, source))?;
    if image.programs.iter().any(|program| is_there(place, command.cwd.as_ref(), program)) {
        return Ok(());
    }
    Err(cannot_start(command, io::Error::from_raw_os_error(libc::ENOENT)))
}

fn cannot_start(command: &Command, source: io::Error) -> ProcessError {
    ProcessError::Start { program: command.program.clone(), source }
}

impl Command {
    /// All of the environment that it gets.
    fn environment<'e>(&'e self, identity: &'e Identity) -> BTreeMap<&'e str, &'e str> {
        let fixed = [("PATH", PATH), ("HOME", identity.home.as_str()), ("LANG", LANG)];
        let declared = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        fixed.into_iter().chain(declared).collect()
    }
}

/// What is executed: everything that the call needs, allocated before there is a child.
pub(super) struct Image {
    /// The files to try, in order.
    pub(super) programs: Vec<CString>,
    pub(super) args: Vec<CString>,
    pub(super) env: Vec<CString>,
}

impl Image {
    fn new(command: &Command, env: &BTreeMap<&str, &str>) -> io::Result<Self> {
        let programs = if command.program.contains('/') {
            vec![CString::new(command.program.as_str())?]
        } else {
            let path = env.get("PATH").copied().unwrap_or(PATH);
            let directories = path.split(':').filter(|directory| !directory.is_empty());
            let programs =
                directories.map(|directory| CString::new(format!("{directory}/{}", command.program)));
            programs.collect::<Result<_, _>>()?
        };
        let args = [&command.program].into_iter().chain(&command.args);
        let args = args.map(|arg| CString::new(arg.as_str()));
        let env = env.iter().map(|(name, value)| CString::new(format!("{name}={value}")));
        Ok(Self { programs, args: args.collect::<Result<_, _>>()?, env: env.collect::<Result<_, _>>()? })
    }
}

fn is_directory(place: &Place, cwd: &AbsPath) -> bool {
    outside(place, cwd.as_path()).is_dir()
}

/// Whether there is something at the path of a program. Where a link leads is not followed: inside a root it would lead out of it.
fn is_there(place: &Place, cwd: Option<&AbsPath>, program: &CString) -> bool {
    let program = Path::new(OsStr::from_bytes(program.as_bytes()));
    let cwd = cwd.map_or(Path::new("/"), AbsPath::as_path);
    outside(place, &cwd.join(program)).symlink_metadata().is_ok_and(|found| !found.is_dir())
}

/// A path of the place, as it is called outside of it.
fn outside(place: &Place, path: &Path) -> PathBuf {
    match place {
        Place::Host => path.to_owned(),
        Place::Inside(root) => root.as_path().join(path.strip_prefix("/").unwrap_or(path)),
    }
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
        Ok(Self { home, uid: user.map(|user| user.uid), gid, groups })
    }

    /// Whether we are that already, so that nothing has to be changed.
    fn is_ours(&self) -> bool {
        self.uid.is_none_or(|uid| uid == rustix::process::geteuid().as_raw())
            && self.gid.is_none_or(|gid| gid == rustix::process::getegid().as_raw())
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

/// All that happens between the making of the child and its program, prepared so that it allocates nothing.
pub(super) struct Entry {
    root: Option<CString>,
    cwd: CString,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<libc::gid_t>>,
    #[cfg(target_os = "linux")]
    parent: libc::pid_t,
}

impl Entry {
    fn new(command: &Command, place: &Place, identity: &Identity) -> Result<Self, ProcessError> {
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
            groups: identity.groups.clone().filter(|_| !unprivileged),
            #[cfg(target_os = "linux")]
            parent: rustix::process::getpid().as_raw_nonzero().get(),
        })
    }

    /// Makes the child what it should be. System calls only, and those on users without the C library: it would change
    /// every thread of ours, whose memory the child shares.
    #[allow(
        unsafe_code,
        reason = "plain system calls, without the standard library, in a child that shares our memory"
    )]
    pub(super) fn enter(&self) -> io::Result<()> {
        // SAFETY: each call takes only numbers or pointers into `self`, which outlives it, and is async-signal-safe.
        unsafe {
            libc::setsid();
            libc::umask(0o022);
            if let Some(root) = &self.root {
                check(libc::chroot(root.as_ptr()).into())?;
            }
            if let Some(groups) = &self.groups {
                check(syscall::setgroups(groups))?;
            }
            if let Some(gid) = self.gid {
                check(syscall::setgid(gid))?;
            }
            if let Some(uid) = self.uid {
                check(syscall::setuid(uid))?;
            }
            // As the user that it runs as, who may not be allowed to go there.
            check(libc::chdir(self.cwd.as_ptr()).into())?;
            // Last, since changing the user would clear it.
            #[cfg(target_os = "linux")]
            {
                check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL).into())?;
                if libc::getppid() != self.parent {
                    libc::_exit(1);
                }
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "system calls that concern the calling thread alone")]
mod syscall {
    pub(super) unsafe fn setgroups(groups: &[libc::gid_t]) -> i64 {
        // SAFETY: the pointer and the length are those of one slice.
        unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }
    }

    pub(super) unsafe fn setgid(gid: u32) -> i64 {
        // SAFETY: it takes numbers only.
        unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }
    }

    pub(super) unsafe fn setuid(uid: u32) -> i64 {
        // SAFETY: it takes numbers only.
        unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }
    }
}

#[cfg(not(target_os = "linux"))]
#[allow(unsafe_code, reason = "the child has memory of its own here, and one thread")]
mod syscall {
    pub(super) unsafe fn setgroups(groups: &[libc::gid_t]) -> i64 {
        // SAFETY: the pointer and the length are those of one slice.
        unsafe { libc::setgroups(groups.len() as _, groups.as_ptr()) }.into()
    }

    pub(super) unsafe fn setgid(gid: u32) -> i64 {
        // SAFETY: it takes a number only.
        unsafe { libc::setgid(gid) }.into()
    }

    pub(super) unsafe fn setuid(uid: u32) -> i64 {
        // SAFETY: it takes a number only.
        unsafe { libc::setuid(uid) }.into()
    }
}

fn check(result: i64) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
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
