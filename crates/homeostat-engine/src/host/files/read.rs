//! Reading and comparing.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{FileError, Files, Identity};
use crate::source::AbsPath;

/// Bytes read at once when comparing.
const CHUNK_BYTES: usize = 64 << 10;

thread_local! {
    static CHUNK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a file should hold.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// What another open file holds.
    File(&'a OpenFile),
}

/// A file opened for reading, with what it was right after that.
#[derive(Debug)]
pub struct OpenFile {
    fd: OwnedFd,
    identity: Identity,
}

impl Files {
    /// Opens what lies at a path for reading. A link at its end is an error.
    pub fn open_file(&self, path: &AbsPath) -> Result<OpenFile, FileError> {
        self.opens.fetch_add(1, Ordering::Relaxed);
        self.open_raw(path, OFlags::RDONLY)
            .and_then(|fd| Ok(OpenFile::new(fd)?))
            .map_err(|error| FileError::new("read", path.as_str(), error))
    }

    /// Opens what a path leads to for reading, over links that nobody else can have put there.
    pub fn open_source(&self, path: &AbsPath) -> Result<OpenFile, FileError> {
        self.open_following(path)
            .and_then(|fd| Ok(OpenFile::new(fd)?))
            .map_err(|error| FileError::new("read", path.as_str(), error))
    }

    /// All that a file holds; more than `bytes_max` is an error.
    pub fn read(&self, path: &AbsPath, bytes_max: usize) -> Result<Vec<u8>, FileError> {
        self.open_source(path)?.read(bytes_max).map_err(|error| FileError::new("read", path.as_str(), error))
    }
}

impl OpenFile {
    pub(super) fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let identity = Identity::of(&rustix::fs::fstat(&fd)?);
        Ok(Self { fd, identity })
    }

    /// What it was when it was opened.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// All of it; more than `bytes_max` is an error.
    pub fn read(&self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut content = Vec::with_capacity((self.identity.size as usize).min(bytes_max) + 1);
        let mut buffer = [0; 8192];
        loop {
            let read = rustix::io::pread(&self.fd, &mut buffer, content.len() as u64)?;
            if read == 0 {
                return Ok(content);
            }
            if content.len() + read > bytes_max {
                let message = format!("it is larger than {bytes_max} bytes");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
            }
            content.extend_from_slice(&buffer[..read]);
            // What comes after that came later. Files of the kernel's own have no size and are read to their end.
            if content.len() as u64 == self.identity.size {
                return Ok(content);
            }
        }
    }

    /// Gives all of it to `each`, piece by piece.
    pub fn for_each_chunk(&self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        CHUNK.with_borrow_mut(|buffer| {
            buffer.resize(CHUNK_BYTES, 0);
            let mut at = 0;
            loop {
                let read = rustix::io::pread(&self.fd, &mut buffer[..], at)?;
                if read == 0 {
                    return Ok(());
                }
                each(&buffer[..read])?;
                at += read as u64;
            }
        })
    }

    /// Whether it holds exactly that. Small files take one call, large ones are never held as a whole.
    pub fn holds(&self, content: Content<'_>) -> io::Result<bool> {
        match content {
            Content::Bytes(bytes) => Ok(self.identity.size == bytes.len() as u64 && self.holds_bytes(bytes)?),
            Content::File(other) => {
                Ok(self.identity.size == other.identity.size && self.holds_same_as(other.fd.as_fd())?)
            }
        }
    }

    fn holds_bytes(&self, bytes: &[u8]) -> io::Result<bool> {
        CHUNK.with_borrow_mut(|buffer| {
            buffer.resize(CHUNK_BYTES, 0);
            let mut at = 0;
            while at < bytes.len() {
                let want = CHUNK_BYTES.min(bytes.len() - at);
                let read = rustix::io::pread(&self.fd, &mut buffer[..want], at as u64)?;
                if read == 0 || buffer[..read] != bytes[at..at + read] {
                    return Ok(false);
                }
                at += read;
            }
            Ok(true)
        })
    }

    fn holds_same_as(&self, other: BorrowedFd<'_>) -> io::Result<bool> {
        let mut theirs = vec![0; CHUNK_BYTES];
        let mut same = true;
        let mut at = 0;
        self.for_each_chunk(|ours| {
            let mut done = 0;
            while same && done < ours.len() {
                let read = rustix::io::pread(other, &mut theirs[..ours.len() - done], at)?;
                same = read > 0 && theirs[..read] == ours[done..done + read];
                done += read;
                at += read as u64;
            }
            if same { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
        })
        .or_else(|error| if same { Err(error) } else { Ok(()) })?;
        Ok(same)
    }

    /// An extended attribute; none if it has none of that name or the file system has none at all.
    pub fn xattr(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        super::write::get_xattr(self.fd.as_fd(), name)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
