//! Following input files: editors that rename, truncate, or write through symbolic links.
//!
//! The directories of a file and of every symbolic link on the way to it are watched, so that a file which is replaced is
//! followed to what replaced it. An event only says "look again": what counts is whether the bytes are different.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

use super::{Identity, read_file};

/// How long after the last event a file is read: what writes several times is read once.
const QUIET: Duration = Duration::from_millis(20);
/// How long somebody may keep a file open between truncating and writing it.
const STILL_WRITING: Duration = Duration::from_secs(1);
/// Links to links to links.
const HOPS_MAX: usize = 40;
const BUFFER_BYTES: usize = 4096;

/// Watches input files.
pub(crate) struct Follower {
    files: Vec<File>,
    inotify: AsyncFd<Inotify>,
    watched: Watched,
    /// When to look. Kept here, not in the future that waits, so that dropping the future forgets nothing.
    due: Option<Instant>,
}

/// Directories with their descriptors and the names in them that matter.
type Watched = BTreeMap<PathBuf, (WatchDescriptor, BTreeSet<OsString>)>;

struct File {
    path: PathBuf,
    /// What the graph was loaded from.
    bytes: Option<Vec<u8>>,
    presence: Presence,
}

/// Whether a file can be read, and who knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    /// Whoever replaces it may be about to do so.
    Missed,
    /// It was said to be gone.
    Gone,
}

/// What following the inputs brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// Bytes are different from what they were.
    Changed,
    /// These can no longer be read. Said once, until they are back.
    Gone(Vec<PathBuf>),
}

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    /// Look soon.
    Finished,
    /// Somebody is writing: look when he has finished.
    Writing,
}

impl Follower {
    /// Starts watching. What changed since the files were read is seen, and changes from now on are not missed.
    pub(crate) fn new(files: &[(PathBuf, Option<Identity>)]) -> io::Result<Self> {
        let followed = files.iter().map(|(path, _)| {
            Ok(File { bytes: None, presence: Presence::Here, path: std::path::absolute(path)? })
        });
        let mut follower = Self {
            files: followed.collect::<io::Result<_>>()?,
            inotify: registered(Inotify::init()?)?,
            watched: BTreeMap::new(),
            due: None,
        };
        follower.watch_again()?;
        for (file, (_, seen)) in follower.files.iter_mut().zip(files) {
            match read_file(&file.path) {
                Ok((bytes, identity)) if Some(&identity) == seen.as_ref() => file.bytes = Some(bytes),
                Ok(_) | Err(_) => follower.due = Some(Instant::now()),
            }
        }
        Ok(follower)
    }

    /// Waits until the bytes of a file are different from what they were, or it is gone. Cancel-safe.
    pub(crate) async fn changed(&mut self) -> io::Result<Followed> {
        loop {
            let sign = match self.due {
                None => Some(self.sign().await?),
                Some(when) => tokio::select! {
                    sign = self.sign() => Some(sign?),
                    () = sleep_until(when) => None,
                },
            };
            match sign {
                Some(Sign::Finished) => self.due = Some(Instant::now() + QUIET),
                Some(Sign::Writing) => self.due = Some(Instant::now() + STILL_WRITING),
                None => {
                    self.due = None;
                    self.watch_again()?;
                    if self.read_again() {
                        return Ok(Followed::Changed);
                    }
                    let gone = self.newly_gone();
                    if !gone.is_empty() {
                        return Ok(Followed::Gone(gone));
                    }
                }
            }
        }
    }

