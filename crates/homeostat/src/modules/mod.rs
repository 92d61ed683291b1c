//! Modules that come from somewhere else: fetched by `git` into a cache, pinned by commit beside the program that imports them.
//!
//! Invariants: nothing that was fetched is executed, and nothing of it lies outside of its directory. A directory in the cache is
//! there whole or not at all, and never changes. Only the commands of `homeostat module` fetch; everybody else takes what is
//! there, as the lock file says.

mod cache;
mod fetch;
mod git;
mod lockfile;
mod places;
mod tree;
mod vendor;

pub(crate) use cache::Cache;
pub(crate) use fetch::{Fetched, Which, fetch};
pub(crate) use lockfile::LockFile;
pub(crate) use places::{Places, Prefer};
pub(crate) use tree::told as commit_told;
pub(crate) use vendor::{is_vendored, vendor};
