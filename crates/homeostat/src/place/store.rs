//! Opening the store of a prefix.

use std::sync::Arc;

use homeostat_engine::{Journal, Store};

use super::Prefix;

/// The store, and the journal that lives with it.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) journal: Arc<dyn Journal>,
}

/// Opens the store for reading and writing; the lock is held.
pub(crate) fn open(_prefix: &Prefix) -> anyhow::Result<Opened> {
    anyhow::bail!("the store is not there yet")
}

/// What a plan sees of the store: what is there, and nothing is written.
pub(crate) fn open_for_reading(_prefix: &Prefix) -> anyhow::Result<Opened> {
    anyhow::bail!("the store is not there yet")
}