    /// Waits for an event that concerns a name on the way to a file: the last of those that came together counts.
    async fn sign(&mut self) -> io::Result<Sign> {
        let mut buffer = [0; BUFFER_BYTES];
        loop {
            let mut ready = self.inotify.readable_mut().await?;
            let watched = &mut self.watched;
            let read = ready.try_io(|inotify| {
                let events = inotify.get_mut().read_events(&mut buffer)?;
                Ok(events.fold(None, |sign, event| concerns(watched, &event).or(sign)))
            });
            match read {
                Ok(Ok(Some(sign))) => return Ok(sign),
                Ok(Ok(None)) | Err(_) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    /// Whether the bytes of any file differ from what they were. A file that is gone keeps its last bytes: the old graph
    /// goes on, and it is read when it comes back.
    fn read_again(&mut self) -> bool {
        let mut different = false;
        for file in &mut self.files {
            let Ok((bytes, _)) = read_file(&file.path) else {
                if file.presence == Presence::Here {
                    file.presence = Presence::Missed;
                    self.due = Some(Instant::now() + STILL_WRITING);
                }
                continue;
            };
            file.presence = Presence::Here;
            if file.bytes.as_ref() != Some(&bytes) {
                file.bytes = Some(bytes);
                different = true;
            }
        }
        different
    }

    /// Those that were missed and have not come back since. One that was just missed is looked for once more before.
    fn newly_gone(&mut self) -> Vec<PathBuf> {
        if self.due.is_some() {
            return Vec::new();
        }
        let missed = self.files.iter_mut().filter(|file| file.presence == Presence::Missed);
        missed
            .map(|file| {
                file.presence = Presence::Gone;
                file.path.clone()
            })
            .collect()
    }

    /// Watches the directories that matter now, and no others.
    fn watch_again(&mut self) -> io::Result<()> {
        // A link that changes between looking and watching is seen by looking again after watching.
        loop {
            let wanted = self.names_on_the_way();
            let missing: Vec<_> =
                wanted.keys().filter(|dir| !self.watched.contains_key(*dir)).cloned().collect();
            let gone: Vec<_> =
                self.watched.keys().filter(|dir| !wanted.contains_key(*dir)).cloned().collect();
            for dir in gone {
                if let Some((descriptor, _)) = self.watched.remove(&dir) {
                    // It may be gone with its directory.
                    self.inotify.get_mut().watches().remove(descriptor).ok();
                }
            }
            for dir in &missing {
                let mask = WatchMask::CLOSE_WRITE
                    | WatchMask::MODIFY
                    | WatchMask::CREATE
                    | WatchMask::DELETE
                    | WatchMask::MOVE
                    | WatchMask::DELETE_SELF
                    | WatchMask::MOVE_SELF
                    | WatchMask::ONLYDIR;
                match self.inotify.get_mut().watches().add(dir, mask) {
                    Ok(descriptor) => drop(self.watched.insert(dir.clone(), (descriptor, BTreeSet::new()))),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            for (dir, names) in wanted {
                if let Some((_, watched)) = self.watched.get_mut(&dir) {
                    *watched = names;
                }
            }
            if missing.is_empty() {
                return Ok(());
            }
        }
    }

    fn names_on_the_way(&self) -> BTreeMap<PathBuf, BTreeSet<OsString>> {
        let mut names = BTreeMap::new();
        for file in &self.files {
            follow(&file.path, &mut names, HOPS_MAX);
        }
        names
    }
}

/// The successor of this constructor is unsafe, for types that could close the descriptor behind it; this one owns its own.
#[allow(deprecated)]
fn registered(inotify: Inotify) -> io::Result<AsyncFd<Inotify>> {
    AsyncFd::new(inotify)
}

/// Notes the names that decide what `path` leads to: the links on the way, and the file itself. Below a directory that is
/// not there, the name of what is missing.
fn follow(path: &Path, names: &mut BTreeMap<PathBuf, BTreeSet<OsString>>, hops_left: usize) {
    let mut dir = PathBuf::from("/");
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        let name = match component {
            Component::Normal(name) => name,
            Component::ParentDir => {
                dir.pop();
                continue;
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
        };
        let here = dir.join(name);
        let link = std::fs::read_link(&here).ok();
        let is_last = components.peek().is_none();
        if link.is_some() || is_last || !here.exists() {
            names.entry(dir.clone()).or_default().insert(name.to_owned());
        }
        match link {
            Some(target) if hops_left > 0 => {
                let mut rest = dir.join(target);
                rest.extend(components);
                return follow(&rest, names, hops_left - 1);
            }
            Some(_) => return,
            None if !here.exists() => return,
            None => dir = here,
        }
    }
}

fn concerns(watched: &mut Watched, event: &inotify::Event<&OsStr>) -> Option<Sign> {
    if event.mask.intersects(EventMask::IGNORED | EventMask::DELETE_SELF | EventMask::MOVE_SELF) {
        // What lies at its path now is another directory, or none.
        watched.retain(|_, (descriptor, _)| *descriptor != event.wd);
        return Some(Sign::Finished);
    }
    if event.mask.contains(EventMask::Q_OVERFLOW) {
        return Some(Sign::Finished);
    }
    let name = event.name?;
    let (dir, _) =
        watched.iter().find(|(_, (descriptor, names))| *descriptor == event.wd && names.contains(name))?;
    let written = event.mask.contains(EventMask::MODIFY);
    let made = event.mask.contains(EventMask::CREATE) && is_file(&dir.join(name));
    Some(if written || made { Sign::Writing } else { Sign::Finished })
}

/// A new file is written next; a new link or directory is all there.
fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn follower(path: &Path) -> Follower {
        let seen = read_file(path).ok().map(|(_, identity)| identity);
        Follower::new(&[(path.to_owned(), seen)]).unwrap()
    }

    /// Makes a change and says whether it is seen.
    async fn sees(follower: &mut Follower, change: impl FnOnce()) -> bool {
        change();
        tokio::time::timeout(Duration::from_secs(5), follower.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn a_file_replaced_by_rename_is_followed_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.yaml");
        fs::write(&path, "one").unwrap();
        let mut follower = follower(&path);
        for text in ["two", "three"] {
            let swap = || {
                fs::write(dir.path().join("new"), text).unwrap();
                fs::rename(dir.path().join("new"), &path).unwrap();
            };
            assert!(sees(&mut follower, swap).await);
        }
    }

    #[tokio::test]
    async fn a_file_truncated_and_written_is_seen_once_with_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.yaml");
        fs::write(&path, "one").unwrap();
        let mut follower = follower(&path);
        assert!(sees(&mut follower, || fs::write(&path, "two").unwrap()).await);
        assert_eq!(follower.files[0].bytes.as_deref(), Some(&b"two"[..]));
    }

    #[tokio::test]
    async fn what_changed_between_reading_and_following_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.yaml");
        fs::write(&path, "one").unwrap();
        let (_, seen) = read_file(&path).unwrap();
        fs::write(&path, "changed").unwrap();
        let mut follower = Follower::new(&[(path, Some(seen))]).unwrap();
        assert!(sees(&mut follower, || ()).await);
    }

    #[tokio::test]
    async fn a_link_turned_to_another_directory_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("v1", "one"), ("v2", "two")] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("site.yaml"), text).unwrap();
        }
        symlink("v1", dir.path().join("current")).unwrap();
        symlink("current/site.yaml", dir.path().join("site.yaml")).unwrap();
        let mut follower = follower(&dir.path().join("site.yaml"));
        let turn = || {
            symlink("v2", dir.path().join("next")).unwrap();
            fs::rename(dir.path().join("next"), dir.path().join("current")).unwrap();
        };
        assert!(sees(&mut follower, turn).await);
        let write = || fs::write(dir.path().join("v2/site.yaml"), "three").unwrap();
        assert!(sees(&mut follower, write).await);
    }

    #[tokio::test]
    async fn a_directory_that_was_replaced_is_watched_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conf/site.yaml");
        fs::create_dir(dir.path().join("conf")).unwrap();
        fs::write(&path, "one").unwrap();
        let mut follower = follower(&path);
        let replace = || {
            fs::remove_dir_all(dir.path().join("conf")).unwrap();
            fs::create_dir(dir.path().join("conf")).unwrap();
            fs::write(&path, "two").unwrap();
        };
        assert!(sees(&mut follower, replace).await);
        assert!(sees(&mut follower, || fs::write(&path, "three").unwrap()).await);
    }
}
