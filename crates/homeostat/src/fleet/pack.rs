//! From the command line to the files of a release.
//!
//! An input keeps its path where that is relative and leads nowhere above; otherwise only its name is kept. Links are followed for
//! inputs, which somebody named, and refused in directories, where they may lead anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use homeostat_cluster::deploys::{BundlePath, Content, Draft, RELEASE_BYTES_MAX};

use crate::exit::refused;
use crate::front::{Format, Input};
use crate::mcl::{Loaded, ProgramFiles};
use crate::modules::Places;

/// How deep directories are looked into.
const DEPTH_MAX: usize = 32;

/// Puts together what was read as inputs, programs among them, and more files and directories.
pub(crate) fn pack(inputs: &[Input], programs: &[Loaded], more: &[PathBuf]) -> anyhow::Result<Draft> {
    let mut draft = Draft::default();
    for input in inputs {
        let name = match input.format {
            // Standard input has no name that would tell what it holds.
            Some(format) => PathBuf::from(format!("stdin.{}", extension(format))),
            None => PathBuf::from(&input.name),
        };
        let content = Content::here(0o600, input.bytes.clone());
        draft.add_input(place_of(&name)?, content).map_err(|error| refused(error.to_string()))?;
    }
    for program in programs {
        add_program(&mut draft, &program.files, &program.places)?;
    }
    for path in more {
        let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        add(&mut draft, path, &place_of(path)?, found.is_dir(), 0)?;
    }
    Ok(draft)
}

/// Adds what a program consists of, in the same order below its directory. What was fetched lies where modules are looked for, so
/// that hosts need neither a lock file nor a cache.
fn add_program(draft: &mut Draft, files: &ProgramFiles, places: &Places) -> anyhow::Result<()> {
    let root = match files.root.as_os_str().is_empty() {
        true => None,
        false => root_of(&files.root)?,
    };
    let place = |path: &str| -> anyhow::Result<BundlePath> {
        let path = path.trim_matches('/');
        let place = root.as_ref().map_or(path.to_owned(), |root| format!("{root}/{path}"));
        place.parse().map_err(|_| refused(format!("{place} has no name that a release can hold")))
    };
    if let Some(text) = &files.stdin {
        let content = Content::here(0o600, text.as_bytes().to_vec());
        draft.add_input(place("stdin.mcl")?, content).map_err(|error| refused(error.to_string()))?;
    }
    for path in &files.texts {
        let here = places.path(path);
        let bytes = fs::read(&here).map_err(|error| unreadable(&here, &error))?;
        let found = fs::metadata(&here).map_err(|error| unreadable(&here, &error))?;
        let content = Content::here(found.permissions().mode() & 0o777, bytes);
        let added = match *path == files.entry {
            true => draft.add_input(place(path)?, content),
            false => draft.add_file(place(path)?, content),
        };
        added.map_err(|error| refused(error.to_string()))?;
    }
    for directory in &files.directories {
        let here = places.path(directory);
        if here.is_dir() {
            add(draft, &here, &place(directory)?, true, 0)?;
        }
    }
    Ok(())
}

/// Where the directory of a program lies in the release; none where that is all of it.
fn root_of(root: &Path) -> anyhow::Result<Option<BundlePath>> {
    let is_here = root.components().all(|part| part == Component::CurDir);
    if is_here || root.file_name().is_none() { Ok(None) } else { place_of(root).map(Some) }
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::GraphYaml | Format::Topology | Format::Tosca => "yaml",
        Format::Mcl => "mcl",
        Format::Catalog | Format::PuppetCatalog => "json",
    }
}

fn add(draft: &mut Draft, path: &Path, place: &BundlePath, is_dir: bool, depth: usize) -> anyhow::Result<()> {
    if !is_dir {
        let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if !found.is_file() {
            return Err(refused(format!("{} is no file", path.display())));
        }
        if found.len() > RELEASE_BYTES_MAX {
            return Err(refused(format!(
                "{} has more than the {RELEASE_BYTES_MAX} bytes that a release may have",
                path.display()
            )));
        }
        let mode = found.permissions().mode() & 0o777;
        let content = Content::at(mode, path).map_err(|error| unreadable(path, &error))?;
        return draft.add_file(place.clone(), content).map_err(|error| refused(error.to_string()));
    }
    if depth == DEPTH_MAX {
        return Err(refused(format!("{} lies too deep", path.display())));
    }
    let mut entries: Vec<_> = fs::read_dir(path)
        .and_then(Iterator::collect)
        .map_err(|error: std::io::Error| unreadable(path, &error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let name =
            name.to_str().ok_or_else(|| refused(format!("{} is not named in UTF-8", path.display())))?;
        let kind = entry.file_type().with_context(|| format!("cannot look at {}", path.display()))?;
        if kind.is_symlink() {
            return Err(refused(format!("{} is a link, which a release cannot hold", path.display())));
        }
        let place = format!("{place}/{name}").parse().map_err(|error| refused(format!("{name}: {error}")))?;
        add(draft, &path, &place, kind.is_dir(), depth + 1)?;
    }
    Ok(())
}

/// Where a path lies in the release.
fn place_of(path: &Path) -> anyhow::Result<BundlePath> {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let kept: PathBuf = match path.components().all(is_plain) {
        true => path.components().filter(|part| matches!(part, Component::Normal(_))).collect(),
        false => path.file_name().map(PathBuf::from).unwrap_or_default(),
    };
    let shown = path.display();
    let text = kept.to_str().ok_or_else(|| refused(format!("{shown} is not named in UTF-8")))?;
    text.parse().map_err(|_| refused(format!("{shown} has no name that a release can hold")))
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    refused(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_where_they_are_told_apart_and_lead_nowhere_above() {
        for (path, place) in [
            ("site.yaml", "site.yaml"),
            ("./a/./b.yaml", "a/b.yaml"),
            ("/etc/site.yaml", "site.yaml"),
            ("../site.yaml", "site.yaml"),
            ("a/../site.yaml", "site.yaml"),
        ] {
            assert_eq!(place_of(Path::new(path)).unwrap().as_str(), place);
        }
        for path in ["/", "..", "."] {
            assert!(place_of(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn directories_are_taken_whole_and_links_in_them_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = dir.path().join("files");
        fs::create_dir_all(files.join("deep/er")).unwrap();
        fs::write(files.join("deep/er/x"), "x").unwrap();
        fs::write(files.join("y"), "y").unwrap();
        let draft = pack(&[], &[], std::slice::from_ref(&files)).unwrap();
        let names: Vec<&str> = draft.files().keys().map(BundlePath::as_str).collect();
        assert_eq!(names, ["files/deep/er/x", "files/y"]);
        std::os::unix::fs::symlink("/etc/passwd", files.join("link")).unwrap();
        assert!(pack(&[], &[], &[files]).is_err());
    }
}
