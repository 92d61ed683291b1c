//! Claims: what a resource provides and needs. Matched by index, they make the automatic edges.

use std::sync::Arc;

use crate::source::AbsPath;

/// Something of the host that one resource provides and others may need.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// What lies at a path.
    Path(AbsPath),
    /// Beside what lies at a path: that others may lie below it.
    Directory(AbsPath),
    /// A user by name.
    User(Arc<str>),
    /// A group by name.
    Group(Arc<str>),
}

/// What a resource needs done before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Whoever provides exactly this.
    Claim(Claim),
    /// Of the proper ancestors of a path, the nearest that somebody provides as a directory.
    Ancestor(AbsPath),
}

/// What a check looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looks {
    /// Nothing of the system: the answer follows from what was declared.
    Nothing,
    /// These paths.
    Paths(Vec<AbsPath>),
    /// Who knows, such as a guard command.
    Anything,
}

/// What an apply may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// What it provides, exactly.
    Declared(Vec<Claim>),
    /// These paths and everything below them.
    Trees(Vec<AbsPath>),
    /// Who knows, such as a command.
    Anything,
}
