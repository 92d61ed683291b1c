//! The process that keeps a host: loads inputs, follows them, shows what happens, and ends when it should.
//!
//! One task decides: it waits for the engine, the inputs, signals and deadlines, and nothing else ends a run.

mod host;
mod quiet;
mod signals;

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use homeostat_engine::{AbsPath, Journal, Registry, Store};
use homeostat_model::{Diagnostic, SourceMap};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

pub(crate) use host::{HostArgs, LimitArgs};
use quiet::Quiet;
use signals::{Asked, Signals};

use crate::catalog::{self, Read};
use crate::engine::{self, Engine, EngineHandle, EngineOptions, Progress, Stop};
use crate::exit::{Exit, refused};
use crate::inputs::{Followed, Follower, Inputs};
use crate::mcl::{Programs, Update};
use crate::picture;
use crate::place::socket::Server;
use crate::place::{Prefix, write_whole};
use crate::terminal::Terminal;
use crate::views::report::{RunFacts, RunResult, report};
use crate::views::{self, Live, Shown};

/// How long SIGTERM lets what is being applied finish.
const GRACE: Duration = Duration::from_secs(90);

/// What is kept, and how the run is shown and ends.
pub(crate) struct Task {
    pub(crate) hostname: Arc<str>,
    pub(crate) inputs: Inputs,
    pub(crate) registry: Registry,
    pub(crate) options: EngineOptions,
    /// Whether changes of the inputs are followed.
    pub(crate) follow: bool,
    /// End when everything was settled and quiet for so long.
    pub(crate) quiet_for: Option<Duration>,
    /// End after so long whatever happens.
    pub(crate) at_most: Option<Duration>,
    pub(crate) graphviz: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
    pub(crate) events: Option<PathBuf>,
    /// When the process started.
    pub(crate) started: (SystemTime, Instant),
}

/// What the prefix gave.
pub(crate) struct Opened {
    pub(crate) prefix: Prefix,
    pub(crate) host: HostArgs,
    pub(crate) root: AbsPath,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) journal: Arc<dyn Journal>,
}

/// Why a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Converged,
    Timeout,
    Interrupted,
    Terminated { settled: bool },
}

/// A run that has started.
struct Agent<'a> {
    task: Task,
    terminal: &'a Terminal,
    engine: EngineHandle,
    progress: watch::Receiver<Progress>,
    shown: Shown,
    engine_after: Duration,
    /// When the last load began that was not refused.
    loaded: Instant,
    /// What the engine has comes from these.
    programs: Running,
    /// What was read since, and does not know enough of the world yet.
    coming: Option<Running>,
    /// Whether the engine has anything.
    has_loaded: bool,
}

/// The programs of one reading of the inputs, with the texts that their places are in.
struct Running {
    programs: Programs,
    sources: Arc<SourceMap>,
    /// What was said of them last.
    said: Vec<Diagnostic>,
}

/// Keeps the host until the run ends. `first` was read before anything was opened.
pub(crate) async fn keep(
    task: Task,
    opened: Opened,
    first: Read,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::new().context("cannot listen to signals")?;
    // Followed from before the first load on: a change during it is not missed.
    let mut follower = if task.follow { follower(&task.inputs) } else { None };
    let mut beside = JoinSet::new();
    match Server::bind(&opened.prefix) {
        Ok(server) => drop(beside.spawn(server.serve(opened.store.clone()))),
        Err(error) => tracing::warn!("commands cannot reach this agent: {error}"),
    }
    let (views, mut shown) = views::start(terminal, &task.hostname, task.events.as_deref())
        .map_err(|error| cannot_write_events(task.events.as_deref(), &error))?;
    let id = opened.prefix.id().context("cannot tell this agent from others")?;
    let host = opened.host.host(&task.hostname, opened.root, opened.store, &id, shown.output())?;
    let engine_after = task.started.1.elapsed();
    let engine = Engine::start(
        task.options.clone(),
        task.registry.clone(),
        host,
        engine::sources().context("cannot watch for events")?,
        opened.journal,
        Box::new(views),
    )
    .await
    .context("cannot start the engine")?;
    let progress = engine.progress();
    if let Some(live) = shown.live.take() {
        beside.spawn(Live::follow(live, engine.clone()));
    }
    let (first, notes) = running(first);
    let mut agent = Agent {
        task,
        terminal,
        engine,
        progress,
        shown,
        engine_after,
        loaded: Instant::now(),
        programs: first,
        coming: None,
        has_loaded: false,
    };
    if let Err(error) = agent.begin(notes).await {
        agent.engine.stop(Stop::Cancel).await;
        agent.shown.finish(None);
        return Err(error);
    }
    match agent.wait(&mut signals, &mut follower).await {
        Ok(end) => agent.finish(end, &mut signals).await,
        Err(error) => {
            agent.engine.stop(Stop::Cancel).await;
            agent.shown.finish(None);
            Err(error)
        }
    }
}

