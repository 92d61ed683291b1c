//! The engine in motion: a task that owns the scheduler, and jobs that run beside it.
//!
//! Invariants: one task owns the graph and nothing else touches it; every task belongs to that one, and ends with it; a job that
//! panics fails its vertex and nothing else; journal records keep their order.

mod jobs;
mod known;
mod loader;
mod looks;
mod panics;
mod plan;
mod records;
mod run;
mod subject;
mod view;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use homeostat_model::{Catalog, CatalogDelta, Diagnostic, ResourceId, Stage, codes};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub use plan::{Plan, Planned, plan};
pub use view::{EdgeView, GraphView, VertexStatus};

use crate::event::{Event, Totals};
use crate::host::Host;
use crate::journal::Journal;
use crate::registry::Registry;
use crate::scheduler::{Flapping, Policy};
use crate::source::Source;
use crate::store::Stand;
use run::Message;

/// Requests and job results that wait for the graph's task; who sends more waits.
const MESSAGES_MAX: usize = 1024;

/// Whether the system is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Bring everything in order.
    #[default]
    Apply,
    /// Check everything and report what would be changed.
    Noop,
}

/// How the engine treats everybody.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Whether the system is changed.
    pub mode: Mode,
    /// Checks and applies in flight at most.
    pub parallel: usize,
    /// A semaphore over all applies.
    pub semaphore: Option<NonZeroU32>,
    /// Whether claims make edges.
    pub autoedges: bool,
    /// Whether ready resources of one kind are applied together.
    pub batch: bool,
    /// Whether anything is watched. Without it every resource is brought in order once.
    pub watch: bool,
    /// Whether [`EngineHandle::status`] tells the last changes of each resource.
    pub keep_changes: bool,
    /// Failed attempts after which a resource counts as settled, unless its own `retry` says otherwise.
    pub attempts: u32,
    /// So many repairs of one resource within so long mean that somebody else keeps changing it; none: nobody is slowed down.
    pub flapping: Option<(u32, Duration)>,
    /// Where what checks found out is kept from one run to the next; nowhere: everything is looked at closely.
    pub known: Option<PathBuf>,
    /// Called when a large load has settled: whatever allocates may give back what only the loading needed.
    pub give_back: fn(),
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Apply,
            parallel: 512,
            semaphore: None,
            autoedges: true,
            batch: true,
            watch: true,
            keep_changes: false,
            attempts: 3,
            flapping: Some((10, Duration::from_secs(10))),
            known: None,
            give_back: || (),
        }
    }
}

impl EngineOptions {
    fn policy(&self) -> Policy {
        Policy {
            noop: self.mode == Mode::Noop,
            parallel: self.parallel.max(1),
            semaphore: self.semaphore,
            autoedges: self.autoedges,
            batch: self.batch,
            attempts: self.attempts,
            once: !self.watch,
            flapping: self.flapping.map(|(repairs, window)| Flapping { repairs, window }),
        }
    }
}

/// How the resources stand that other hosts refer to; none for one that was not looked at yet.
pub type Stands = Arc<BTreeMap<ResourceId, Option<Stand>>>;

/// Takes what happens, as it happens. Called from the task that owns the graph: it must be quick and never wait.
pub trait EventSink: Send + 'static {
    /// These happened, in this order.
    fn emit(&mut self, events: &[Event]);
}

/// Takes nothing.
impl EventSink for () {
    fn emit(&mut self, _events: &[Event]) {}
}

/// How a stop treats what is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Starts nothing and lets everything end.
    Graceful,
    /// Ends commands and whatever else waits; a file that is being written is still written whole.
    Cancel,
}

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadSummary {
    /// Resources that were not there before.
    pub added: usize,
    /// Resources that are declared differently.
    pub changed: usize,
    /// Resources that are gone.
    pub removed: usize,
    /// Resources that nobody touched.
    pub unchanged: usize,
    /// Worth knowing, such as an automatic edge that is left out.
    pub notes: Vec<Diagnostic>,
}

