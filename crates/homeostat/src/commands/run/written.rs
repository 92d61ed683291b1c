//! Where a run writes for others to read: what would destroy an input, or another of these files, is refused before the work.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::exit::refused;
use crate::inputs::Inputs;

/// What is written for others to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub(in crate::commands) struct WrittenArgs {
    /// Write the graph in the language of Graphviz after each load
    #[arg(long, value_name = "FILE")]
    pub(super) graphviz: Option<PathBuf>,
    /// Write the report after each settling and at exit
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Append every event as a JSON line; `-` is standard output, and lines for people go to standard error then
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
}

impl WrittenArgs {
    /// A file that can never be written is found before the work, not after it.
    pub(super) fn expect_places(&self) -> anyhow::Result<()> {
        for (flag, path) in [("--graphviz", &self.graphviz), ("--report", &self.report)] {
            if path.as_deref().is_some_and(is_stdout) {
                return Err(refused(format!(
                    "{flag} names a file: only --events writes to standard output with `-`"
                )));
            }
        }
        self.files().try_for_each(|(_, path)| expect_place_for(path))
    }

    /// No two of them are one file, and none is an input.
    pub(super) fn expect_apart(&self, inputs: &Inputs) -> anyhow::Result<()> {
        let inputs = inputs.files();
        let inputs = inputs.iter().filter_map(|(path, _)| Some((path, FileId::of(path)?)));
        let inputs: Vec<(&PathBuf, FileId)> = inputs.collect();
        let mut written: Vec<(&str, FileId)> = Vec::new();
        for (flag, path) in self.files() {
            let Some(id) = FileId::of(path) else { continue };
            if let Some((input, _)) = inputs.iter().find(|(_, input)| *input == id) {
                return Err(refused(format!("{flag} would write over the input {}", input.display())));
            }
            if let Some((other, _)) = written.iter().find(|(_, other)| *other == id) {
                return Err(refused(format!("{other} and {flag} name one file, {}", path.display())));
            }
            written.push((flag, id));
        }
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [("--graphviz", &self.graphviz), ("--report", &self.report), ("--events", &self.events)];
        let given = all.into_iter().filter_map(|(flag, path)| Some((flag, path.as_deref()?)));
        given.filter(|(_, path)| !is_stdout(path))
    }
}

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Tells files apart whatever paths lead to them. What is no file, such as a terminal or a pipe, has none.
#[derive(PartialEq, Eq)]
enum FileId {
    There { device: u64, inode: u64 },
    NotYet(PathBuf),
}

impl FileId {
    fn of(path: &Path) -> Option<Self> {
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => None,
            Ok(found) => Some(Self::There { device: found.dev(), inode: found.ino() }),
            Err(_) => Some(Self::NotYet(fs::canonicalize(directory(path)).ok()?.join(path.file_name()?))),
        }
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

fn expect_place_for(path: &Path) -> anyhow::Result<()> {
    let dir = directory(path);
    if path.is_dir() {
        Err(refused(format!("{} is a directory", path.display())))
    } else if dir.is_dir() {
        Ok(())
    } else {
        Err(refused(format!("there is no directory {}", dir.display())))
    }
}
