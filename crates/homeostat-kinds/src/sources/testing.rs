//! What the tests of sources share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::host::HostOptions;
use homeostat_engine::{EmbeddedStore, Host, Source, VertexKey, Wakes};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A started source with all that it touches.
pub(super) struct Bench<S> {
    pub(super) source: Arc<S>,
    pub(super) host: Host,
    pub(super) wakes: Wakes,
    pub(super) tasks: JoinSet<()>,
    _directory: TempDir,
}

impl<S: Source> Bench<S> {
    pub(super) fn start(source: S) -> Self {
        let directory = TempDir::new().unwrap();
        let store = Arc::new(EmbeddedStore::open(directory.path()));
        let host = Host::new(HostOptions::new("h1", store)).unwrap();
        let (source, wakes, mut tasks) = (Arc::new(source), Wakes::new(), JoinSet::new());
        source.clone().start(&host, wakes.clone(), &mut tasks).unwrap();
        Self { source, host, wakes, tasks, _directory: directory }
    }

    /// Waits for the next wakes; in real time for as long as that takes.
    pub(super) async fn woken(&self) -> BTreeSet<VertexKey> {
        loop {
            self.wakes.ready().await;
            let woken = self.wakes.take().vertices;
            if !woken.is_empty() {
                return woken;
            }
        }
    }

    /// The wakes that come within a time.
    pub(super) async fn woken_within(&self, time: Duration) -> BTreeSet<VertexKey> {
        tokio::time::timeout(time, self.woken()).await.unwrap_or_default()
    }
}

pub(super) fn vertex(index: u32) -> VertexKey {
    VertexKey { index, generation: 0 }
}
