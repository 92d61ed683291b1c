//! What lies at the path of a directory now.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

use homeostat_engine::{AbsPath, Host};
use rustix::fs::{FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;

use super::table::Inode;

/// The root that all paths are relative to.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    host: Host,
}

#[derive(Debug)]
pub(super) enum Seen {
    Missing,
    /// It lies on another host, perhaps one that hangs, so it is not even looked at here.
    Remote {
        point: String,
    },
    /// It is there, perhaps, but we may not look at it.
    Unreachable,
    Dir(SeenDir),
    /// A link that leads to no directory, and where it points.
    Dangling(AbsPath),
}

#[derive(Debug)]
pub(super) struct SeenDir {
    pub(super) fd: OwnedFd,
    pub(super) inode: Inode,
    /// Where it points, if it is a link.
    pub(super) link: Option<AbsPath>,
}

impl Root {
    pub(super) fn open(host: &Host) -> std::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            fd: rustix::fs::open(host.files().root().as_path(), flags, Mode::empty())?,
            host: host.clone(),
        })
    }

    pub(super) fn path(&self) -> &AbsPath {
        self.host.files().root()
    }

    fn open_below(&self, path: &AbsPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        let relative = match path.as_str() {
            "/" => ".",
            path => &path[1..],
        };
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        match rustix::fs::openat2(&self.fd, relative, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            // Only with the host's own root is a kernel without this call as good.
            Err(Errno::NOSYS) if self.path().as_str() == "/" => {
                rustix::fs::openat(&self.fd, relative, flags, Mode::empty())
            }
            opened => opened,
        }
    }

    pub(super) fn look(&self, path: &AbsPath) -> Seen {
        if let Some(point) = self.host.files().remote_point(path) {
            return Seen::Remote { point };
        }
        let fd = match self.open_below(path, OFlags::NOFOLLOW) {
            Ok(fd) => fd,
            Err(errno) => return unopened(errno),
        };
        let Ok(stat) = rustix::fs::fstat(&fd) else {
            return Seen::Unreachable;
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Seen::Dir(SeenDir { fd, inode: inode(&stat), link: None }),
            FileType::Symlink => self.look_through(path, &fd),
            _ => Seen::Missing,
        }
    }

    /// Where the link at a path points, if there is one that may be looked at.
    pub(super) fn link_at(&self, path: &AbsPath) -> Option<AbsPath> {
        if self.host.files().remote_point(path).is_some() {
            return None;
        }
        let fd = self.open_below(path, OFlags::NOFOLLOW).ok()?;
        let stat = rustix::fs::fstat(&fd).ok()?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        if is_link { self.target(path, &fd) } else { None }
    }

    fn look_through(&self, path: &AbsPath, link: &OwnedFd) -> Seen {
        let Some(target) = self.target(path, link) else {
            return Seen::Unreachable;
        };
        if let Some(point) = self.host.files().remote_point(&target) {
            return Seen::Remote { point };
        }
        let opened = self.open_below(path, OFlags::DIRECTORY);
        match opened.and_then(|fd| Ok((rustix::fs::fstat(&fd)?, fd))) {
            Ok((stat, fd)) => Seen::Dir(SeenDir { fd, inode: inode(&stat), link: Some(target) }),
            Err(_) => Seen::Dangling(target),
        }
    }

    /// Where a link points, as a path below the root.
    fn target(&self, path: &AbsPath, link: &OwnedFd) -> Option<AbsPath> {
        let target = rustix::fs::readlinkat(link, "", Vec::new()).ok()?;
        let target = target.to_str().ok()?;
        let mut names: Vec<String> = Vec::new();
        if !target.starts_with('/') {
            // Where the directory of the link really is, since `..` goes up from there.
            let dir = self.open_below(&path.parent()?, OFlags::DIRECTORY).ok()?;
            let real = rustix::fs::readlink(magic(&dir), Vec::new()).ok()?;
            let real = real.to_str().ok()?;
            let below = match self.path().as_str() {
                "/" => real,
                root => real.strip_prefix(root)?,
            };
            names.extend(below.split('/').filter(|name| !name.is_empty()).map(str::to_owned));
        }
        for name in target.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop();
                }
                name => names.push(name.to_owned()),
            }
        }
        AbsPath::parse(&format!("/{}", names.join("/"))).ok()
    }
}

impl SeenDir {
    /// The directory as calls that take only paths can name it.
    pub(super) fn path(&self) -> String {
        magic(&self.fd)
    }

    /// Whether its file system reports changes that others make.
    pub(super) fn reports(&self) -> bool {
        rustix::fs::fstatfs(&self.fd).is_ok_and(|stat| !SILENT.contains(&(stat.f_type as u32)))
    }

    /// The directories in it.
    pub(super) fn subdirs(&self) -> Vec<String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(fd) = rustix::fs::openat(&self.fd, ".", flags, Mode::empty()) else {
            return Vec::new();
        };
        let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
        let mut reader = RawDir::new(&fd, &mut buffer);
        let mut names = Vec::new();
        while let Some(Ok(entry)) = reader.next() {
            let is_dir = match entry.file_type() {
                FileType::Unknown => {
                    rustix::fs::statat(&self.fd, entry.file_name(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
                        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
                }
                known => known == FileType::Directory,
            };
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) if is_dir => names.push(name.to_owned()),
                Ok(_) => {}
            }
        }
        names
    }
}

fn magic(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

#[allow(clippy::unnecessary_cast, reason = "the widths differ between architectures")]
fn inode(stat: &rustix::fs::Stat) -> Inode {
    (stat.st_dev as u64, stat.st_ino as u64)
}

fn unopened(errno: Errno) -> Seen {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG => Seen::Missing,
        _ => Seen::Unreachable,
    }
}

/// File systems that other hosts or the kernel itself change without telling: NFS, SMB and CIFS, 9p, FUSE, Ceph, AFS, Coda,
/// Lustre, OCFS2, GFS2, proc, sysfs, both forms of cgroup, debugfs, tracefs.
const SILENT: &[u32] = &[
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x0102_1997,
    0x6573_5546,
    0x00c3_6400,
    0x5346_414f,
    0x6b41_4653,
    0x7375_7245,
    0x0bd0_0bd0,
    0x7461_636f,
    0x0116_1970,
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x6462_6720,
    0x7472_6163,
];
