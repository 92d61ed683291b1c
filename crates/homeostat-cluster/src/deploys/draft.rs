//! A release that is being put together: files with their content, before it has a number.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

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
    /// Its size.
    pub bytes: u64,
    /// The hash of what it holds.
    pub hash: Hash,
    /// Where that is.
    pub body: Body,
}

/// Where the content of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Here.
    Here(Vec<u8>),
    /// In this file.
    At(PathBuf),
    /// With others.
    Elsewhere,
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

impl Content {
    /// These bytes.
    pub fn here(mode: u32, bytes: Vec<u8>) -> Self {
        Self { mode, bytes: bytes.len() as u64, hash: Hash::of(&bytes), body: Body::Here(bytes) }
    }

    /// What a file holds now.
    pub fn at(mode: u32, path: &Path) -> io::Result<Self> {
        let (hash, bytes) = Hash::of_file(&mut File::open(path)?)?;
        Ok(Self { mode, bytes, hash, body: Body::At(path.to_owned()) })
    }

    /// Whether both are the same, wherever they are.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.mode, self.hash) == (other.mode, other.hash)
    }

    /// What it holds, if that is on this host.
    pub fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match &self.body {
            Body::Here(bytes) => Ok(Some(bytes.clone())),
            Body::At(path) => std::fs::read(path).map(Some),
            Body::Elsewhere => Ok(None),
        }
    }
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
            Some(known) if known.is_same(&content) => return Ok(()),
            Some(_) => return Err(DraftError::Twice(path)),
            None => {}
        }
        self.bytes = self.bytes.saturating_add(content.bytes);
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

    /// The bodies, by what they hold.
    pub fn contents(&self) -> BTreeMap<Hash, &Content> {
        self.files.values().map(|content| (content.hash, content)).collect()
    }

    /// Says where a content is by now.
    pub(super) fn found(&mut self, hash: Hash, path: &Path) {
        for content in self.files.values_mut().filter(|content| content.hash == hash) {
            content.body = Body::At(path.to_owned());
        }
    }

    pub(super) fn entries(&self) -> Vec<FileEntry> {
        let entry = |(path, content): (&BundlePath, &Content)| FileEntry {
            path: path.clone(),
            mode: content.mode,
            bytes: content.bytes,
            hash: content.hash,
        };
        self.files.iter().map(entry).collect()
    }
}
