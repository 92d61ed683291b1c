//! The prefix: the directory where we keep our own things, with its lock, its socket and its store.
//!
//! Invariants: it is closed to other users, and at most one process has it open for writing.

pub(crate) mod about;
pub(crate) mod cluster;
pub(crate) mod desk;
pub(crate) mod etcd;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod kv;
mod lock;
pub(crate) mod socket;
pub(crate) mod store;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use homeostat_cluster::identity::{ClusterDir, Identity};
use homeostat_engine::durable;
use rustix::fs::OFlags;

pub(crate) use lock::{Holder, Lock};

use crate::exit::refused;

/// Where we keep our own things.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(PathBuf);

impl Prefix {
    /// The directory that was asked for, or the usual one.
    pub(crate) fn choose(given: Option<&Path>) -> anyhow::Result<Self> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => usual()
                .ok_or_else(|| refused("neither XDG_STATE_HOME nor HOME is set: say where with --prefix"))?,
        };
        let path =
            std::path::absolute(&path).with_context(|| format!("cannot use {} as prefix", path.display()))?;
        if path.exists() && !path.is_dir() {
            return Err(refused(format!("the prefix {} is no directory", path.display())));
        }
        Ok(Self(path))
    }

    /// Makes it if it is not there, and refuses it if others could read it.
    pub(crate) fn open(&self) -> anyhow::Result<()> {
        let shown = self.0.display();
        if self.0.is_symlink() && !self.0.exists() {
            return Err(refused(format!("the prefix {shown} is a symbolic link that leads nowhere")));
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|error| refused(format!("cannot make the prefix {shown}: {error}")))?;
        self.expect_closed()
    }

    /// Refuses one that others could read, or that belongs to somebody else.
    pub(crate) fn expect_closed(&self) -> anyhow::Result<()> {
        let shown = self.0.display();
        let found = fs::metadata(&self.0)
            .map_err(|error| refused(format!("cannot use the prefix {shown}: {error}")))?;
        let mode = found.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(refused(format!(
                "the prefix {shown} can be read by others (mode {mode:04o}): `chmod 0700 {shown}`, or choose another with --prefix"
            )));
        }
        let us = rustix::process::geteuid().as_raw();
        if found.uid() != us {
            return Err(refused(format!(
                "the prefix {shown} belongs to user {}, and we are user {us}",
                found.uid()
            )));
        }
        Ok(())
    }

    /// Whether it is there at all.
    pub(crate) fn exists(&self) -> bool {
        self.0.is_dir()
    }

    /// Tells this agent from others that write in the same directories; the same for as long as the prefix lives.
    pub(crate) fn id(&self) -> io::Result<String> {
        let path = self.file("id");
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let random = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
        let id = random.split('-').next().unwrap_or_default();
        durable::write(&path, format!("{id}\n").as_bytes())?;
        Ok(id.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// The identity that a prefix holds, if it is part of a cluster.
pub(crate) fn identity(prefix: &Prefix) -> anyhow::Result<Option<Identity>> {
    let loaded = ClusterDir::below(prefix.path()).load();
    loaded.map_err(|error| refused(format!("the identity of this host: {:#}", anyhow::Error::from(error))))
}

/// The name that this host has in its cluster, for who only looks: what cannot be read is as good as not there.
pub(crate) fn own_name(prefix: &Prefix) -> Option<Arc<str>> {
    let settings = ClusterDir::below(prefix.path()).settings().ok().flatten()?;
    Some(settings.host.as_str().into())
}

fn usual() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some("/var/lib/homeostat".into());
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("homeostat"))
}

/// Writes a file so that it is there whole or not at all when the process is killed, closed to other users. What is no file, such as
/// a terminal, a pipe or a device, gets the text and stays what it is. What nobody could make again is written by [`durable`].
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if is_stream(path) {
        return write_stream(path, bytes);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let name: String = name.chars().take(40).collect();
    let temporary = path.with_file_name(format!(".homeostat-{}-{name}", std::process::id()));
    let write = || {
        create_closed(&temporary)?.write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        fs::remove_file(&temporary).ok();
    })
}

/// Files of descriptors are streams too: what they lead to is in use by whoever opened it.
fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file())
        || (path.exists() && (path.starts_with("/dev") || path.starts_with("/proc")))
}

/// A pipe that nobody reads is an error, not a reason to wait.
fn write_stream(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut stream = fs::OpenOptions::new().append(true).custom_flags(nonblocking).open(path)?;
    let flags = rustix::fs::fcntl_getfl(&stream)?;
    rustix::fs::fcntl_setfl(&stream, flags - OFlags::NONBLOCK)?;
    stream.write_all(bytes)
}

/// A new file: what lies at its path was left by a process that is gone, or put there by somebody else to be followed.
fn create_closed(path: &Path) -> io::Result<fs::File> {
    let create = || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create()
        }
        created => created,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("open");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Prefix::choose(Some(&path)).unwrap().open().is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(Prefix::choose(Some(&path)).unwrap().open().is_ok());
    }

    #[test]
    fn a_prefix_is_made_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        Prefix::choose(Some(&path)).unwrap().open().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_the_way_of_the_temporary_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("precious");
        fs::write(&precious, b"keep").unwrap();
        let temporary = format!(".homeostat-{}-report.json", std::process::id());
        std::os::unix::fs::symlink(&precious, dir.path().join(temporary)).unwrap();
        write_whole(&dir.path().join("report.json"), b"one").unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"keep");
        assert_eq!(fs::read(dir.path().join("report.json")).unwrap(), b"one");
    }

    #[test]
    fn a_pipe_gets_the_text_and_stays_a_pipe() {
        use std::io::Read;
        use std::os::unix::fs::FileTypeExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        assert!(write_whole(&path, b"nobody reads").is_err());
        let mut reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        write_whole(&path, b"text").unwrap();
        let mut read = [0; 4];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"text");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    }

    #[test]
    fn a_prefix_that_is_a_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, b"").unwrap();
        assert!(Prefix::choose(Some(&path)).is_err());
    }
}
