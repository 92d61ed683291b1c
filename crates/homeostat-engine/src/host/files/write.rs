//! Writing: what is new is complete in content and attributes before it gets its name. A missing file has none until then (see
//! `create`); one that is replaced is a temporary file beside the target, then renamed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, RenameFlags, Uid, XattrFlags};
use rustix::io::Errno;

use super::identity::PERMISSIONS;
use super::resolve::OPEN;
use super::{Dir, FileError, Files, Identity, OpenFile};

const ACL: &str = "system.posix_acl_access";
const SELINUX: &str = "security.selinux";
/// These describe the content that is replaced, or belong to a file system below.
const NOT_KEPT: &[&str] = &["security.capability", "security.ima", "security.evm"];

/// What a new or replaced file gets besides its content. What is none is kept from what is replaced, or left to the system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// Permission bits.
    pub mode: Option<u32>,
    /// The owner.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// The SELinux label.
    pub selinux: Option<&'a str>,
}

/// What a file will hold.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// What an open file holds.
    File(&'a OpenFile),
}

/// What the caller found at the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing, so that it need not be looked for again.
    Missing,
    /// Something that may be replaced.
    Anything,
}

/// What became of a file that was to get its name.
#[derive(Debug)]
pub(super) enum Placed {
    /// It has it. None if somebody else changed it at the same moment.
    Whole(Option<Identity>),
    /// Something else has it meanwhile.
    Taken,
}

/// A temporary entry, removed again unless it got its name.
struct Temp<'d, 'f> {
    dir: &'d Dir<'f>,
    name: String,
    named: bool,
}

impl Drop for Temp<'_, '_> {
    fn drop(&mut self) {
        if !self.named {
            // Nothing more can be done about it here; the next run removes it.
            let removed = rustix::fs::unlinkat(&self.dir.fd, &*self.name, AtFlags::empty());
            if let Err(errno) = removed {
                tracing::debug!(name = self.name, %errno, "a temporary file stays");
            }
        }
    }
}

impl<'f> Dir<'f> {
    /// Makes `name` a regular file with this content, all at once. Returns what it is then, or none if somebody else changed
    /// it at the same moment, so that it must be looked at again.
    pub fn replace(
        &self,
        name: &str,
        expect: Expect,
        body: Body<'_>,
        attributes: &Attributes<'_>,
    ) -> Result<Option<Identity>, FileError> {
        let fail = |errno: io::Error| self.fail("replace", name, errno);
        let old = match expect {
            Expect::Missing => None,
            Expect::Anything => self.stat(name)?.filter(Identity::is_file),
        };
        // What is to belong to somebody else is made for us alone, and so the system's default is not given by itself.
        let has_owner = attributes.uid.is_some() || attributes.gid.is_some();
        let usual = has_owner.then(|| 0o666 & !self.files.umask());
        let wanted = Attributes {
            mode: attributes.mode.or(old.map(|old| old.permissions())).or(usual),
            uid: attributes.uid.or(old.map(|old| old.uid)),
            gid: attributes.gid.or(old.map(|old| old.gid)),
            selinux: attributes.selinux,
        };
        let made = match expect {
            Expect::Missing => self.create(name, body, &wanted).map_err(fail)?,
            Expect::Anything => None,
        };
        let placed = match made {
            Some(placed) => placed,
            None => self.rename_in(name, expect, old.is_some(), body, &wanted).map_err(fail)?,
        };
        match placed {
            Placed::Whole(identity) => Ok(identity),
            Placed::Taken => self.replace(name, Expect::Anything, body, attributes),
        }
    }

    /// Writes a temporary file and gives it the name.
    pub(super) fn rename_in(
        &self,
        name: &str,
        expect: Expect,
        keep_xattrs: bool,
        body: Body<'_>,
        wanted: &Attributes<'_>,
    ) -> io::Result<Placed> {
        let (temp, fd) = self.create_temp(wanted)?;
        write_body(fd.as_fd(), body)?;
        if keep_xattrs {
            self.keep_xattrs(name, fd.as_fd())?;
        }
        let before = settle_attributes(fd.as_fd(), wanted)?;
        // Closed before it has its name, so that who watches that is told once.
        drop(fd);
        match temp.rename(name, expect) {
            Err(Errno::EXIST) if expect == Expect::Missing => return Ok(Placed::Taken),
            renamed => renamed?,
        }
        temp.done();
        let after = self.stat(name).ok().flatten();
        Ok(Placed::Whole(after.filter(|after| after.is_same_but_ctime(&before))))
    }

