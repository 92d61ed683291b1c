//! From the imports of a program to a cache that has them: what a fetched module imports is fetched as well.

use std::collections::BTreeSet;
use std::path::PathBuf;

use homeostat_lang::modules::{Remote, RemoteImport, default_alias};
use homeostat_model::Diagnostic;
use homeostat_model::suggest::printable;

use super::cache::{Cache, Writing, is_short_enough};
use super::git::{Failure, Repository, Wanted};
use super::lockfile::{LockFile, Pinned};
use super::places::{Places, Prefer};
use super::tree::{self, TreeError};
use crate::exit::refused;

/// How deep modules may import modules.
const ROUNDS_MAX: usize = 64;
/// How many modules a program may have.
const MODULES_MAX: usize = 1000;

/// What is moved to the newest commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// Nothing: what is pinned stays, and what is missing comes.
    Missing,
    All,
    /// By address, path or name.
    Named(Vec<String>),
}

/// Everything that a program imports from elsewhere.
pub(crate) struct Fetched {
    pub(crate) lock: LockFile,
    pub(crate) failed: Vec<Failed>,
}

/// A module that could not be had.
pub(crate) struct Failed {
    pub(crate) url: String,
    pub(crate) why: String,
    pub(crate) is_interrupt: bool,
}

/// Says which modules a program imports, with what is at the places.
pub(crate) type Imports<'a> = &'a mut dyn FnMut(Places) -> Result<Vec<RemoteImport>, Box<Diagnostic>>;

/// Fetches what a program needs.
///
/// # Errors
/// What forbids to begin; of a module that cannot be had the result tells.
pub(crate) async fn fetch(
    root: PathBuf,
    before: &LockFile,
    cache: &Cache,
    which: &Which,
    imports: Imports<'_>,
    say: &dyn Fn(&str),
) -> anyhow::Result<Result<Fetched, Box<Diagnostic>>> {
    let writing = cache.write()?;
    let mut lock = before.clone();
    let mut failed = Vec::new();
    let mut tried = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let places = Places::new(root.clone(), &lock, Some(cache), Prefer::Fetched);
        let modules = match imports(places) {
            Ok(modules) => modules,
            Err(wrong) => return Ok(Err(wrong)),
        };
        if modules.len() > MODULES_MAX {
            return Err(refused(format!("a program has at most {MODULES_MAX} modules from elsewhere")));
        }
        let wanted: Vec<&RemoteImport> =
            modules.iter().filter(|import| !tried.contains(&*import.remote.path)).collect();
        let wanted: Vec<&RemoteImport> =
            wanted.into_iter().filter(|import| is_wanted(import, &lock, cache, which)).collect();
        if wanted.is_empty() {
            let is_met = |path: &String| modules.iter().any(|import| *import.remote.path == **path);
            lock.modules.retain(|path, _| is_met(path));
            known(which, &modules)?;
            return Ok(Ok(Fetched { lock, failed }));
        }
        for RemoteImport { remote, .. } in wanted {
            tried.insert(remote.path.to_string());
            let pinned = lock.modules.get(&*remote.path).filter(|_| !which.moves(remote)).cloned();
            match one(remote, pinned, cache, &writing, say).await {
                Ok(pinned) => drop(lock.modules.insert(remote.path.to_string(), pinned)),
                Err(error) => {
                    let is_interrupt = matches!(error, TreeError::Git(Failure::Interrupted));
                    failed.push(Failed { url: remote.url.to_string(), why: error.to_string(), is_interrupt });
                    if is_interrupt {
                        return Ok(Ok(Fetched { lock: before.clone(), failed }));
                    }
                }
            }
        }
    }
    Err(refused(format!("modules import modules more than {ROUNDS_MAX} deep")))
}

/// A module that lies below the program and is pinned nowhere is the program's own.
fn is_wanted(import: &RemoteImport, lock: &LockFile, cache: &Cache, which: &Which) -> bool {
    match lock.modules.get(&*import.remote.path) {
        None => import.base.is_none(),
        Some(pinned) => {
            which.moves(&import.remote) || cache.tree(&import.remote.path, &pinned.commit).is_none()
        }
    }
}

/// Refuses names that name nothing.
fn known(which: &Which, modules: &[RemoteImport]) -> anyhow::Result<()> {
    let Which::Named(names) = which else { return Ok(()) };
    match names.iter().find(|name| !modules.iter().any(|import| is_named(&import.remote, name))) {
        Some(name) => Err(refused(format!("the program imports no module `{name}`"))),
        None => Ok(()),
    }
}

impl Which {
    fn moves(&self, remote: &Remote) -> bool {
        match self {
            Self::Missing => false,
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| is_named(remote, name)),
        }
    }
}

fn is_named(remote: &Remote, name: &str) -> bool {
    let same = |text: &str| text.trim_end_matches('/') == name.trim_end_matches('/');
    same(&remote.url) || same(&remote.path) || default_alias(&remote.url).is_some_and(|alias| alias == name)
}

/// Gets one module into the cache.
async fn one(
    remote: &Remote,
    pinned: Option<Pinned>,
    cache: &Cache,
    writing: &Writing,
    say: &dyn Fn(&str),
) -> Result<Pinned, TreeError> {
    if !is_short_enough(&remote.path) {
        return Err(TreeError::Outside(remote.path.to_string()));
    }
    say(&format!("fetching {}\n", printable(&remote.url)));
    let (objects, files) = (
        writing.unfinished("objects").map_err(Failure::Io)?,
        writing.unfinished("files").map_err(Failure::Io)?,
    );
    let repository = Repository::create(objects.clone(), say).await?;
    let (url, wanted) = match &pinned {
        Some(pinned) => (&*pinned.url, Wanted::Commit(&pinned.commit)),
        None => (&*remote.url, Wanted::Newest),
    };
    let commit = repository.fetch(url, wanted).await?;
    let place = cache.place(&remote.path, &commit);
    if !place.is_dir() {
        let left_out = tree::write(&repository, &commit, &files).await?;
        if !left_out.is_empty() {
            say(&format!("  links and modules in it are left out: {}\n", printable(&some_of(&left_out))));
        }
        writing.finish(&files, &place).map_err(Failure::Io)?;
    }
    std::fs::remove_dir_all(&objects).map_err(Failure::Io)?;
    Ok(Pinned { url: url.to_owned(), commit })
}

/// The first names of a list that may be long.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
