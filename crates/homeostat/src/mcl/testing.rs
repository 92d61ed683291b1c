//! Files of tests: where they are, and running what is in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homeostat_lang::testing::{self, Bench, Outcome, SUFFIX, Test};
use homeostat_model::{Diagnostic, SourceId, SourceMap};

use super::files::{Directory, root};
use super::{Known, places_of};
use crate::inputs::{ProgramInput, ProgramText, read_text};

/// How deep directories are looked into.
const DEPTH_MAX: usize = 32;

/// A file of tests.
pub(crate) struct Suite {
    directory: Directory,
    source: SourceId,
    pub(crate) tests: Vec<Test>,
}

impl Suite {
    pub(crate) fn read(path: &Path, sources: &mut SourceMap) -> Result<Self, Vec<Diagnostic>> {
        let source = read_text(path, sources).map_err(|unread| vec![*unread])?;
        let text = sources.get(source).map(|source| source.text.clone()).unwrap_or_default();
        let tests = testing::read(&text, source)?;
        let input = ProgramInput { path: path.to_owned(), text: ProgramText::File, files: Vec::new() };
        let places = places_of(root(&input)).map_err(|wrong| vec![*wrong])?;
        Ok(Self { directory: Directory::new(&input, places), source, tests })
    }

    pub(crate) fn run(&self, test: &Test, sources: &mut SourceMap) -> Outcome {
        let kinds = Arc::new(Known(crate::catalog::registry()));
        let bench =
            Bench { path: self.directory.entry(), source: self.source, files: &self.directory, kinds };
        bench.run(test, sources)
    }
}

/// The files of tests that are named, or lie somewhere in a directory, in order.
pub(crate) fn find_tests(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if fs::metadata(path)?.is_dir() {
        look_into(path, 0, &mut found)?;
    } else {
        found.push(path.to_owned());
    }
    Ok(found)
}

fn look_into(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = match directory == Path::new(".") {
            true => PathBuf::from(&*name),
            false => entry.path(),
        };
        if entry.file_type()?.is_dir() {
            if depth < DEPTH_MAX && !name.starts_with('.') {
                look_into(&path, depth + 1, found)?;
            }
        } else if name.ends_with(SUFFIX) {
            found.push(path);
        }
    }
    Ok(())
}
