//! Names of users and groups.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use super::{FileError, Files, Identity};
use crate::source::AbsPath;

/// What was looked up since `/etc/passwd` and `/etc/group` changed last: one stat instead of a search per file.
#[derive(Debug)]
pub(super) struct Owners {
    passwd: AbsPath,
    group: AbsPath,
    users: Mutex<Names>,
    groups: Mutex<Names>,
}

impl Owners {
    pub(super) fn new() -> Self {
        let path = |text| AbsPath::parse(text).expect("it is absolute");
        Self {
            passwd: path("/etc/passwd"),
            group: path("/etc/group"),
            users: Mutex::default(),
            groups: Mutex::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Names {
    identity: Option<Identity>,
    ids: HashMap<Box<str>, u32>,
    names: HashMap<u32, Box<str>>,
    found: HashMap<Box<str>, u32>,
}

#[derive(Clone, Copy)]
enum Kind {
    User,
    Group,
}

impl Files {
    /// The number of a user: by name, or a number itself.
    pub fn uid(&self, name: &str) -> Result<u32, FileError> {
        self.lookup(Kind::User, name)
    }

    /// The number of a group: by name, or a number itself.
    pub fn gid(&self, name: &str) -> Result<u32, FileError> {
        self.lookup(Kind::Group, name)
    }

    /// The name of a user if there is one, else the number.
    pub fn user_name(&self, uid: u32) -> String {
        self.name_of(Kind::User, uid)
    }

    /// The name of a group if there is one, else the number.
    pub fn group_name(&self, gid: u32) -> String {
        self.name_of(Kind::Group, gid)
    }

    fn lookup(&self, kind: Kind, name: &str) -> Result<u32, FileError> {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let names = self.names(kind);
        if let Some(id) = names.ids.get(name).or_else(|| names.found.get(name)) {
            return Ok(*id);
        }
        // Asking may take its time; nobody else has to wait for it.
        drop(names);
        // A directory service is asked only for this host itself, never for another root.
        let found = if self.is_whole_host() { ask(kind, name) } else { None };
        let (action, what) = match kind {
            Kind::User => ("find the user", "no such user"),
            Kind::Group => ("find the group", "no such group"),
        };
        let id = found
            .ok_or_else(|| FileError::new(action, name, io::Error::new(io::ErrorKind::NotFound, what)))?;
        self.names(kind).found.insert(name.into(), id);
        Ok(id)
    }

    fn name_of(&self, kind: Kind, id: u32) -> String {
        self.names(kind).names.get(&id).map_or_else(|| id.to_string(), |name| name.to_string())
    }

    /// The names, read again if their file is not what it was.
    fn names(&self, kind: Kind) -> std::sync::MutexGuard<'_, Names> {
        let (names, path) = match kind {
            Kind::User => (&self.owners.users, &self.owners.passwd),
            Kind::Group => (&self.owners.groups, &self.owners.group),
        };
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = self.stat(path).ok().flatten();
        if identity.is_none() || identity != names.identity {
            /// Far above any real one.
            const BYTES_MAX: usize = 64 << 20;
            let text = self.read(path, BYTES_MAX).unwrap_or_default();
            *names = parse(&String::from_utf8_lossy(&text));
            names.identity = identity;
        }
        names
    }
}

fn parse(text: &str) -> Names {
    let mut names = Names::default();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(id)) = (fields.next(), fields.nth(1).and_then(|id| id.parse().ok())) else {
            continue;
        };
        names.ids.entry(name.into()).or_insert(id);
        names.names.entry(id).or_insert_with(|| name.into());
    }
    names
}

/// Asks the name service, which may know users that no file lists.
fn ask(kind: Kind, name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let (code, id) = match kind {
            Kind::User => ask_user(&name, &mut buffer),
            Kind::Group => ask_group(&name, &mut buffer),
        };
        if code != Errno::RANGE.raw_os_error() || buffer.len() > 1 << 20 {
            return id.filter(|_| code == 0);
        }
        buffer.resize(buffer.len() * 2, 0);
    }
}

#[allow(unsafe_code, reason = "the C library alone knows the configured name services")]
fn ask_user(name: &std::ffi::CStr, buffer: &mut [libc::c_char]) -> (i32, Option<u32>) {
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    // SAFETY: all pointers are valid for the call, the length is that of the buffer, and `found` is null or `entry`.
    unsafe {
        let code = libc::getpwnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
            &mut found,
        );
        (code, found.as_ref().map(|entry| entry.pw_uid))
    }
}

#[allow(unsafe_code, reason = "the C library alone knows the configured name services")]
fn ask_group(name: &std::ffi::CStr, buffer: &mut [libc::c_char]) -> (i32, Option<u32>) {
    let mut entry = std::mem::MaybeUninit::<libc::group>::uninit();
    let mut found = std::ptr::null_mut();
    // SAFETY: as above.
    unsafe {
        let code = libc::getgrnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
            &mut found,
        );
        (code, found.as_ref().map(|entry| entry.gr_gid))
    }
}
