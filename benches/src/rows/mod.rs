//! The rows of the table, a file for what belongs together.

pub(crate) mod batch;
pub(crate) mod chain;
pub(crate) mod edges;
pub(crate) mod files;
pub(crate) mod idle;
pub(crate) mod language;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod repair;
