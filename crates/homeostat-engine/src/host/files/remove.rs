//! Removing.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::resolve::{OPEN, OPEN_DIR};
use super::{Dir, FileError};

/// Deeper trees are refused: each level holds a descriptor open.
const DEPTH_MAX: usize = 512;

impl Dir<'_> {
    /// Removes an entry that is no directory. Nothing there is fine.
    pub fn remove_file(&self, name: &OsStr) -> Result<(), FileError> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.fail("remove", name, errno)),
        }
    }

    /// Removes an empty directory. Nothing there is fine.
    pub fn remove_dir(&self, name: &OsStr) -> Result<(), FileError> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.fail("remove the directory", name, errno)),
        }
    }

    /// Removes an entry and everything below it. It holds on to open directories, so a directory that is swapped for a
    /// link meanwhile leads nowhere else.
    pub fn remove_all(&self, name: &OsStr) -> Result<(), FileError> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            // Which of the two a directory gives differs between file systems.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(errno) => return Err(self.fail("remove", name, errno)),
        }
        let fd = match rustix::fs::openat(&self.fd, name, OPEN_DIR, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTDIR | Errno::LOOP) => return Err(self.fail("remove", name, Errno::PERM)),
            Err(errno) => return Err(self.fail("remove", name, errno)),
        };
        self.empty(fd, name, 0)?;
        self.remove_dir(name)
    }

    fn empty(&self, fd: OwnedFd, name: &OsStr, depth: usize) -> Result<(), FileError> {
        if depth > DEPTH_MAX {
            return Err(self.fail("remove", name, Errno::NAMETOOLONG));
        }
        let path = format!("{}/{}", self.path.as_str().trim_end_matches('/'), name.to_string_lossy());
        let path = crate::source::AbsPath::parse(&path).unwrap_or_else(|_| self.path.clone());
        let dir = Dir::new(self.files, fd, path);
        let mut entries = Vec::new();
        dir.for_each(|name, is_dir| {
            use std::os::unix::ffi::OsStrExt;
            entries.push((OsStr::from_bytes(name).to_owned(), is_dir));
        })?;
        for (entry, is_dir) in entries {
            if is_dir {
                let flags = OFlags::DIRECTORY | OFlags::PATH | OPEN;
                let below = rustix::fs::openat(&dir.fd, &entry, flags, Mode::empty())
                    .map_err(|errno| dir.fail("remove", &entry, errno))?;
                dir.empty(below, &entry, depth + 1)?;
                dir.remove_dir(&entry)?;
            } else {
                dir.remove_file(&entry)?;
            }
        }
        Ok(())
    }
}
