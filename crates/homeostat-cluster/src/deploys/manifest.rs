//! What a release consists of, and for whom it is: the part that is signed.
//!
//! The form is JSON with the members in the order of [`Manifest`], without spaces. There is one text for a manifest and no other
//! is read: what is parsed and written again must be the same bytes. The version of the form is part of what is signed (see
//! `signed`), so that a manifest of another version is never taken for one of this.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::path::BundlePath;
use crate::identity::{hex, unhex};

/// Files of a release.
pub const FILES_MAX: usize = 4096;
/// All files of a release together, in bytes.
pub const RELEASE_BYTES_MAX: u64 = 16 << 30;
/// Of a release, what lies in the store, in bytes.
pub const STORE_BYTES_MAX: u64 = 8 << 20;
/// A file that lies in the store, in bytes, where hosts can hand larger ones to each other.
const STORE_FILE_BYTES_MAX: u64 = 256 << 10;
const INPUTS_MAX: usize = 64;
const PATTERNS_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 256;

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The cluster that it is for; no other takes it.
    pub cluster: String,
    /// Its number, from 1: the greatest counts.
    pub number: u64,
    /// When it was signed, in milliseconds since 1970 by the operator's clock.
    pub made_ms: u64,
    /// The operator's name, for people: the signature tells who it was.
    pub author: String,
    /// What an operator said about it.
    pub note: String,
    /// The release whose content this is again, after a rollback.
    pub restores: Option<u64>,
    /// Which of the files are inputs, in their order.
    pub inputs: Vec<BundlePath>,
    /// All files, in the order of their paths.
    pub files: Vec<FileEntry>,
    /// Who takes it, and when.
    pub rollout: Rollout,
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Where it is.
    pub path: BundlePath,
    /// Its permissions, at most 0777.
    pub mode: u32,
    /// Its size.
    pub bytes: u64,
    /// The BLAKE3 hash of its content.
    pub hash: Hash,
}

/// Who takes a release, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Patterns of the hosts that it is for; none: for all.
    pub hosts: Vec<String>,
    /// How many take it before all others do.
    pub canary: Option<Amount>,
    /// How many may be without it and not in order, at once.
    pub max_unavailable: Option<Amount>,
    /// Hosts may go back by themselves when it fails on one of them.
    pub rollback_on_failure: bool,
}

/// So many hosts, or such a part of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Amount {
    /// A number of hosts, at least one.
    Hosts(u32),
    /// 1 to 100 percent of them.
    Percent(u32),
}

/// A BLAKE3 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

/// Why bytes are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// They are not in its form.
    #[error("it is not in the form of a manifest: {0}")]
    Form(String),
    /// They are, and say what cannot be.
    #[error("{0}")]
    Content(&'static str),
}

impl Manifest {
    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is plain data")
    }

    /// Reads what was signed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Form(error.to_string()))?;
        manifest.check().map_err(ManifestError::Content)?;
        if manifest.to_bytes() != bytes {
            return Err(ManifestError::Form("it has another text than the one for what it says".into()));
        }
        Ok(manifest)
    }

    /// The contents that hosts hand to each other, with their sizes: large ones, and whatever is too much for the store then.
    pub fn carried(&self) -> BTreeMap<Hash, u64> {
        let contents: BTreeSet<(u64, Hash)> = self.files.iter().map(|file| (file.bytes, file.hash)).collect();
        let mut room = STORE_BYTES_MAX;
        let mut carried = BTreeMap::new();
        for (bytes, hash) in contents {
            if bytes <= STORE_FILE_BYTES_MAX.min(room) {
                room -= bytes;
            } else {
                carried.insert(hash, bytes);
            }
        }
        carried
    }

    /// Says what cannot be.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.number == 0 || self.number > 9_999_999_999 {
            return Err("its number is not between 1 and 9999999999");
        }
        for text in [&self.cluster, &self.author, &self.note] {
            if text.len() > TEXT_BYTES_MAX {
                return Err("a text in it is too long");
            }
        }
        if self.cluster.is_empty() {
            return Err("it names no cluster");
        }
        self.check_files()?;
        let patterns = &self.rollout.hosts;
        if patterns.len() > PATTERNS_MAX
            || patterns.iter().any(|pattern| pattern.is_empty() || pattern.len() > TEXT_BYTES_MAX)
        {
            return Err("it selects hosts by too many patterns, or by one that is empty or too long");
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), &'static str> {
        if self.files.len() > FILES_MAX {
            return Err("it has too many files");
        }
        if !self.files.is_sorted_by(|a, b| a.path < b.path) {
            return Err("its files are not in order, or one is there twice");
        }
        if self.files.iter().any(|file| file.mode > 0o777) {
            return Err("a file in it has special permissions");
        }
        let total = self.files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.bytes));
        if total.is_none_or(|total| total > RELEASE_BYTES_MAX) {
            return Err("its files are too large");
        }
        let paths: BTreeSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        if self.files.iter().any(|file| file.path.parents().any(|dir| paths.contains(dir))) {
            return Err("a file in it lies below another one");
        }
        let inputs: BTreeSet<&str> = self.inputs.iter().map(BundlePath::as_str).collect();
        if inputs.is_empty() || self.inputs.len() > INPUTS_MAX || inputs.len() != self.inputs.len() {
            return Err("it has no inputs, too many of them, or one twice");
        }
        if !inputs.is_subset(&paths) {
            return Err("an input of it is not among its files");
        }
        Ok(())
    }
}

impl Amount {
    /// Of so many hosts: percents round up, so that there is always one where there is any.
    pub fn of(self, hosts: usize) -> usize {
        match self {
            Self::Hosts(count) => usize::try_from(count).unwrap_or(usize::MAX).min(hosts),
            Self::Percent(percent) => {
                let percent = usize::try_from(percent).unwrap_or(100);
                hosts.saturating_mul(percent).div_ceil(100).min(hosts)
            }
        }
    }
}

impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "an amount is a number of hosts from 1, or 1% to 100%";
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let is_plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = if is_plain { digits.parse().map_err(|_| wrong)? } else { return Err(wrong) };
        match percent {
            true if number <= 100 => Ok(Self::Percent(number)),
            true => Err(wrong),
            false => Ok(Self::Hosts(number)),
        }
    }
}

impl TryFrom<String> for Amount {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Hash {
    /// That of a content.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    /// That of what was hashed piece by piece.
    pub(super) fn finished(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }

    /// That of what a file holds from here on, and how much it is.
    pub(super) fn of_file(file: &mut std::fs::File) -> std::io::Result<(Self, u64)> {
        let mut hasher = blake3::Hasher::new();
        let bytes = std::io::copy(file, &mut hasher)?;
        Ok((Self::finished(&hasher), bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = unhex(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a hash has 64 hexadecimal digits")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}
