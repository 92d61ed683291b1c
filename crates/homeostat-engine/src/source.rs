//! Watches, declared as data, and the sources that serve them.
//!
//! A source only ever wakes. Waking says "look again" and carries nothing else, so lost or doubled events cost checks and
//! never correctness.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::host::Host;

/// A vertex of the running graph. The generation tells a vertex from an earlier one at the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexKey {
    /// The slot.
    pub index: u32,
    /// How often the slot was used before.
    pub generation: u32,
}

/// An absolute path in normal form: no empty, `.` or `..` component, no slash at the end. The root is `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsPath(Arc<str>);

/// Why a text is no [`AbsPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("must be absolute")]
    Relative,
    /// It has a `..` component.
    #[error("must not contain `..`")]
    Parent,
    /// It has a NUL byte.
    #[error("must not contain a NUL byte")]
    Nul,
}

impl AbsPath {
    /// Reads a path and brings it into normal form.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return Err(PathError::Relative);
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        if is_normal(text) {
            return Ok(Self(text.into()));
        }
        let mut normal = String::with_capacity(text.len());
        for component in text.split('/').filter(|component| !component.is_empty() && *component != ".") {
            if component == ".." {
                return Err(PathError::Parent);
            }
            normal.push('/');
            normal.push_str(component);
        }
        if normal.is_empty() {
            normal.push('/');
        }
        Ok(Self(normal.into()))
    }

    /// The path, sharing the text; none if the text is not in normal form.
    pub fn of_normal(text: &Arc<str>) -> Option<Self> {
        (text.starts_with('/') && !text.contains('\0') && is_normal(text)).then(|| Self(text.clone()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path for calls of the operating system.
    pub fn as_path(&self) -> &std::path::Path {
        std::path::Path::new(&*self.0)
    }

    /// The directory that it lies in; none for the root.
    pub fn parent(&self) -> Option<Self> {
        match self.0.rfind('/') {
            Some(0) if self.0.len() == 1 => None,
            Some(0) => Some(Self("/".into())),
            Some(at) => Some(Self(self.0[..at].into())),
            None => None,
        }
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The entry `name` in this directory. `name` is one component or several, without `..`.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Self::parse(&format!("{}/{name}", self.0))
    }

    /// Whether `other` lies below this directory.
    pub fn is_above(&self, other: &Self) -> bool {
        let above = if &*self.0 == "/" { "" } else { &self.0 };
        other.0.strip_prefix(above).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
    }

    /// The names on the way from the root, in order.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }
}

fn is_normal(text: &str) -> bool {
    // Mostly no component begins with a dot, and one pass over the bytes tells.
    let mut pairs = text.as_bytes().windows(2);
    let is_plain = !pairs.any(|pair| pair[0] == b'/' && matches!(pair[1], b'/' | b'.'));
    let is_normal = |component: &str| !matches!(component, "" | "." | "..");
    text.len() > 1 && !text.ends_with('/') && (is_plain || text[1..].split('/').all(is_normal))
}

impl fmt::Display for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&homeostat_model::suggest::printable(&self.0))
    }
}

impl fmt::Debug for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How far below a path a watch reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// The entry itself: whether it exists, what it is, its content and attributes.
    Entry,
    /// And, if it is a link, what it leads to.
    Target,
    /// The entry itself, and the entries directly in it.
    Children,
    /// And everything below.
    Tree,
}

/// A declared interest in something that may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// What lies at a path, whether it exists now or not.
    Path {
        /// The path.
        path: AbsPath,
        /// How far below it.
        depth: Depth,
    },
    /// The passing of time, from when it is armed.
    Every(Duration),
    /// Keys of the store below a prefix.
    Store(Arc<str>),
    /// A stream of the kind's own, for what fits none of these.
    Custom(CustomWatch),
}

/// A stream of wakes that a kind makes itself. Equal keys are taken for the same stream.
#[derive(Clone)]
pub struct CustomWatch {
    /// Tells one stream of a resource from another.
    pub key: Arc<str>,
    /// Runs until it is dropped, and calls its waker whenever there is reason to look again.
    pub run: Arc<dyn Fn(Host, Waker) -> CustomRun + Send + Sync>,
}

