//! Inputs that are programs.

use std::path::{Path, PathBuf};

use super::Identity;

/// A file of a program that is larger is refused.
pub(crate) const MAX_PROGRAM_BYTES: usize = 64 << 20;

/// A program among the inputs.
#[derive(Debug)]
pub(crate) struct ProgramInput {
    /// As it was given.
    pub(crate) path: PathBuf,
    pub(crate) text: ProgramText,
    /// What it was read from, once it was.
    pub(crate) files: Vec<(PathBuf, Option<Identity>)>,
}

/// Where a program begins.
#[derive(Debug)]
pub(crate) enum ProgramText {
    File,
    /// A directory with a module.
    Directory,
    Stdin(Vec<u8>),
}

impl ProgramText {
    /// Whether there is a program at a path, told by its name, and for a directory by what is in it.
    pub(super) fn of(path: &Path) -> Option<Self> {
        if path.extension().is_some_and(|extension| extension == "mcl") {
            return Some(Self::File);
        }
        if path.file_name().is_some_and(|name| name == "metadata.yaml") {
            return Some(Self::File);
        }
        let has_module = || ["metadata.yaml", "main.mcl"].iter().any(|file| path.join(file).is_file());
        (path.is_dir() && has_module()).then_some(Self::Directory)
    }
}
