//! A release that is being put together: files with their content, before it has a number.

use std::collections::BTreeMap;

use super::manifest::{FILES_MAX, FileEntry, Hash, RELEASE_BYTES_MAX};
use super::path::BundlePath;

/// Inputs and what they need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    inputs: Vec<BundlePath>,
    files: BTreeMap<BundlePath, Content>,
    bytes: u64,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its permissions; special ones are left out.
    pub mode: u32,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Why a file cannot be part of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// There are different files of one path.
    #[error("two files would be `{0}` in the release")]
    Twice(BundlePath),
    /// All together are too large.
    #[error(
        "the files of a release have at most {RELEASE_BYTES_MAX} bytes together, and at most {FILES_MAX} are in it"
    )]
    TooLarge,
}

impl Draft {
    /// Adds an input; they are read in the order in which they are added.
    pub fn add_input(&mut self, path: BundlePath, content: Content) -> Result<(), DraftError> {
        if self.inputs.contains(&path) {
            return Err(DraftError::Twice(path));
        }
        self.add_file(path.clone(), content)?;
        self.inputs.push(path);
        Ok(())
    }

    /// Adds a file that is no input.
    pub fn add_file(&mut self, path: BundlePath, content: Content) -> Result<(), DraftError> {
        let content = Content { mode: content.mode & 0o777, ..content };
        match self.files.get(&path) {
            Some(known) if *known == content => return Ok(()),
            Some(_) => return Err(DraftError::Twice(path)),
            None => {}
        }
        self.bytes += content.bytes.len() as u64;
        self.files.insert(path, content);
        if self.bytes > RELEASE_BYTES_MAX || self.files.len() > FILES_MAX {
            return Err(DraftError::TooLarge);
        }
        Ok(())
    }

    /// Makes an input of a file that was added.
    pub(super) fn name_input(&mut self, path: BundlePath) {
        self.inputs.push(path);
    }

    /// The inputs.
    pub fn inputs(&self) -> &[BundlePath] {
        &self.inputs
    }

    /// The files, in the order of their paths.
    pub fn files(&self) -> &BTreeMap<BundlePath, Content> {
        &self.files
    }

    pub(super) fn contents(&self) -> impl Iterator<Item = (Hash, &[u8])> {
        self.files.values().map(|content| (Hash::of(&content.bytes), content.bytes.as_slice()))
    }

    pub(super) fn entries(&self) -> Vec<FileEntry> {
        let entry = |(path, content): (&BundlePath, &Content)| FileEntry {
            path: path.clone(),
            mode: content.mode,
            bytes: content.bytes.len() as u64,
            hash: Hash::of(&content.bytes),
        };
        self.files.iter().map(entry).collect()
    }
}
