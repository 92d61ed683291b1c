//! Processes.

use super::RootExec;
use crate::source::AbsPath;

/// Runs commands.
#[derive(Debug)]
pub struct Processes {
    root: AbsPath,
    root_exec: RootExec,
}

impl Processes {
    /// Commands of a host whose files are below `root`.
    pub(super) fn new(root: &AbsPath, root_exec: RootExec) -> Self {
        Self { root: root.clone(), root_exec }
    }
}
