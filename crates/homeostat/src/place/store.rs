//! Opening the store of a prefix.

use std::sync::Arc;

use homeostat_engine::store::EmbeddedStore;
use homeostat_engine::{Journal, Store};

use super::Prefix;

/// The store, and the journal that lives with it.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) journal: Arc<dyn Journal>,
}

impl Opened {
    fn of(store: EmbeddedStore) -> Self {
        let store = Arc::new(store);
        Self { store: store.clone(), journal: store }
    }
}

/// Opens the store for reading and writing; the lock is held. It opens in the background.
pub(crate) fn open(prefix: &Prefix) -> Opened {
    Opened::of(EmbeddedStore::open(prefix.path()))
}

/// What a plan sees of the store: what is there, and nothing is written.
pub(crate) fn open_for_reading(prefix: &Prefix) -> Opened {
    Opened::of(EmbeddedStore::open_read_only(prefix.path()))
}
