//! Where the files of a program are on this machine.

use std::path::{Path, PathBuf};

use homeostat_lang::modules::GLOBAL_DIRECTORY;

use super::{Cache, LockFile};

/// The directory that a program begins in, and what was fetched for it.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    root: PathBuf,
    /// Directories of the program, ending in a slash, that are elsewhere; the longest names come first.
    fetched: Vec<(String, PathBuf)>,
}

/// What is taken of a module that was fetched and also lies below the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefer {
    /// What lies there: a program that has its modules with it needs nothing else.
    Vendored,
    /// What the lock file says: it is about to be put there.
    Fetched,
}

impl Places {
    /// The places of the program in a directory.
    pub(crate) fn new(root: PathBuf, lock: &LockFile, cache: Option<&Cache>, prefer: Prefer) -> Self {
        let is_module =
            |dir: &Path| ["metadata.yaml", "main.mcl"].iter().any(|file| dir.join(file).is_file());
        let mut fetched: Vec<_> = lock
            .modules
            .iter()
            .filter(|(path, _)| prefer == Prefer::Fetched || !is_module(&vendored(&root, path)))
            .filter_map(|(path, pinned)| {
                Some((format!("{GLOBAL_DIRECTORY}{path}"), cache?.tree(path, &pinned.commit)?))
            })
            .collect();
        fetched.sort_by_key(|(base, _)| std::cmp::Reverse(base.len()));
        Self { root, fetched }
    }

    /// What a path of the program is here.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        for (base, dir) in &self.fetched {
            if let Some(inside) = path.strip_prefix(base.as_str()) {
                return dir.join(inside);
            }
        }
        self.root.join(path.trim_start_matches('/'))
    }

    /// What was fetched: directories of the program, and where they are.
    pub(crate) fn fetched(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.fetched.iter().map(|(base, dir)| (base.as_str(), dir.as_path()))
    }

    /// The same, wherever somebody goes meanwhile.
    pub(crate) fn absolute(&self) -> Self {
        let root = if self.root.as_os_str().is_empty() { Path::new(".") } else { &self.root };
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { root, fetched: self.fetched.clone() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

/// Where a module lies that comes along with a program.
pub(super) fn vendored(root: &Path, path: &str) -> PathBuf {
    root.join(GLOBAL_DIRECTORY.trim_start_matches('/')).join(path)
}