/// How far everything is, for whoever waits.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Every resource is done, failed, blocked or waiting, with nothing running, and something was loaded.
    pub settled: bool,
    /// Grows with everything that happens. It grows silently: only a change of `settled` wakes whoever waits.
    pub activity: u64,
    /// When something happened last.
    pub active_at: Option<tokio::time::Instant>,
    /// Resources by outcome.
    pub totals: Totals,
    /// Checks and applies in flight.
    pub in_flight: usize,
}

/// Starts engines.
pub struct Engine;

/// A running engine. It ends when the last handle is dropped.
#[derive(Clone)]
pub struct EngineHandle {
    messages: mpsc::Sender<Message>,
    progress: watch::Receiver<Progress>,
    stands: watch::Receiver<Stands>,
    _tasks: Arc<JoinSet<()>>,
}

impl Engine {
    /// Starts an engine with nothing loaded. Its tasks belong to the returned handle.
    pub async fn start(
        options: EngineOptions,
        registry: Registry,
        host: Host,
        sources: Vec<Arc<dyn Source>>,
        journal: Arc<dyn Journal>,
        sink: Box<dyn EventSink>,
    ) -> io::Result<EngineHandle> {
        let (messages, inbox) = mpsc::channel(MESSAGES_MAX);
        let (progress_sender, progress) = watch::channel(Progress::default());
        let (stands_sender, stands) = watch::channel(Stands::default());
        let mut tasks = JoinSet::new();
        let task = run::GraphTask::new(
            options,
            registry,
            host,
            sources,
            journal,
            sink,
            messages.downgrade(),
            progress_sender,
            stands_sender,
        )?;
        tasks.spawn(task.run(inbox));
        Ok(EngineHandle { messages, progress, stands, _tasks: Arc::new(tasks) })
    }
}

impl EngineHandle {
    /// Makes this the whole of what is desired. What is not different is not touched. With errors, nothing is.
    pub async fn load(&self, catalog: Catalog) -> Result<LoadSummary, Vec<Diagnostic>> {
        self.ask(|reply| Message::LoadFull(Box::new(catalog), reply)).await.unwrap_or_else(stopped)
    }

    /// Changes what is desired. A send to a resource that received nothing before needs that resource in the delta too.
    pub async fn load_delta(&self, delta: CatalogDelta) -> Result<LoadSummary, Vec<Diagnostic>> {
        self.ask(|reply| Message::LoadDelta(Box::new(delta), reply)).await.unwrap_or_else(stopped)
    }

    /// Tells something that concerns the run as a whole, as an event like all others.
    pub async fn note(&self, text: String) {
        // To an engine that is gone there is nothing to tell.
        self.messages.send(Message::Note(text)).await.ok();
    }

    /// How every resource stands, in the order of their ids.
    pub async fn status(&self) -> Vec<VertexStatus> {
        self.ask(Message::Status).await.unwrap_or_default()
    }

    /// The graph with its automatic edges.
    pub async fn graph(&self) -> GraphView {
        self.ask(Message::Graph).await.unwrap_or_default()
    }

    /// Some of those that are being checked or applied now.
    pub async fn running(&self, at_most: usize) -> Vec<ResourceId> {
        self.ask(|reply| Message::Running(at_most, reply)).await.unwrap_or_default()
    }

    /// How far everything is.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// How the resources stand that other hosts refer to.
    pub fn stands(&self) -> watch::Receiver<Stands> {
        self.stands.clone()
    }

    /// Stops, and returns when nothing runs any more. A second stop may be stricter than the first.
    pub async fn stop(&self, stop: Stop) {
        // An engine that is gone has stopped.
        self.ask(|reply| Message::Stop(stop, reply)).await;
    }

    async fn plan_facts(&self) -> Vec<plan::Fact> {
        self.ask(Message::PlanFacts).await.unwrap_or_default()
    }

    /// None when the engine is gone.
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.messages.send(message(reply)).await.ok()?;
        answer.await.ok()
    }
}

fn stopped() -> Result<LoadSummary, Vec<Diagnostic>> {
    let message = "the engine has stopped; nothing was loaded";
    Err(vec![Diagnostic::error(codes::STOPPED, Stage::Evaluation, message)])
}