    /// Makes `name` a symbolic link, all at once.
    pub fn symlink(&self, name: &str, target: &str) -> Result<(), FileError> {
        let mut temp = Temp { dir: self, name: self.files.temps.next(), named: true };
        let fail = |errno| self.fail("make the link", name, errno);
        rustix::fs::symlinkat(target, &self.fd, &*temp.name).map_err(fail)?;
        temp.named = false;
        temp.rename(name, Expect::Anything).map_err(fail)?;
        temp.done();
        Ok(())
    }

    /// Makes a directory. The permission bits are those of the system's default where none are given.
    pub fn make_dir(&self, name: &str, attributes: &Attributes<'_>) -> Result<(), FileError> {
        let fail = |errno: io::Error| self.fail("make the directory", name, errno);
        let private = attributes.uid.is_some() || attributes.gid.is_some();
        let mode = match attributes.mode {
            Some(_) if private => 0o700,
            Some(mode) => mode & 0o777,
            None => 0o777,
        };
        rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(mode)).map_err(|errno| fail(errno.into()))?;
        if *attributes == Attributes::default() {
            return Ok(());
        }
        self.set_attributes(name, attributes)
    }

    /// Sets attributes of an entry that exists. A link is not followed.
    pub fn set_attributes(&self, name: &str, attributes: &Attributes<'_>) -> Result<(), FileError> {
        let fail = |errno: Errno| self.fail("set the attributes of", name, errno);
        let fd = rustix::fs::openat(&self.fd, name, OFlags::PATH | OPEN, Mode::empty()).map_err(fail)?;
        let is = Identity::of(&rustix::fs::fstat(&fd).map_err(fail)?);
        if let Some((uid, gid)) = owner_change(&is, attributes) {
            rustix::fs::chownat(&fd, "", uid, gid, AtFlags::EMPTY_PATH).map_err(fail)?;
        }
        let now = Identity::of(&rustix::fs::fstat(&fd).map_err(fail)?);
        if let Some(mode) = attributes.mode.filter(|mode| *mode != now.permissions() && !now.is_symlink()) {
            // A descriptor of this form takes no fchmod; its magic link leads to exactly it.
            rustix::fs::chmodat(CWD, Files::magic(&fd), Mode::from_raw_mode(mode), AtFlags::empty())
                .map_err(fail)?;
        }
        if let Some(label) = attributes.selinux {
            rustix::fs::setxattr(Files::magic(&fd), SELINUX, &label_bytes(label), XattrFlags::empty())
                .map_err(|errno| self.fail("set the SELinux label of", name, errno))?;
        }
        Ok(())
    }

    /// Puts what is there out of the way under a temporary name, whatever it is, runs `place`, and then removes it. A run
    /// that is killed in between leaves a leftover that the next one removes.
    pub fn displace<T>(
        &self,
        name: &str,
        place: impl FnOnce() -> Result<T, FileError>,
    ) -> Result<T, FileError> {
        let aside = self.files.temps.next();
        rustix::fs::renameat(&self.fd, name, &self.fd, &*aside)
            .map_err(|errno| self.fail("replace", name, errno))?;
        match place() {
            Ok(placed) => {
                self.remove_all(aside.as_ref())?;
                Ok(placed)
            }
            Err(error) => {
                rustix::fs::renameat(&self.fd, &*aside, &self.fd, name)
                    .map_err(|errno| self.fail("put back", name, errno))?;
                Err(error)
            }
        }
    }

    fn create_temp(&self, wanted: &Attributes<'_>) -> io::Result<(Temp<'_, 'f>, OwnedFd)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        loop {
            let name = self.files.temps.next();
            match rustix::fs::openat(&self.fd, &*name, flags, first_mode(wanted)) {
                Err(Errno::EXIST) => {}
                opened => {
                    let temp = Temp { dir: self, name, named: false };
                    match opened {
                        Ok(fd) => return Ok((temp, fd)),
                        Err(errno) => {
                            temp.done();
                            return Err(errno.into());
                        }
                    }
                }
            }
        }
    }

    /// Extended attributes and access lists of the file that is replaced.
    fn keep_xattrs(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        let Ok(old) = rustix::fs::openat(&self.fd, name, OFlags::RDONLY | OPEN, Mode::empty()) else {
            // Not even readable to us: nothing that we could keep.
            return Ok(());
        };
        let names = list_xattrs(old.as_fd())?;
        for xattr in names.iter().filter(|xattr| !NOT_KEPT.contains(&xattr.as_str())) {
            let Some(value) = get_xattr(old.as_fd(), xattr)? else {
                continue;
            };
            match rustix::fs::fsetxattr(fd, xattr.as_str(), &value, XattrFlags::empty()) {
                Ok(()) | Err(Errno::OPNOTSUPP) => {}
                // Only a more privileged program could.
                Err(Errno::PERM | Errno::ACCESS) if !xattr.starts_with("user.") => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        if !names.iter().any(|xattr| xattr == ACL) {
            // The directory may have given the temporary file a list that the old one did not have.
            match rustix::fs::fremovexattr(fd, ACL) {
                Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

impl Temp<'_, '_> {
    fn rename(&self, name: &str, expect: Expect) -> Result<(), Errno> {
        let dir = &self.dir.fd;
        if expect == Expect::Missing {
            match rustix::fs::renameat_with(dir, &*self.name, dir, name, RenameFlags::NOREPLACE) {
                // Not every file system can refuse to replace.
                Err(Errno::INVAL | Errno::NOSYS) => {}
                renamed => return renamed,
            }
        }
        rustix::fs::renameat(dir, &*self.name, dir, name)
    }

    fn done(mut self) {
        self.named = true;
    }
}

/// The permissions that a file is made with, before it has its owner.
pub(super) fn first_mode(wanted: &Attributes<'_>) -> Mode {
    let for_us_alone = wanted.uid.is_some() || wanted.gid.is_some();
    Mode::from_raw_mode(match wanted.mode {
        _ if for_us_alone => 0o600,
        Some(mode) => mode & 0o777,
        None => 0o666,
    })
}

pub(super) fn write_body(fd: BorrowedFd<'_>, body: Body<'_>) -> io::Result<()> {
    match body {
        Body::Bytes(bytes) => write_all(fd, bytes),
        Body::File(file) => copy(file, fd),
    }
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::write(fd, bytes)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    Ok(())
}

/// The kernel copies, and shares the blocks where the file system can; where it does not, we do.
fn copy(from: &OpenFile, to: BorrowedFd<'_>) -> io::Result<()> {
    const AT_ONCE: usize = 1 << 30;
    let mut at = 0;
    loop {
        match rustix::fs::copy_file_range(from.fd(), Some(&mut at), to, None, AT_ONCE) {
            Ok(0) if at == 0 && from.identity().size > 0 => break,
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(errno) if at > 0 => return Err(errno.into()),
            Err(_) => break,
        }
    }
    from.for_each_chunk(|chunk| write_all(to, chunk))
}

/// Brings owner, permissions and label of an open file to what is wanted; says what it is then.
pub(super) fn settle_attributes(fd: BorrowedFd<'_>, wanted: &Attributes<'_>) -> io::Result<Identity> {
    let stat = || rustix::fs::fstat(fd).map(|stat| Identity::of(&stat));
    let mut is = stat()?;
    let mut changed = false;
    if let Some((uid, gid)) = owner_change(&is, wanted) {
        rustix::fs::fchown(fd, uid, gid)?;
        changed = true;
    }
    // A change of the owner may have cleared set-user-id.
    if let Some(mode) = wanted.mode.filter(|mode| changed || *mode != is.permissions()) {
        rustix::fs::fchmod(fd, Mode::from_raw_mode(mode & PERMISSIONS))?;
        changed = true;
    }
    if let Some(label) = wanted.selinux {
        rustix::fs::fsetxattr(fd, SELINUX, &label_bytes(label), XattrFlags::empty())?;
        changed = true;
    }
    if changed {
        is = stat()?;
    }
    Ok(is)
}

fn owner_change(is: &Identity, wanted: &Attributes<'_>) -> Option<(Option<Uid>, Option<Gid>)> {
    let uid = wanted.uid.filter(|uid| *uid != is.uid);
    let gid = wanted.gid.filter(|gid| *gid != is.gid);
    (uid.is_some() || gid.is_some()).then(|| (uid.map(Uid::from_raw), gid.map(Gid::from_raw)))
}

/// The kernel keeps labels with their NUL.
fn label_bytes(label: &str) -> Vec<u8> {
    let mut bytes = label.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn list_xattrs(fd: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let mut list = vec![0u8; 1024];
    loop {
        match rustix::fs::flistxattr(fd, &mut list[..]) {
            Ok(length) => {
                let names = list[..length].split(|byte| *byte == 0);
                return Ok(names
                    .filter(|name| !name.is_empty())
                    .map(|name| String::from_utf8_lossy(name).into_owned())
                    .collect());
            }
            Err(Errno::RANGE) => {
                let length = rustix::fs::flistxattr(fd, &mut [0u8; 0][..])?;
                list.resize(length + 256, 0);
            }
            Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

pub(super) fn get_xattr(fd: BorrowedFd<'_>, name: &str) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0u8; 256];
    loop {
        match rustix::fs::fgetxattr(fd, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                return Ok(Some(value));
            }
            Err(Errno::RANGE) => {
                let length = rustix::fs::fgetxattr(fd, name, &mut [0u8; 0][..])?;
                value.resize(length + 256, 0);
            }
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
}