impl Agent<'_> {
    /// Loads what was read first, if that can be said already.
    async fn begin(&mut self, notes: Vec<Diagnostic>) -> anyhow::Result<()> {
        match self.programs.programs.step() {
            Some(Ok(update)) => self.load(update, notes).await,
            Some(Err(wrong)) => Err(self.refuse(wrong)),
            None => {
                self.show(&notes, &self.programs.sources);
                let wrong = self.programs.programs.diagnostics();
                if wrong.is_empty() { Ok(()) } else { Err(self.refuse(wrong)) }
            }
        }
    }

    fn refuse(&self, wrong: Vec<Diagnostic>) -> anyhow::Error {
        self.show(&wrong, &self.programs.sources);
        refused(format!("{}; nothing was touched", crate::diagnostics::counts(&wrong)))
    }

    /// Hands the engine what is desired. The error says that it is refused and what ran before goes on.
    async fn load(&mut self, update: Update, mut diagnostics: Vec<Diagnostic>) -> anyhow::Result<()> {
        let sources = self.programs.sources.clone();
        let origins = self.shown.origins.as_ref();
        let before = origins.map(|origins| origins.replace(sources.clone()));
        let begun = Instant::now();
        let loaded = match update {
            Update::Full(catalog) => self.engine.load(catalog).await,
            Update::Delta(delta) => self.engine.load_delta(delta).await,
        };
        match loaded {
            Ok(summary) => {
                self.loaded = begun;
                self.has_loaded = true;
                diagnostics.extend(summary.notes);
                self.show(&diagnostics, &sources);
            }
            Err(found) => {
                origins.zip(before).map(|(origins, before)| origins.replace(before));
                diagnostics.extend(found);
                self.show(&diagnostics, &sources);
                let counts = crate::diagnostics::counts(&diagnostics);
                return Err(refused(format!("{counts}; nothing was touched")));
            }
        }
        self.write_graph().await;
        Ok(())
    }

    /// The world has said something else: whatever that changes is handed to the engine.
    async fn evaluate(&mut self) {
        if let Some(mut coming) = self.coming.take() {
            let step = coming.programs.step();
            if let Some(Ok(_)) = step {
                self.programs = coming;
                return self.updated(step).await;
            }
            coming.complain(step, self.terminal);
            self.coming = Some(coming);
        }
        let step = self.programs.programs.step();
        self.updated(step).await;
    }

    async fn updated(&mut self, step: Option<Result<Update, Vec<Diagnostic>>>) {
        match step {
            Some(Ok(update)) => {
                self.programs.said.clear();
                if let Err(error) = self.load(update, Vec::new()).await {
                    tracing::debug!("not loaded: {error:#}");
                }
            }
            other => self.programs.complain(other, self.terminal),
        }
    }

    /// A picture that cannot be written is no reason to stop keeping the host.
    async fn write_graph(&self) {
        let Some(path) = &self.task.graphviz else { return };
        let graph = self.engine.graph().await;
        let text = picture::dot("homeostat", &graph);
        if let Err(error) = write_whole(path, text.as_bytes()) {
            tracing::error!("cannot write {}: {error}", path.display());
        }
    }

    fn show(&self, found: &[Diagnostic], sources: &SourceMap) {
        catalog::show(found, sources, self.terminal);
    }

    /// Reads the inputs again; while they are wrong, what ran before goes on.
    async fn load_again(&mut self, follower: &mut Option<Follower>) {
        let before = paths(&self.task.inputs);
        let read = Read::inputs(&mut self.task.inputs, &self.task.registry, &self.task.hostname);
        if follower.is_some() && paths(&self.task.inputs) != before {
            *follower = self::follower(&self.task.inputs);
        }
        if read.is_refused() {
            read.show(self.terminal);
            self.terminal.say("the inputs were not loaded again: what was declared before goes on\n");
            return;
        }
        let (coming, notes) = running(read);
        self.show(&notes, &coming.sources);
        self.coming = Some(coming);
        self.evaluate().await;
    }

    fn say_gone(&self, paths: &[PathBuf]) {
        for path in paths {
            let path = path.to_string_lossy();
            let name = homeostat_model::suggest::printable(&path);
            self.terminal.say(&format!("cannot read `{name}` any more: what was declared before goes on\n"));
        }
    }

    /// Waits for a reason to end.
    async fn wait(&mut self, signals: &mut Signals, follower: &mut Option<Follower>) -> anyhow::Result<End> {
        let last =
            self.task.at_most.map(|at_most| tokio::time::Instant::from_std(self.task.started.1) + at_most);
        let mut reported = None;
        let quiet = Quiet::new(self.task.quiet_for);
        loop {
            let now = self.progress.borrow_and_update().clone();
            if self.has_loaded && now.settled && reported != Some(now.activity) {
                reported = Some(now.activity);
                if let Err(error) = self.write_report(self.standing()).await {
                    tracing::error!("{error:#}");
                }
            }
            if self.has_loaded && quiet.is_over(&now) {
                return Ok(End::Converged);
            }
            tokio::select! {
                biased;
                asked = signals.next() => match asked {
                    Asked::Interrupt => return Ok(End::Interrupted),
                    Asked::Terminate => return Ok(End::Terminated { settled: self.has_settled() }),
                    Asked::Reload => self.load_again(follower).await,
                },
                () = until(last) => return Ok(End::Timeout),
                changed = changed(follower.as_mut()) => match changed {
                    Ok(Followed::Changed) => self.load_again(follower).await,
                    Ok(Followed::Gone(paths)) => self.say_gone(&paths),
                    Err(error) => {
                        tracing::error!("the inputs are no longer followed: {error}");
                        *follower = None;
                    }
                },
                () = woken(&self.programs, self.coming.as_ref()) => self.evaluate().await,
                changed = self.progress.changed() => changed.context("the engine ended by itself")?,
                () = until(quiet.over_at(&now)), if self.has_loaded => {}
            }
        }
    }

    /// Whether everything was settled since the last load. A repair after that is what the run is for, and does not undo it.
    fn has_settled(&self) -> bool {
        self.progress.borrow().settled || self.shown.settled.get().is_some_and(|at| at >= self.loaded)
    }

    /// How everything stands, once it is settled.
    fn standing(&self) -> RunResult {
        let totals = self.progress.borrow().totals;
        if totals.failed + totals.blocked > 0 { RunResult::Failed } else { RunResult::Converged }
    }

    async fn write_report(&self, result: RunResult) -> anyhow::Result<()> {
        let Some(path) = &self.task.report else {
            return Ok(());
        };
        let (started, clock) = self.task.started;
        let names = self.task.inputs.names();
        let facts = RunFacts {
            host: &self.task.hostname,
            inputs: &names,
            result,
            started,
            duration: clock.elapsed(),
            converged_after: self.shown.settled.get().map(|at| at.saturating_duration_since(clock)),
            engine_after: self.engine_after,
        };
        let json = report(&facts, &self.engine.status().await);
        write_whole(path, format!("{json:#}\n").as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Stops the engine as the end asks for, writes the last report, and says the exit code.
    async fn finish(self, end: End, signals: &mut Signals) -> anyhow::Result<Exit> {
        match end {
            End::Converged => self.engine.stop(Stop::Graceful).await,
            End::Timeout => self.engine.stop(Stop::Cancel).await,
            End::Interrupted => self.stop_gently(signals, None).await,
            End::Terminated { .. } => self.stop_gently(signals, Some(GRACE)).await,
        }
        let standing = self.standing();
        let result = match end {
            End::Converged | End::Terminated { settled: true } => standing,
            End::Timeout => RunResult::Timeout,
            End::Interrupted | End::Terminated { settled: false } => RunResult::Interrupted,
        };
        let written = self.write_report(result).await;
        let totals = views::totals_text(&self.progress.borrow().totals);
        self.shown.finish(Some(&totals));
        written?;
        Ok(match (end, standing) {
            (End::Timeout, _) => Exit::Timeout,
            (End::Interrupted, _) => Exit::Interrupted,
            (End::Terminated { settled: false }, _) => Exit::Terminated,
            (End::Converged | End::Terminated { settled: true }, RunResult::Converged) => Exit::Done,
            (End::Converged | End::Terminated { settled: true }, _) => Exit::NotInOrder,
        })
    }

    /// Lets what is being applied finish, until somebody asks again or the grace is over.
    async fn stop_gently(&self, signals: &mut Signals, grace: Option<Duration>) {
        if self.progress.borrow().in_flight > 0 {
            self.terminal
                .say("stopping: what is being applied is finished first; ^C cancels commands that run\n");
        }
        let deadline = grace.map(|grace| tokio::time::Instant::now() + grace);
        let gentle = self.engine.stop(Stop::Graceful);
        tokio::pin!(gentle);
        loop {
            tokio::select! {
                () = &mut gentle => return,
                asked = signals.next() => match asked {
                    Asked::Interrupt | Asked::Terminate => break,
                    Asked::Reload => {}
                },
                () = until(deadline) => break,
            }
        }
        self.engine.stop(Stop::Cancel).await;
    }
}

impl Running {
    /// Says why nothing new is declared, once.
    fn complain(&mut self, step: Option<Result<Update, Vec<Diagnostic>>>, terminal: &Terminal) {
        let wrong = match step {
            Some(Err(wrong)) => wrong,
            Some(Ok(_)) | None => self.programs.diagnostics(),
        };
        if wrong != self.said {
            catalog::show(&wrong, &self.sources, terminal);
            if !wrong.is_empty() {
                terminal.say("what was declared before goes on\n");
            }
            self.said = wrong;
        }
    }
}

/// Starts the programs that were read; what was found besides is to be shown.
fn running(read: Read) -> (Running, Vec<Diagnostic>) {
    let Read { catalog, programs, diagnostics, sources } = read;
    let programs = Programs::start(catalog, programs);
    (Running { programs, sources: Arc::new(sources), said: Vec::new() }, diagnostics)
}

/// The files that the inputs were read from.
fn paths(inputs: &Inputs) -> Vec<PathBuf> {
    inputs.files().into_iter().map(|(path, _)| path).collect()
}

/// Waits until a program has something to do.
async fn woken(programs: &Running, coming: Option<&Running>) {
    match coming {
        Some(coming) => tokio::select! {
            () = programs.programs.woken() => {}
            () = coming.programs.woken() => {}
        },
        None => programs.programs.woken().await,
    }
}

fn cannot_write_events(path: Option<&Path>, error: &std::io::Error) -> anyhow::Error {
    match path {
        Some(path) => refused(format!("cannot write events to {}: {error}", path.display())),
        None => refused(format!("cannot show what happens: {error}")),
    }
}

/// Inputs that cannot be followed are no reason not to keep the host.
fn follower(inputs: &Inputs) -> Option<Follower> {
    Follower::new(&inputs.files())
        .inspect_err(|error| tracing::error!("the inputs are not followed, SIGHUP loads them again: {error}"))
        .ok()
}

async fn until(when: Option<tokio::time::Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}

async fn changed(follower: Option<&mut Follower>) -> std::io::Result<Followed> {
    match follower {
        Some(follower) => follower.changed().await,
        None => pending().await,
    }
}
