//! What is mounted: where a call may hang, and where time stamps can be trusted.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use rustix::fs::makedev;

use crate::source::AbsPath;

/// The mount table, as it was read last. Whoever watches it for changes calls [`Mounts::reread`].
#[derive(Debug)]
pub struct Mounts {
    any_remote: AtomicBool,
    table: RwLock<Table>,
    /// Since 6.13 a file that was looked at gets a time stamp of its own at its next change.
    kernel_has_multigrain: bool,
}

#[derive(Debug, Default)]
struct Table {
    /// In the order of their mounting.
    points: Vec<Point>,
    multigrain: BTreeSet<u64>,
}

#[derive(Debug, PartialEq, Eq)]
struct Point {
    /// The number that the kernel gave it.
    id: Box<str>,
    path: Box<str>,
    remote: bool,
}

/// Served by another host or by a process: a call may hang, and changes from elsewhere are not reported.
const REMOTE: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "virtiofs",
    "ceph",
    "afs",
    "lustre",
    "gfs2",
    "ocfs2",
    "beegfs",
    "orangefs",
    "coda",
    "autofs",
    "glusterfs",
];
const MULTIGRAIN: &[&str] = &["ext4", "xfs", "btrfs", "tmpfs"];

impl Mounts {
    pub(super) fn read() -> Self {
        let mounts = Self {
            any_remote: AtomicBool::new(false),
            table: RwLock::default(),
            kernel_has_multigrain: kernel_at_least(6, 13),
        };
        let _all_of_them: Vec<String> = mounts.reread();
        mounts
    }

    /// Reads the table again; says on which paths something was mounted or unmounted since the last time.
    pub fn reread(&self) -> Vec<String> {
        let mut text = String::new();
        // Without /proc there is nothing to go by, and everything is taken for local.
        let read =
            std::fs::File::open("/proc/self/mountinfo").and_then(|mut file| file.read_to_string(&mut text));
        if read.is_err() {
            return Vec::new();
        }
        let table = parse(&text);
        self.any_remote.store(table.points.iter().any(|point| point.remote), Ordering::Release);
        let mut known = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *known, table);
        let (before, now) = (old.ids(), known.ids());
        let all = old.points.iter().chain(&known.points);
        all.filter(|point| before.contains(&*point.id) != now.contains(&*point.id))
            .map(|point| point.path.to_string())
            .collect()
    }

    /// Where what is served by somebody else and holds this path is mounted; none if the path is local.
    pub(super) fn remote_point(&self, root: &AbsPath, path: &AbsPath) -> Option<String> {
        if !self.any_remote.load(Ordering::Acquire) {
            return None;
        }
        let joined;
        let path = if root.as_str() == "/" {
            path
        } else {
            joined = root.join(path.as_str()).ok()?;
            &joined
        };
        self.read_table().remote_point(path.as_str()).map(str::to_owned)
    }

    pub(super) fn is_multigrain(&self, dev: u64) -> bool {
        self.kernel_has_multigrain && self.read_table().multigrain.contains(&dev)
    }

    fn read_table(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn ids(&self) -> BTreeSet<&str> {
        self.points.iter().map(|point| &*point.id).collect()
    }

    /// The longest mount point above the path decides; of several on one point the last.
    fn remote_point(&self, path: &str) -> Option<&str> {
        // There are few remote ones, and there may be a thousand others.
        if !self.points.iter().any(|point| point.remote && point.holds(path)) {
            return None;
        }
        let holding = self.points.iter().filter(|point| point.holds(path));
        let nearest = holding.max_by_key(|point| point.path.len())?;
        nearest.remote.then_some(&*nearest.path)
    }
}

impl Point {
    fn holds(&self, path: &str) -> bool {
        let below = path.strip_prefix(&*self.path);
        &*self.path == "/" || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn parse(text: &str) -> Table {
    let mut table = Table::default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let Some(dash) = fields.iter().position(|field| *field == "-") else {
            continue;
        };
        let (Some(id), Some(device), Some(path), Some(fs)) =
            (fields.first(), fields.get(2), fields.get(4), fields.get(dash + 1))
        else {
            continue;
        };
        let remote = REMOTE.contains(fs) || *fs == "fuse" || fs.starts_with("fuse.");
        table.points.push(Point { id: (*id).into(), path: unescape(path).into(), remote });
        let numbers = device
            .split_once(':')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        if let Some((major, minor)) = numbers.filter(|_| MULTIGRAIN.contains(fs)) {
            table.multigrain.insert(makedev(major, minor));
        }
    }
    table
}

/// The kernel writes space, tab, newline and backslash in octal.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn kernel_at_least(major: u32, minor: u32) -> bool {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    let have = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    have >= (major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:30 / /srv/my\\040files rw - nfs4 host:/x rw
24 23 0:31 / /srv/my\\040files/local rw - tmpfs tmpfs rw
25 22 0:32 / /home/u/mnt rw - fuse.sshfs x rw
";

    #[test]
    fn the_nearest_mount_above_decides_whether_a_path_is_remote() {
        let table = parse(TEXT);
        for (path, remote) in [
            ("/etc/motd", false),
            ("/srv/my files", true),
            ("/srv/my files/a", true),
            ("/srv/my files/local/a", false),
            ("/srv/my filesystem", false),
            ("/home/u/mnt/a", true),
        ] {
            assert_eq!(table.remote_point(path).is_some(), remote, "{path}");
        }
        assert!(table.multigrain.contains(&makedev(254, 0)));
        assert!(!table.multigrain.contains(&makedev(0, 30)));
    }
}
