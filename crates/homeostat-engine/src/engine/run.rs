//! The task that owns the graph: what comes is handled one after the other.

mod ending;
mod follow;
mod telling;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use homeostat_model::{Catalog, CatalogDelta, Diagnostic, ResourceId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::jobs::{self, AnyDrift, Ended, Job, Tools};
use super::known::Known;
use super::loader::Loader;
use super::looks::Looks;
use super::subject::Managed;
use super::view::{GraphView, VertexStatus};
use super::{EngineOptions, EventSink, LoadSummary, Mode, Progress, Stands, Stop, plan, records};
use crate::host::Host;
use crate::journal::Journal;
use crate::registry::Registry;
use crate::resource::{Causes, Change, Failure};
use crate::scheduler::{Scheduler, Ticket};
use crate::source::{Source, Wakes};

/// Messages that are taken in one go before what follows from them is done.
const AT_ONCE_MAX: usize = 64;

type Loaded = Result<LoadSummary, Vec<Diagnostic>>;

/// What the graph's task is told and asked.
pub(super) enum Message {
    LoadFull(Box<Catalog>, oneshot::Sender<Loaded>),
    LoadDelta(Box<CatalogDelta>, oneshot::Sender<Loaded>),
    Ran { ended: Vec<Ended>, waiting: Vec<Job> },
    Recorded(Vec<Ticket>, Result<(), Failure>),
    Status(oneshot::Sender<Vec<VertexStatus>>),
    Graph(oneshot::Sender<GraphView>),
    Running(usize, oneshot::Sender<Vec<ResourceId>>),
    PlanFacts(oneshot::Sender<Vec<plan::Fact>>),
    Note(String),
    Stop(Stop, oneshot::Sender<()>),
}

impl Message {
    /// Whether something happened. Who only asks how things stand must not keep them from being quiet.
    fn is_activity(&self) -> bool {
        match self {
            Self::LoadFull(..)
            | Self::LoadDelta(..)
            | Self::Ran { .. }
            | Self::Recorded(..)
            | Self::Stop(..) => true,
            Self::Status(_) | Self::Graph(_) | Self::Running(..) | Self::PlanFacts(_) | Self::Note(_) => {
                false
            }
        }
    }
}

pub(super) struct GraphTask {
    scheduler: Scheduler<Managed, AnyDrift>,
    loader: Loader,
    tools: Arc<Tools>,
    journal: Arc<dyn Journal>,
    records: Option<records::Queue>,
    sink: Box<dyn EventSink>,
    messages: mpsc::WeakSender<Message>,
    progress: watch::Sender<Progress>,
    stands: watch::Sender<Stands>,
    jobs: JoinSet<()>,
    /// Sources; they end with the graph.
    _sources: JoinSet<()>,
    journal_task: JoinSet<()>,
    /// The last changes of each resource, where they are kept.
    changes: Option<BTreeMap<ResourceId, Vec<Change>>>,
    started: Instant,
    loaded: bool,
    /// Resources that were loaded since memory was given back.
    loaded_lately: usize,
    give_back: fn(),
    /// Where what was found out is kept for the next run.
    known_at: Option<PathBuf>,
    dry: bool,
    stopping: Vec<oneshot::Sender<()>>,
    /// What ran was ended and will not report.
    cancelled: bool,
    activity: u64,
}

impl GraphTask {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        options: EngineOptions,
        registry: Registry,
        host: Host,
        sources: Vec<Arc<dyn Source>>,
        journal: Arc<dyn Journal>,
        sink: Box<dyn EventSink>,
        messages: mpsc::WeakSender<Message>,
        progress: watch::Sender<Progress>,
        stands: watch::Sender<Stands>,
    ) -> io::Result<Self> {
        let wakes = Wakes::new();
        let mut source_tasks = JoinSet::new();
        if options.watch {
            for source in &sources {
                source.clone().start(&host, wakes.clone(), &mut source_tasks)?;
            }
        }
        let known_at = options.known.clone().filter(|_| options.mode == Mode::Apply);
        let known = known_at.as_deref().map(Known::take).unwrap_or_default();
        let loader = Loader::new(host.clone(), known);
        let tools = Tools { registry, host, sources, wakes, looks: Looks::default(), watch: options.watch };
        Ok(Self {
            scheduler: Scheduler::new(options.policy()),
            loader,
            tools: Arc::new(tools),
            journal,
            records: None,
            sink,
            messages,
            progress,
            stands,
            jobs: JoinSet::new(),
            _sources: source_tasks,
            journal_task: JoinSet::new(),
            changes: options.keep_changes.then(BTreeMap::new),
            started: Instant::now(),
            loaded: false,
            loaded_lately: 0,
            give_back: options.give_back,
            known_at,
            dry: options.mode == Mode::Noop,
            stopping: Vec::new(),
            cancelled: false,
            activity: 0,
        })
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        loop {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                message = inbox.recv() => {
                    let Some(message) = message else { return };
                    self.set_time();
                    self.handle(message).await;
                    for _ in 0..AT_ONCE_MAX {
                        let Ok(message) = inbox.try_recv() else { break };
                        self.handle(message).await;
                    }
                }
                () = self.tools.wakes.ready() => self.set_time(),
                Some(ended) = self.jobs.join_next(), if !self.jobs.is_empty() => {
                    reap(ended);
                    self.reap_all();
                    continue;
                }
                () = sleep_until(deadline) => self.set_time(),
            }
            // Whatever it was that came, the others are not kept waiting by a flood of it.
            self.take_wakes();
            if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                self.scheduler.tick();
            }
            self.reap_all();
            self.follow().await;
            if !self.stopping.is_empty() && (self.cancelled || self.scheduler.in_flight() == 0) {
                // Those that were cancelled, and those that watch.
                self.tools.host.processes().close().await;
                self.finish_records(&mut inbox).await;
                return self.answer_late(inbox).await;
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.scheduler.next_deadline().map(|at| self.started + at)
    }

