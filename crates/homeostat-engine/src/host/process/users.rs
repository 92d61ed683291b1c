//! Users and groups: of this host by its name service, of another root by its files.

use std::ffi::{CStr, CString};
use std::io::{self, ErrorKind};
use std::path::Path;

/// What becoming a user takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
}

/// A user by name or number; a number that nobody has is still a user, at home in `/`.
pub(super) fn user(text: &str, root: Option<&Path>) -> io::Result<Option<User>> {
    let found = match root {
        None => host::user(text)?,
        Some(root) => in_file(&root.join("etc/passwd"), text, |fields| {
            Some(User {
                name: (*fields.first()?).to_owned(),
                uid: fields.get(2)?.parse().ok()?,
                gid: fields.get(3)?.parse().ok()?,
                home: (*fields.get(5)?).to_owned(),
            })
        })?,
    };
    Ok(found.or_else(|| {
        let uid = text.parse().ok()?;
        Some(User { name: String::new(), uid, gid: uid, home: "/".into() })
    }))
}

/// A group by name or number.
pub(super) fn group(text: &str, root: Option<&Path>) -> io::Result<Option<u32>> {
    if let Ok(gid) = text.parse() {
        return Ok(Some(gid));
    }
    match root {
        None => host::group(text),
        Some(root) => in_file(&root.join("etc/group"), text, |fields| fields.get(2)?.parse().ok()),
    }
}

/// All groups of a user, `gid` among them.
pub(super) fn groups_of(user: &User, gid: u32, root: Option<&Path>) -> io::Result<Vec<u32>> {
    if user.name.is_empty() {
        return Ok(vec![gid]);
    }
    let Some(root) = root else {
        return host::groups_of(&user.name, gid);
    };
    let mut groups = vec![gid];
    for line in read(&root.join("etc/group"))?.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [_, _, number, members, ..] = fields.as_slice()
            && members.split(',').any(|member| member == user.name)
            && let Ok(number) = number.parse()
            && !groups.contains(&number)
        {
            groups.push(number);
        }
    }
    Ok(groups)
}

/// The line whose first field, or whose number, is `text`. Both files have the number in the third field.
fn in_file<T>(path: &Path, text: &str, parse: impl Fn(&[&str]) -> Option<T>) -> io::Result<Option<T>> {
    let file = read(path)?;
    let lines = file.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = lines.filter(|fields| fields.first() == Some(&text) || fields.get(2) == Some(&text));
    Ok(found.find_map(|fields| parse(&fields)))
}

/// A root without the file has no users.
fn read(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// The name service of this host. Only the C library knows all that it is made of.
#[allow(
    unsafe_code,
    reason = "users of this host may come from anywhere, and only the C library asks all of them"
)]
mod host {
    use super::*;

    /// More than any entry has; a user in thousands of groups still fits.
    const BUFFER_BYTES_MAX: usize = 1 << 20;
    const GROUPS_MAX: usize = 1 << 16;

    pub(super) fn user(text: &str) -> io::Result<Option<User>> {
        let Ok(name) = CString::new(text) else {
            return Ok(None);
        };
        let read = |entry: &libc::passwd| User {
            name: string(entry.pw_name),
            uid: entry.pw_uid,
            gid: entry.pw_gid,
            home: string(entry.pw_dir),
        };
        let by_name = with_buffer(|buffer| {
            // SAFETY: all zeros is a valid `passwd`, and it is only read after the call filled it.
            let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
            let mut found = std::ptr::null_mut();
            // SAFETY: the pointers are valid for the call, and the buffer's length is its own.
            let error = unsafe {
                libc::getpwnam_r(
                    name.as_ptr(),
                    &raw mut entry,
                    buffer.as_mut_ptr(),
                    buffer.len(),
                    &raw mut found,
                )
            };
            (error, (!found.is_null()).then(|| read(&entry)))
        })?;
        let Some(uid) = text.parse().ok().filter(|_| by_name.is_none()) else {
            return Ok(by_name);
        };
        with_buffer(|buffer| {
            // SAFETY: as above.
            let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
            let mut found = std::ptr::null_mut();
            // SAFETY: as above.
            let error = unsafe {
                libc::getpwuid_r(uid, &raw mut entry, buffer.as_mut_ptr(), buffer.len(), &raw mut found)
            };
            (error, (!found.is_null()).then(|| read(&entry)))
        })
    }

