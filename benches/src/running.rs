//! A running engine, as `run` has it: all kinds, all sources, a store on disk.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use homeostat_engine::host::HostOptions;
use homeostat_engine::{
    EmbeddedStore, Engine, EngineHandle, EngineOptions, EventSink, Host, Kind, Registry, Source, Stop,
};
use homeostat_kinds::KINDS;
use homeostat_kinds::sources::{Customs, Inotify, InotifyOptions, StoreSource, Timers};
use homeostat_model::{Catalog, Diagnostic};
use tokio::runtime::Runtime;

/// Where a run keeps what it found out for the next one.
pub(crate) const KNOWN: &str = "known";
/// Nothing that is measured here takes longer.
const SETTLE_MAX: Duration = Duration::from_secs(300);

/// An engine with its runtime. It ends when it is dropped.
pub(crate) struct Running {
    pub(crate) runtime: Runtime,
    pub(crate) handle: EngineHandle,
}

impl Running {
    /// With nothing loaded; its own things go to `prefix`.
    pub(crate) fn start(prefix: &Path, options: EngineOptions) -> anyhow::Result<Self> {
        Self::start_with(prefix, options, &[], Box::new(()))
    }

    /// With more kinds, and somebody who takes its events.
    pub(crate) fn start_with(
        prefix: &Path,
        options: EngineOptions,
        kinds: &[Kind],
        sink: Box<dyn EventSink>,
    ) -> anyhow::Result<Self> {
        let known = Some(prefix.join(KNOWN));
        let options = EngineOptions { known, give_back: homeostat::allocator::give_back, ..options };
        std::fs::create_dir_all(prefix)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let store = Arc::new(EmbeddedStore::open(prefix));
        let mut host_options = HostOptions::new("bench", store.clone());
        host_options.id = "bench".into();
        let host = Host::new(host_options)?;
        let registry = Registry::new(KINDS.iter().chain(kinds).copied());
        let handle = runtime.block_on(async {
            let sources: Vec<Arc<dyn Source>> = vec![
                Arc::new(Inotify::new(InotifyOptions::default())?),
                Arc::new(Timers::default()),
                Arc::new(Customs::default()),
                Arc::new(StoreSource::default()),
            ];
            Engine::start(options, registry, host, sources, store, sink).await
        })?;
        Ok(Self { runtime, handle })
    }

    /// Loads a catalog and waits until everything has settled; seconds until it was loaded, and until it had settled.
    pub(crate) fn load_and_settle(&self, catalog: Catalog) -> anyhow::Result<(f64, f64)> {
        self.runtime.block_on(async {
            let started = Instant::now();
            self.handle.load(catalog).await.map_err(refused)?;
            let loaded = started.elapsed().as_secs_f64();
            let mut progress = self.handle.progress();
            tokio::time::timeout(SETTLE_MAX, progress.wait_for(|progress| progress.settled))
                .await
                .context("it does not settle")??;
            Ok((loaded, started.elapsed().as_secs_f64()))
        })
    }

    /// Waits until nothing has happened for so long.
    pub(crate) fn wait_for_quiet(&self, quiet: Duration) {
        let activity = || self.handle.progress().borrow().activity;
        let mut seen = activity();
        loop {
            pause(quiet);
            let now = activity();
            if now == seen {
                return;
            }
            seen = now;
        }
    }

    /// Every resource that is in no good order is an error here.
    pub(crate) fn expect_good(&self) -> anyhow::Result<()> {
        let totals = self.handle.progress().borrow().totals;
        anyhow::ensure!(
            totals.unchanged + totals.changed == totals.resources,
            "not all is in order: {totals:?}"
        );
        Ok(())
    }

    pub(crate) fn stop(self) {
        self.runtime.block_on(self.handle.stop(Stop::Graceful));
    }
}

pub(crate) fn refused(diagnostics: Vec<Diagnostic>) -> anyhow::Error {
    let messages: Vec<_> = diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect();
    anyhow::anyhow!("the catalog is refused: {}", messages.join("; "))
}

/// Lets time pass between two things that are measured.
#[allow(
    clippy::disallowed_methods,
    reason = "there is no event to wait for: what is measured is that nothing happens"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
