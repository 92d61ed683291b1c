//! What tells a file from another, and from itself after a change.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FileType, Stat};

/// Enough of a stat that a file with an equal one was not changed in between, on a file system that [`super::Files::trusts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The device that the file system lies on.
    pub dev: u64,
    /// The inode.
    pub ino: u64,
    /// Bytes.
    pub size: u64,
    /// When the content changed last: seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// When anything about it changed last.
    pub ctime: (i64, u32),
    /// Type and permissions.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// Permission bits, with set-user-id, set-group-id and sticky.
pub(crate) const PERMISSIONS: u32 = 0o7777;

impl Identity {
    /// How many bytes [`Self::to_bytes`] makes.
    pub const BYTES: usize = 3 * 8 + 2 * 12 + 3 * 4;

    #[allow(clippy::unnecessary_cast, reason = "the widths differ between architectures")]
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            size: stat.st_size as u64,
            mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
            ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
            mode: stat.st_mode as u32,
            uid: stat.st_uid,
            gid: stat.st_gid,
        }
    }

    /// As bytes, for keeping it while the system runs.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |field: &[u8]| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(field.len());
            head.copy_from_slice(field);
            rest = tail;
        };
        [self.dev, self.ino, self.size].iter().for_each(|field| put(&field.to_le_bytes()));
        for (seconds, nanos) in [self.mtime, self.ctime] {
            put(&seconds.to_le_bytes());
            put(&nanos.to_le_bytes());
        }
        [self.mode, self.uid, self.gid].iter().for_each(|field| put(&field.to_le_bytes()));
        bytes
    }

    /// What [`Self::to_bytes`] made bytes of.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut rest = &bytes[..];
        let mut long = || u64::from_le_bytes(take(&mut rest));
        let (dev, ino, size) = (long(), long(), long());
        let mut time = || (i64::from_le_bytes(take(&mut rest)), u32::from_le_bytes(take(&mut rest)));
        let (mtime, ctime) = (time(), time());
        let mut short = || u32::from_le_bytes(take(&mut rest));
        Self { dev, ino, size, mtime, ctime, mode: short(), uid: short(), gid: short() }
    }

    /// What it is.
    pub fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.file_type() == FileType::RegularFile
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type() == FileType::Directory
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.file_type() == FileType::Symlink
    }

    /// The permission bits.
    pub fn permissions(&self) -> u32 {
        self.mode & PERMISSIONS
    }

    /// Whether both are the same file, changed or not.
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }

    /// Whether all but the time of the last change is the same: a new name changes nothing else, a write would.
    pub(super) fn is_same_but_ctime(&self, other: &Self) -> bool {
        *self == Self { ctime: self.ctime, ..*other }
    }

    /// What people call it.
    pub fn describe(&self) -> &'static str {
        match self.file_type() {
            FileType::RegularFile => "file",
            FileType::Directory => "directory",
            FileType::Symlink => "symbolic link",
            FileType::Fifo => "fifo",
            FileType::Socket => "socket",
            FileType::CharacterDevice | FileType::BlockDevice => "device",
            FileType::Unknown => "unknown",
        }
    }

    /// Whether its last change lies so far back that another one now would get another time. A time in the future, after
    /// the clock was set back, never does.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        /// Two ticks of the slowest clock a kernel is built with (100 Hz).
        const TICKS_NANOS: i128 = 20_000_000;
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        let changed = i128::from(self.ctime.0) * 1_000_000_000 + i128::from(self.ctime.1);
        now - changed > TICKS_NANOS
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (head, tail) = bytes.split_first_chunk().expect("the fields make up all bytes");
    *bytes = tail;
    *head
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_made_bytes_is_the_same_again() {
        let identity = Identity {
            dev: u64::MAX,
            ino: 2,
            size: 3,
            mtime: (-4, 999_999_999),
            ctime: (i64::MAX, 6),
            mode: 7,
            uid: 8,
            gid: u32::MAX,
        };
        assert_eq!(Identity::from_bytes(&identity.to_bytes()), identity);
    }

    #[test]
    fn a_change_within_two_ticks_or_in_the_future_is_not_settled() {
        let stat = rustix::fs::stat("/").unwrap();
        let mut identity = Identity::of(&stat);
        identity.ctime = (1000, 0);
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        assert!(!identity.is_settled(at(1_000_010)));
        assert!(identity.is_settled(at(1_000_021)));
        assert!(!identity.is_settled(at(900_000)));
    }
}
