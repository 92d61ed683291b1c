//! The path of a file in a release: it stays below wherever the release is put.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// More than any sensible path has, in bytes.
const PATH_BYTES_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 200;

/// A relative path of plain names: no `.` or `..`, nothing empty, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BundlePath(String);

/// Why a text is no path of a file in a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path in a release is relative, of plain names, and has at most {PATH_BYTES_MAX} bytes")]
pub struct NotABundlePath;

impl BundlePath {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it is below a directory.
    pub fn below(&self, dir: &Path) -> std::path::PathBuf {
        dir.join(&self.0)
    }

    /// The directories that it lies in, the outermost first.
    pub(super) fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl FromStr for BundlePath {
    type Err = NotABundlePath;

    fn from_str(text: &str) -> Result<Self, NotABundlePath> {
        let is_plain = |name: &str| {
            !matches!(name, "" | "." | "..")
                && name.len() <= NAME_BYTES_MAX
                && !name.contains(|c: char| c.is_control() || c == '\\')
        };
        if text.len() > PATH_BYTES_MAX || !text.split('/').all(is_plain) {
            return Err(NotABundlePath);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for BundlePath {
    type Error = NotABundlePath;

    fn try_from(text: String) -> Result<Self, NotABundlePath> {
        text.parse()
    }
}

impl From<BundlePath> for String {
    fn from(path: BundlePath) -> Self {
        path.0
    }
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
