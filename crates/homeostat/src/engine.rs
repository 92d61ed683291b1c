//! What the binary asks of the engine, in one place.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::event::Totals;
use homeostat_engine::resource::Change;
use homeostat_engine::{Event, Host, Journal, Outcome, Registry, Source};
use homeostat_kinds::sources::{Customs, Inotify, InotifyOptions, StoreSource, Timers};
use homeostat_model::{Catalog, Diagnostic, ResourceId};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    #[default]
    Apply,
    Noop,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct EngineOptions {
    pub(crate) mode: Mode,
    pub(crate) parallel: usize,
    pub(crate) semaphore: Option<u32>,
    pub(crate) autoedges: bool,
    pub(crate) batch: bool,
    pub(crate) bounded_retries: bool,
    pub(crate) watch: bool,
}

pub(crate) trait EventSink: Send {
    fn emit(&mut self, events: &[Event]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Graceful,
    Cancel,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct LoadSummary {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) removed: usize,
    pub(crate) unchanged: usize,
    pub(crate) notes: Vec<Diagnostic>,
}

#[derive(Debug, Clone)]
pub(crate) struct VertexStatus {
    pub(crate) id: ResourceId,
    pub(crate) outcome: Outcome,
    pub(crate) changes: Vec<Change>,
    pub(crate) checks: u32,
    pub(crate) applies: u32,
    pub(crate) refreshes: u32,
    pub(crate) started: Option<Duration>,
    pub(crate) ended: Option<Duration>,
    pub(crate) error: Option<Arc<str>>,
    pub(crate) blocked_by: Vec<ResourceId>,
    pub(crate) waiting_on: Option<Arc<str>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) settled: bool,
    pub(crate) activity: u64,
    pub(crate) totals: Totals,
    pub(crate) running: Vec<ResourceId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EdgeView {
    pub(crate) from: ResourceId,
    pub(crate) to: ResourceId,
    pub(crate) notify: bool,
    pub(crate) auto: bool,
    pub(crate) label: Option<Arc<str>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct GraphView {
    pub(crate) vertices: Vec<ResourceId>,
    pub(crate) edges: Vec<EdgeView>,
}

impl GraphView {
    pub(crate) fn of(
        catalog: &Catalog,
        _registry: &Registry,
        _autoedges: bool,
    ) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self {
            vertices: catalog.resources.iter().map(|resource| resource.id.clone()).collect(),
            edges: Vec::new(),
        })
    }
}

pub(crate) struct Planned {
    pub(crate) status: VertexStatus,
    pub(crate) would_refresh: bool,
    pub(crate) unknown_until: Vec<ResourceId>,
}

pub(crate) struct Plan {
    pub(crate) resources: Vec<Planned>,
}

pub(crate) async fn plan(
    _catalog: Catalog,
    _options: EngineOptions,
    _registry: Registry,
    _host: Host,
    _journal: Arc<dyn Journal>,
) -> Result<Plan, Vec<Diagnostic>> {
    Ok(Plan { resources: Vec::new() })
}

#[derive(Clone)]
pub(crate) struct EngineHandle {
    progress: watch::Receiver<Progress>,
}

pub(crate) struct Engine;

impl Engine {
    pub(crate) async fn start(
        _options: EngineOptions,
        _registry: Registry,
        _host: Host,
        _sources: Vec<Arc<dyn Source>>,
        _journal: Arc<dyn Journal>,
        _views: Box<dyn EventSink>,
    ) -> io::Result<EngineHandle> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl EngineHandle {
    pub(crate) async fn load(&self, _catalog: Catalog) -> Result<LoadSummary, Vec<Diagnostic>> {
        Ok(LoadSummary::default())
    }

    pub(crate) async fn status(&self) -> Vec<VertexStatus> {
        Vec::new()
    }

    pub(crate) async fn graph(&self) -> GraphView {
        GraphView::default()
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    pub(crate) async fn stop(&self, _stop: Stop) {}
}

/// The event sources of this operating system.
pub(crate) fn sources() -> io::Result<Vec<Arc<dyn Source>>> {
    Ok(vec![
        Arc::new(Inotify::new(InotifyOptions::default())?),
        Arc::new(Timers::default()),
        Arc::new(StoreSource::default()),
        Arc::new(Customs::default()),
    ])
}
