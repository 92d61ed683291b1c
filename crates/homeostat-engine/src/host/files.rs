//! Files below the root.

use crate::source::AbsPath;

/// Operations on files, resolved below a root.
#[derive(Debug)]
pub struct Files {
    root: AbsPath,
}

impl Files {
    /// Files below `root`.
    pub(super) fn open(root: &AbsPath) -> std::io::Result<Self> {
        Ok(Self { root: root.clone() })
    }

    /// What paths are relative to.
    pub fn root(&self) -> &AbsPath {
        &self.root
    }
}
