//! Names of temporary files, and the removal of those that a killed run left behind.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Dir, Files};

const PREFIX: &str = ".homeostat-";

/// Temporary names: `.homeostat-<id>-<process>-<number>`. The id tells ours from another agent's, the process a live one
/// from those of an earlier run.
#[derive(Debug)]
pub(super) struct TempNames {
    /// Of all runs of this agent; none without an id.
    ours: Option<String>,
    /// Of this run.
    current: String,
    next: AtomicU64,
}

impl TempNames {
    pub(super) fn new(id: &str) -> Self {
        /// A name of an entry has at most 255 bytes.
        const ID_MAX: usize = 64;
        let clean: String =
            id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(ID_MAX).collect();
        let ours = format!("{PREFIX}{clean}-");
        let process = std::process::id();
        Self {
            current: format!("{ours}{process}.{:x}-", started()),
            ours: (!id.is_empty()).then_some(ours),
            next: AtomicU64::new(0),
        }
    }

    pub(super) fn next(&self) -> String {
        format!("{}{}", self.current, self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn is_leftover(&self, name: &[u8]) -> bool {
        self.ours.as_ref().is_some_and(|ours| {
            name.starts_with(ours.as_bytes()) && !name.starts_with(self.current.as_bytes())
        })
    }
}

/// When this process started, in ticks since boot: together with its number no other has it, since numbers come again.
fn started() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)?.parse().ok()).unwrap_or(0)
}

impl Files {
    /// Whether a name is that of a temporary file of any agent.
    pub fn is_temporary(name: &[u8]) -> bool {
        name.starts_with(PREFIX.as_bytes())
    }

    /// Removes what an earlier run of ours left in a directory of a declared file, once per directory and start.
    pub fn tidy(&self, path: &crate::source::AbsPath) {
        if self.temps.ours.is_none() {
            return;
        }
        let parent = match path.as_str().rfind('/') {
            Some(0) | None => "/",
            Some(at) => &path.as_str()[..at],
        };
        // A directory that is not there yet holds no leftovers, now or later.
        if self.is_first_use(parent)
            && let Ok(dir) = self.parent(path)
        {
            dir.remove_leftovers();
        }
    }

    fn is_first_use(&self, dir: &str) -> bool {
        let mut tidied = self.tidied.lock().unwrap_or_else(PoisonError::into_inner);
        !tidied.contains(dir) && tidied.insert(dir.into())
    }
}

impl Dir<'_> {
    /// Removes what an earlier run of ours left in it, once per directory and start.
    pub fn tidy(&self) {
        if self.files.temps.ours.is_some() && self.files.is_first_use(self.path.as_str()) {
            self.remove_leftovers();
        }
    }

    /// A leftover that cannot be removed is no reason to fail what is declared.
    fn remove_leftovers(&self) {
        let mut leftovers = Vec::new();
        let listed = self.for_each(|name, is_dir| {
            if self.files.temps.is_leftover(name) {
                leftovers.push((String::from_utf8_lossy(name).into_owned(), is_dir));
            }
        });
        if let Err(error) = listed {
            tracing::debug!(%error, "leftovers of earlier runs were not looked for");
        }
        for (name, _) in leftovers {
            if let Err(error) = self.remove_all(name.as_ref()) {
                tracing::debug!(%error, "a leftover of an earlier run stays");
            }
        }
    }
}
