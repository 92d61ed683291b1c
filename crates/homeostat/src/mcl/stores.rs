//! The stores that programs ask.

use std::path::PathBuf;
use std::sync::Arc;

use homeostat_cluster::exchange::SealingKey;
use homeostat_engine::Store;
use tokio::sync::Mutex;

use crate::place::{Prefix, cluster, key, store};

/// Where the variable data of programs lies, below the prefix.
const VAR: &str = "var";

/// What is shared with other hosts, and what this one keeps for itself.
#[derive(Clone)]
pub(crate) struct Stores {
    /// The store that hosts share; this host's own where they share none.
    pub(crate) shared: Arc<dyn Store>,
    /// The store of this host alone.
    pub(crate) own: Arc<dyn Store>,
    /// What we open what others sealed to us with, where hosts share a store.
    pub(crate) key: Option<SealingKey>,
    /// Where data of programs stays.
    pub(crate) var: PathBuf,
    /// Whether anything may be written.
    pub(crate) may_write: bool,
    /// Numbers of pools are given one after the other.
    pub(crate) pools: Arc<Mutex<()>>,
}

impl Stores {
    /// Those of a prefix that is open.
    pub(crate) fn of(prefix: &Prefix, opened: &store::Opened, key: Option<SealingKey>) -> Self {
        Self {
            shared: opened.store.clone(),
            own: opened.mirror.clone().unwrap_or_else(|| opened.store.clone()),
            key,
            var: prefix.path().join(VAR),
            may_write: true,
            pools: Arc::default(),
        }
    }

    /// The same for whoever only looks.
    pub(crate) fn to_look(prefix: &Prefix, opened: &store::Opened) -> Self {
        let key = opened.mirror.as_ref().map(|_| key::sealing_key_to_look(prefix));
        Self { may_write: false, ..Self::of(prefix, opened, key) }
    }

    /// What the usual prefix says, for whoever only looks; none if there is no such place.
    pub(crate) fn usual() -> Option<Self> {
        let prefix = Prefix::choose(None).ok().filter(Prefix::exists)?;
        let shared = cluster::shared(&prefix).ok()?;
        Some(Self::to_look(&prefix, &store::open_for_reading(&prefix, shared)))
    }

    /// Whether other hosts have the store too.
    pub(crate) fn is_shared(&self) -> bool {
        self.key.is_some()
    }
}
