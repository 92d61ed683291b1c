//! Opening the store of a prefix.

use std::sync::Arc;

use homeostat_engine::store::EmbeddedStore;
use homeostat_engine::{Journal, Store};

use super::Prefix;

/// The store, and the journal. Without an etcd they live together; the journal never leaves the host.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// The store of this host alone, where the other one is shared.
    pub(crate) mirror: Option<Arc<dyn Store>>,
    pub(crate) journal: Arc<dyn Journal>,
}

impl Opened {
    fn of(embedded: EmbeddedStore, etcd: Option<Arc<dyn Store>>) -> Self {
        let embedded = Arc::new(embedded);
        let mirror = etcd.is_some().then(|| embedded.clone() as Arc<dyn Store>);
        Self { store: etcd.unwrap_or_else(|| embedded.clone()), mirror, journal: embedded }
    }
}

/// Opens the store for reading and writing; the lock is held. It opens in the background.
pub(crate) fn open(prefix: &Prefix, etcd: Option<Arc<dyn Store>>) -> Opened {
    Opened::of(EmbeddedStore::open(prefix.path()), etcd)
}

/// What a plan sees of the store: what is there, and nothing is written.
pub(crate) fn open_for_reading(prefix: &Prefix, etcd: Option<Arc<dyn Store>>) -> Opened {
    Opened::of(EmbeddedStore::open_read_only(prefix.path()), etcd)
}
