//! An open directory, and what is done with the names in it.

use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::resolve::{OPEN, OPEN_DIR};
use super::{FileError, Files, Identity, OpenFile};
use crate::source::AbsPath;

/// An open directory. Names are single components and never followed where they are links.
#[derive(Debug)]
pub struct Dir<'f> {
    pub(super) files: &'f Files,
    pub(super) fd: OwnedFd,
    pub(super) path: AbsPath,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// Its name.
    pub name: OsString,
    /// Whether it is a directory.
    pub is_dir: bool,
}

impl<'f> Dir<'f> {
    pub(super) fn new(files: &'f Files, fd: OwnedFd, path: AbsPath) -> Self {
        Self { files, fd, path }
    }

    /// As it was named when it was opened.
    pub fn path(&self) -> &AbsPath {
        &self.path
    }

    pub(super) fn fail(
        &self,
        action: &'static str,
        name: impl AsRef<std::ffi::OsStr>,
        source: impl Into<io::Error>,
    ) -> FileError {
        let parent = match self.path.as_str() {
            "/" => "",
            path => path,
        };
        let path = format!("{parent}/{}", name.as_ref().to_string_lossy());
        FileError::new(action, path.trim_end_matches("/."), source)
    }

    /// What the directory itself is.
    pub fn identity(&self) -> Result<Identity, FileError> {
        let stat = rustix::fs::fstat(&self.fd).map_err(|errno| self.fail("look at", ".", errno))?;
        Ok(Identity::of(&stat))
    }

    /// What an entry is; none if there is none of that name.
    pub fn stat(&self, name: &str) -> Result<Option<Identity>, FileError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Identity::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.fail("look at", name, errno)),
        }
    }

    /// Opens a directory in it.
    pub fn dir(&self, name: &str) -> Result<Dir<'f>, FileError> {
        let fd = rustix::fs::openat(&self.fd, name, OPEN_DIR, Mode::empty())
            .map_err(|errno| self.fail("open", name, errno))?;
        let path = self.path.join(name).map_err(|error| self.fail("open", name, io::Error::other(error)))?;
        Ok(Dir::new(self.files, fd, path))
    }

    /// Opens a file in it for reading.
    pub fn open(&self, name: &str) -> Result<OpenFile, FileError> {
        let fd = rustix::fs::openat(&self.fd, name, OFlags::RDONLY | OPEN, Mode::empty())
            .map_err(|errno| self.fail("read", name, errno))?;
        OpenFile::new(fd).map_err(|errno| self.fail("read", name, errno))
    }

    /// Where a link in it points to.
    pub fn read_link(&self, name: &str) -> Result<Vec<u8>, FileError> {
        let target = rustix::fs::readlinkat(&self.fd, name, Vec::new())
            .map_err(|errno| self.fail("read the link", name, errno))?;
        Ok(target.into_bytes())
    }

    /// All entries, in the order of their names.
    pub fn entries(&self) -> Result<Vec<DirEntry>, FileError> {
        let mut entries = Vec::new();
        self.for_each(|name, is_dir| {
            entries.push(DirEntry { name: OsString::from(std::ffi::OsStr::from_bytes(name)), is_dir });
        })?;
        entries.sort();
        Ok(entries)
    }

    /// Every entry in the order of the file system; those whose type it does not tell are looked at.
    pub(super) fn for_each(&self, mut each: impl FnMut(&[u8], bool)) -> Result<(), FileError> {
        let fail = |errno: Errno| self.fail("list", ".", errno);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OPEN;
        let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::empty()).map_err(fail)?;
        let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
        let mut reader = RawDir::new(&fd, &mut buffer);
        while let Some(entry) = reader.next() {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Unknown => rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
                known => known == FileType::Directory,
            };
            each(name.to_bytes(), is_dir);
        }
        Ok(())
    }
}