/// A running custom watch.
pub type CustomRun = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl PartialEq for CustomWatch {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for CustomWatch {}

impl fmt::Debug for CustomWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomWatch").field(&self.key).finish()
    }
}

/// An event source: inotify, timers, a bus. One of each serves all vertices.
///
/// After an overflow or a reconnect a source wakes everyone it serves.
pub trait Source: Send + Sync + 'static {
    /// Starts whatever runs beside the callers; it ends when `tasks` is dropped.
    fn start(self: Arc<Self>, host: &Host, wakes: Wakes, tasks: &mut JoinSet<()>) -> std::io::Result<()>;

    /// Whether it serves watches of this form.
    fn serves(&self, watch: &Watch) -> bool;

    /// Makes changes wake the vertex from now on. It returns when a change after this call cannot be missed.
    fn arm(&self, watch: &Watch, vertex: VertexKey);

    /// Ends all watches of a vertex.
    fn disarm(&self, vertex: VertexKey);
}

/// Where sources wake vertices. Wakes are coalesced until they are taken, so at most one per vertex is held.
#[derive(Clone, Debug)]
pub struct Wakes {
    shared: Arc<SharedWakes>,
}

#[derive(Debug, Default)]
struct SharedWakes {
    pending: Mutex<Pending>,
    notify: Notify,
}

/// What sources brought since the last time.
#[derive(Debug, Default)]
pub struct Pending {
    /// Who was woken.
    pub vertices: BTreeSet<VertexKey>,
    /// What people are told.
    pub notes: Vec<String>,
}

/// Notes of sources that nobody took yet; more are dropped, since they say the same.
const NOTES_MAX: usize = 64;

impl Default for Wakes {
    fn default() -> Self {
        Self::new()
    }
}

impl Wakes {
    /// Nobody is woken yet.
    pub fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Makes the vertex be looked at again.
    pub fn wake(&self, vertex: VertexKey) {
        self.wake_all([vertex]);
    }

    /// Makes all of them be looked at again.
    pub fn wake_all(&self, vertices: impl IntoIterator<Item = VertexKey>) {
        self.pending().vertices.extend(vertices);
        self.shared.notify.notify_one();
    }

    /// Tells people something about a source, such as that it falls back to polling.
    pub fn note(&self, text: impl Into<String>) {
        let mut pending = self.pending();
        if pending.notes.len() < NOTES_MAX {
            pending.notes.push(text.into());
            self.shared.notify.notify_one();
        }
    }

    /// A waker of one vertex, for custom watches.
    pub fn waker(&self, vertex: VertexKey) -> Waker {
        Waker { wakes: self.clone(), vertex }
    }

    /// Waits until there is something to take.
    pub async fn ready(&self) {
        self.shared.notify.notified().await;
    }

    /// Takes what sources brought since the last time.
    pub fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending())
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one vertex.
#[derive(Clone, Debug)]
pub struct Waker {
    wakes: Wakes,
    vertex: VertexKey,
}

impl Waker {
    /// Makes the vertex be looked at again.
    pub fn wake(&self) {
        self.wakes.wake(self.vertex);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_normal_form() {
        for (given, normal) in [("/a//b/./c/", "/a/b/c"), ("/", "/"), ("///", "/"), ("/a", "/a")] {
            assert_eq!(AbsPath::parse(given).map(|path| path.as_str().to_owned()), Ok(normal.to_owned()));
        }
        assert_eq!(AbsPath::parse("a"), Err(PathError::Relative));
        assert_eq!(AbsPath::parse("/a/../b"), Err(PathError::Parent));
    }

    #[test]
    fn above_means_whole_components() {
        let path = |text| AbsPath::parse(text).unwrap();
        assert!(path("/a").is_above(&path("/a/b")));
        assert!(path("/").is_above(&path("/a")));
        assert!(!path("/a").is_above(&path("/ab")));
        assert!(!path("/a").is_above(&path("/a")));
        assert_eq!(path("/a").parent(), Some(path("/")));
        assert_eq!(path("/").parent(), None);
    }
}
