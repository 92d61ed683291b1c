//! Files, and whether there are some.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, Error, Sink, Subscription};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::Task;
use crate::front::MAX_INPUT_BYTES;
use crate::inputs::{Follower, read_file};

/// What is looked for at a path.
pub(super) type Look = Arc<dyn Fn(&Path) -> Answer + Send + Sync>;

/// All files that programs ask for, followed by one task with one watch for each directory.
pub(super) struct Watched {
    inner: Arc<Inner>,
    _task: Task,
}

#[derive(Default)]
struct Inner {
    wanted: Mutex<BTreeMap<u64, Wanted>>,
    /// The paths are not what they were.
    moved: Notify,
}

#[derive(Clone)]
struct Wanted {
    path: PathBuf,
    look: Look,
    sink: Sink,
    last: Option<Answer>,
}

/// Ends the interest in a path.
struct Interest {
    inner: Arc<Inner>,
    id: u64,
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.inner.with(|wanted| wanted.remove(&self.id));
        self.inner.moved.notify_one();
    }
}

impl Inner {
    fn with<T>(&self, see: impl FnOnce(&mut BTreeMap<u64, Wanted>) -> T) -> T {
        see(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            self.with(|wanted| wanted.values().map(|one| one.path.clone()).collect());
        paths.sort();
        paths.dedup();
        paths
    }

    /// Looks at everything, and says what is different.
    fn look(&self) {
        let all: Vec<(u64, Wanted)> =
            self.with(|wanted| wanted.iter().map(|(id, one)| (*id, one.clone())).collect());
        for (id, one) in all {
            let answer = (one.look)(&one.path);
            if one.last.as_ref() == Some(&answer) {
                continue;
            }
            self.with(|wanted| {
                if let Some(one) = wanted.get_mut(&id) {
                    one.last = Some(answer.clone());
                }
            });
            (one.sink)(answer);
        }
    }
}

impl Watched {
    pub(super) fn new(runtime: &Handle) -> Self {
        let inner = Arc::new(Inner::default());
        let task = Task(runtime.spawn(follow(inner.clone())));
        Self { inner, _task: task }
    }

    /// Answers now, and whenever what is found at the path differs.
    pub(super) fn follow(&self, path: PathBuf, sink: Sink, look: Look) -> Subscription {
        let id = self.inner.with(|wanted| {
            let id = wanted.last_key_value().map_or(0, |(last, _)| last + 1);
            wanted.insert(id, Wanted { path, look, sink, last: None });
            id
        });
        self.inner.moved.notify_one();
        Box::new(Interest { inner: self.inner.clone(), id })
    }
}

async fn follow(inner: Arc<Inner>) {
    loop {
        let paths = inner.paths();
        let followed: Vec<_> = paths.iter().map(|path| (path.clone(), None)).collect();
        // Watched first and looked at then: a change in between is seen.
        let mut follower = match Follower::new(&followed) {
            Ok(follower) => Some(follower),
            Err(error) => {
                tracing::error!("files that programs read are not followed: {error}");
                None
            }
        };
        loop {
            let looking = inner.clone();
            tokio::task::spawn_blocking(move || looking.look()).await.ok();
            let changed = async {
                match follower.as_mut() {
                    Some(follower) => follower.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = inner.moved.notified() => break,
                is_followed = changed => if !is_followed { break },
            }
        }
    }
}

/// What a file holds.
pub(super) fn content(path: &Path) -> Answer {
    read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::catchable(format!("{}: there is no such file", path.display())),
        _ => Error::permanent(format!("{}: {error}", path.display())),
    })
}

/// What a file of the program holds.
pub(super) fn own_content(path: &Path) -> Answer {
    let found = read_file(path).and_then(|(bytes, _)| match bytes.len() > MAX_INPUT_BYTES {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(text(&bytes)),
    });
    found.map_err(|error| Error::permanent(format!("cannot read `{}`: {error}", path.display())))
}

#[allow(clippy::disallowed_methods)]
fn read(path: &Path) -> io::Result<Value> {
    fs::read(path).map(|bytes| text(&bytes))
}

fn text(bytes: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(bytes).into_owned())
}

/// Whether there is anything.
pub(super) fn exists(path: &Path) -> Answer {
    Ok(Value::Bool(path.exists()))
}

/// Where a link points to.
pub(super) fn link(path: &str) -> Answer {
    let target = fs::read_link(path).map_err(|error| Error::permanent(format!("{path}: {error}")))?;
    Ok(Value::from(target.to_string_lossy().into_owned()))
}

/// A path without links.
pub(super) fn real(path: &str) -> Answer {
    let target = fs::canonicalize(path).map_err(|error| Error::permanent(format!("{path}: {error}")))?;
    Ok(Value::from(target.to_string_lossy().into_owned()))
}

/// A directory that was not there before.
pub(super) fn new_directory(parent: &str, pattern: &str) -> Answer {
    let parent = if parent.is_empty() { std::env::temp_dir() } else { PathBuf::from(parent) };
    let (before, after) = pattern.rsplit_once('*').unwrap_or((pattern, ""));
    for _ in 0..16 {
        let Value::Str(middle) = super::facts::random(5)? else { break };
        let path = parent.join(format!("{before}{middle}{after}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(Value::from(path.to_string_lossy().into_owned())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::permanent(format!("{}: {error}", path.display()))),
        }
    }
    Err(Error::permanent("there is no name left for a new directory"))
}
