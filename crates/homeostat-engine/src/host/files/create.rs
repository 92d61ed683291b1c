//! Making a file that is missing: it has no name until it is complete, so that a run that is killed leaves nothing, and who
//! watches the directory is told once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, OFlags};
use rustix::io::Errno;

use super::write::{Placed, first_mode, settle_attributes, write_body};
use super::{Attributes, Body, Dir, Files, Identity};

impl Dir<'_> {
    /// None where the file system has no files without a name, or does not let us name them later.
    pub(super) fn create(
        &self,
        name: &str,
        body: Body<'_>,
        wanted: &Attributes<'_>,
    ) -> io::Result<Option<Placed>> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.fd, ".", flags, first_mode(wanted)) {
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => return Ok(None),
            opened => opened?,
        };
        write_body(fd.as_fd(), body)?;
        let before = settle_attributes(fd.as_fd(), wanted)?;
        match self.link(&fd, name) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(Some(Placed::Taken)),
            // It may be the way of naming that is refused: if not, the other way ends with an error that says why.
            Err(_) => return Ok(None),
        }
        let after = Identity::of(&rustix::fs::fstat(&fd)?);
        Ok(Some(Placed::Whole(Some(after).filter(|after| after.is_same_but_ctime(&before)))))
    }

    fn link(&self, fd: &OwnedFd, name: &str) -> Result<(), Errno> {
        match rustix::fs::linkat(fd, "", &self.fd, name, AtFlags::EMPTY_PATH) {
            // Kernels before 6.10 want CAP_DAC_READ_SEARCH for it, and say this; the magic link wants nothing.
            Err(Errno::NOENT) => self.link_magic(fd, name),
            linked => linked,
        }
    }

    pub(super) fn link_magic(&self, fd: &OwnedFd, name: &str) -> Result<(), Errno> {
        rustix::fs::linkat(CWD, Files::magic(fd), &self.fd, name, AtFlags::SYMLINK_FOLLOW)
    }
}