    pub(super) fn group(text: &str) -> io::Result<Option<u32>> {
        let Ok(name) = CString::new(text) else {
            return Ok(None);
        };
        with_buffer(|buffer| {
            // SAFETY: all zeros is a valid `group`, and it is only read after the call filled it.
            let mut entry: libc::group = unsafe { std::mem::zeroed() };
            let mut found = std::ptr::null_mut();
            // SAFETY: the pointers are valid for the call, and the buffer's length is its own.
            let error = unsafe {
                libc::getgrnam_r(
                    name.as_ptr(),
                    &raw mut entry,
                    buffer.as_mut_ptr(),
                    buffer.len(),
                    &raw mut found,
                )
            };
            (error, (!found.is_null()).then_some(entry.gr_gid))
        })
    }

    pub(super) fn groups_of(name: &str, gid: u32) -> io::Result<Vec<u32>> {
        let name = CString::new(name)?;
        let mut groups: Vec<libc::gid_t> = vec![0; 64];
        loop {
            let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
            // SAFETY: `groups` has room for `count` numbers.
            let result = unsafe {
                libc::getgrouplist(name.as_ptr(), gid as _, groups.as_mut_ptr().cast(), &raw mut count)
            };
            let count = usize::try_from(count).unwrap_or(0);
            if result >= 0 {
                groups.truncate(count);
                return Ok(groups);
            }
            if groups.len() >= GROUPS_MAX {
                return Err(io::Error::other("too many groups"));
            }
            groups.resize((groups.len() * 2).max(count), 0);
        }
    }

    /// Calls with a buffer that grows until the entry fits.
    fn with_buffer<T>(
        call: impl Fn(&mut [libc::c_char]) -> (libc::c_int, Option<T>),
    ) -> io::Result<Option<T>> {
        let mut buffer = vec![0; 1024];
        loop {
            match call(&mut buffer) {
                (libc::ERANGE, _) if buffer.len() < BUFFER_BYTES_MAX => buffer.resize(buffer.len() * 4, 0),
                // Some name services say so when there is no such entry.
                (0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM, found) => return Ok(found),
                (error, _) => return Err(io::Error::from_raw_os_error(error)),
            }
        }
    }

    fn string(text: *const libc::c_char) -> String {
        if text.is_null() {
            return String::new();
        }
        // SAFETY: the C library fills these fields with strings that end with NUL, in the buffer that is still there.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_this_host_are_found_by_name_and_number() {
        let root = user("root", None).unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(user("0", None).unwrap().unwrap().name, "root");
        assert_eq!(user("no-such-user-here", None).unwrap(), None);
        assert_eq!(user("4000001", None).unwrap().unwrap().uid, 4_000_001);
        assert_eq!(group("root", None).unwrap(), Some(0));
        assert_eq!(group("no-such-group-here", None).unwrap(), None);
        assert!(groups_of(&root, 0, None).unwrap().contains(&0));
    }

    #[test]
    fn users_of_another_root_come_from_its_files() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/passwd"), "web:x:77:78::/srv/web:/bin/sh\n").unwrap();
        std::fs::write(root.path().join("etc/group"), "web:x:78:\nlogs:x:79:other,web\n").unwrap();
        let web = user("web", Some(root.path())).unwrap().unwrap();
        assert_eq!((web.uid, web.gid, web.home.as_str()), (77, 78, "/srv/web"));
        assert_eq!(groups_of(&web, 78, Some(root.path())).unwrap(), [78, 79]);
        assert_eq!(group("logs", Some(root.path())).unwrap(), Some(79));
        assert_eq!(user("root", Some(root.path())).unwrap(), None);
    }
}
