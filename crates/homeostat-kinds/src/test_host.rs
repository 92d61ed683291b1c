//! A host in a temporary directory, for tests of kinds and sources that need no store.

use std::sync::Arc;

use homeostat_engine::host::HostOptions;
use homeostat_engine::{AbsPath, EmbeddedStore, Host};

/// A host whose files are below `root`, with an empty store that takes nothing.
pub(crate) fn host_below(root: &str) -> Host {
    let store = EmbeddedStore::open_read_only("/nonexistent");
    Host::new(HostOptions {
        id: "test".into(),
        root: AbsPath::parse(root).unwrap(),
        ..HostOptions::new("test", Arc::new(store))
    })
    .unwrap()
}

/// The host itself.
pub(crate) fn whole_host() -> Host {
    host_below("/")
}
