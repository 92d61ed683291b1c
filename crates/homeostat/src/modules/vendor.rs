//! Copying fetched modules beside the program, which then needs nothing else.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;

use super::cache::Cache;
use super::lockfile::LockFile;
use super::places::vendored;

/// Puts copies of modules below the directory of a program, in the place of what is there, and says which it put.
pub(crate) fn vendor<'a>(
    root: &Path,
    lock: &'a LockFile,
    cache: &Cache,
    is_meant: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<&'a str>> {
    let mut done = Vec::new();
    // Who lies in a directory of another module comes after that one.
    for (path, pinned) in lock.modules.iter().filter(|(path, _)| is_meant(path)) {
        let Some(tree) = cache.tree(path, &pinned.commit) else { continue };
        let place = vendored(root, path);
        put(&tree, &place).with_context(|| format!("cannot write {}", place.display()))?;
        done.push(&**path);
    }
    Ok(done)
}

/// Whether a module lies below the program.
pub(crate) fn is_vendored(root: &Path, path: &str) -> bool {
    vendored(root, path).is_dir()
}

fn put(tree: &Path, place: &Path) -> io::Result<()> {
    let parent = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(parent)?;
    let unfinished = parent.join(format!(".homeostat-{}-new", std::process::id()));
    let former = parent.join(format!(".homeostat-{}-old", std::process::id()));
    for left in [&unfinished, &former] {
        if left.exists() {
            fs::remove_dir_all(left)?;
        }
    }
    copy(tree, &unfinished)?;
    if place.exists() {
        fs::rename(place, &former)?;
    }
    fs::rename(&unfinished, place)?;
    if former.exists() {
        fs::remove_dir_all(&former)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