    fn reap_all(&mut self) {
        while let Some(ended) = self.jobs.try_join_next() {
            reap(ended);
        }
    }

    fn set_time(&mut self) {
        self.scheduler.set_time(self.started.elapsed(), self.tools.host.clock().now());
    }

    async fn handle(&mut self, message: Message) {
        self.activity += u64::from(message.is_activity());
        match message {
            Message::LoadFull(catalog, reply) => {
                self.prepare_load().await;
                let registry = self.tools.registry.clone();
                let loaded = self.loader.load_full(&mut self.scheduler, *catalog, &registry);
                if let Ok(summary) = &loaded {
                    self.scheduler.forget_owed_before();
                    self.loaded = true;
                    self.loaded_lately += summary.added + summary.changed;
                }
                self.follow().await;
                reply.send(loaded).ok();
            }
            Message::LoadDelta(delta, reply) => {
                self.prepare_load().await;
                let registry = self.tools.registry.clone();
                let loaded = self.loader.load_delta(&mut self.scheduler, &delta, &registry);
                self.loaded |= loaded.is_ok();
                self.follow().await;
                reply.send(loaded).ok();
            }
            Message::Ran { ended, waiting } => {
                // After a cancelling stop nothing may run on.
                for job in waiting.into_iter().filter(|_| !self.cancelled) {
                    self.jobs.spawn(jobs::run_alone(job, self.messages.clone()));
                }
                ended.into_iter().for_each(|end| self.ended(end));
            }
            Message::Recorded(tickets, result) => {
                for ticket in tickets {
                    self.scheduler.record_ended(ticket, result.clone());
                }
            }
            Message::Status(reply) => {
                reply.send(self.status()).ok();
            }
            Message::Graph(reply) => {
                reply.send(GraphView::from_graph(&self.scheduler.graph)).ok();
            }
            Message::Running(at_most, reply) => {
                reply.send(self.scheduler.running(at_most)).ok();
            }
            Message::PlanFacts(reply) => {
                reply.send(plan::facts(&self.scheduler, self.status())).ok();
            }
            Message::Note(text) => self.note(text),
            Message::Stop(stop, reply) => {
                self.scheduler.stop();
                self.stopping.push(reply);
                if stop == Stop::Cancel {
                    self.jobs.shutdown().await;
                    self.cancelled = true;
                }
            }
        }
    }

    /// The loader must know of all that is being recorded before it decides what can be undone.
    async fn prepare_load(&mut self) {
        self.open_journal().await;
        self.follow().await;
    }

    /// Reads what was durable, once, before the first load.
    async fn open_journal(&mut self) {
        if self.records.is_some() || self.loaded {
            return;
        }
        match self.journal.recorded().await {
            Ok(recorded) => {
                self.scheduler.remember_owed(recorded.intents);
                self.scheduler.remember_elsewhere_before(recorded.done, recorded.counts);
                self.loader.remember_undo(recorded.undo);
            }
            Err(error) => self.note(format!("what an earlier run left cannot be read: {error}")),
        }
        if !self.dry {
            let (queue, receiver) = mpsc::unbounded_channel();
            self.journal_task.spawn(records::run(self.journal.clone(), receiver, self.messages.clone()));
            self.records = Some(queue);
        }
    }

    fn take_wakes(&mut self) {
        let pending = self.tools.wakes.take();
        if pending.vertices.is_empty() && pending.notes.is_empty() {
            return;
        }
        self.activity += 1;
        for note in pending.notes {
            self.note(note);
        }
        let mut woken = pending.vertices;
        let looks: Vec<Arc<str>> = woken.iter().filter_map(|key| self.look_of(*key)).collect();
        for look in looks {
            woken.extend(self.tools.looks.end(&look));
        }
        let host = &self.tools.host;
        self.scheduler.woken(woken, Causes::WAKE, |_, resource| resource.is_unchanged(host));
    }

    fn look_of(&self, key: crate::source::VertexKey) -> Option<Arc<str>> {
        let at = self.scheduler.graph.resolve(key)?;
        self.scheduler.graph.at(at).data.resource.prefetch_key().cloned()
    }
}

/// Jobs catch the panics of kinds; one that comes this far is our own.
fn reap(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
