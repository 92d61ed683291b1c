//! The process that keeps a host: loads inputs, follows them, shows what happens, and ends when it should.
//!
//! One task decides: it waits for the engine, the inputs, signals and deadlines, and nothing else ends a run.

mod cluster;
mod ending;
mod host;
mod loading;
mod quiet;
mod releases;
mod shared;
mod signals;
mod start;
mod status;
mod summary;
mod switching;

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use homeostat_cluster::exchange::{News, SealingKey};
use homeostat_engine::{AbsPath, Journal, Registry, Store};
use homeostat_model::{Diagnostic, SourceMap};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use cluster::Playing;
pub(crate) use cluster::{Cluster, Keeper, Own, Part, address};
pub(crate) use host::{HostArgs, LimitArgs};
use loading::{Running, woken};
use quiet::Quiet;
pub(crate) use releases::Releases;
use shared::{Hold, Shared, Turn};
pub(crate) use shared::{alone, look};
pub(crate) use signals::{Asked, Signals};
use switching::{Arriving, offered};

use crate::catalog::{self, Read};
use crate::engine::{EngineHandle, EngineOptions, Progress, Stop};
use crate::exit::Exit;
use crate::front::Pool;
use crate::inputs::{Followed, Follower, Inputs};
use crate::mcl::Stores;
use crate::picture;
use crate::place::{Prefix, write_whole};
use crate::terminal::Terminal;
use crate::views::report::{RunFacts, RunResult, report};
use crate::views::{self, Shown};

/// How long SIGTERM lets what is being applied finish.
const GRACE: Duration = Duration::from_secs(90);

/// What is kept, and how the run is shown and ends.
pub(crate) struct Task {
    pub(crate) hostname: Arc<str>,
    pub(crate) inputs: Inputs,
    /// Where the inputs come from, if they are released.
    pub(crate) releases: Option<Releases>,
    /// Where collected resources come from.
    pub(crate) pool: Pool,
    pub(crate) registry: Registry,
    pub(crate) options: EngineOptions,
    /// Whether changes of the inputs are followed.
    pub(crate) follow: bool,
    /// End when everything was settled and quiet for so long.
    pub(crate) quiet_for: Option<Duration>,
    /// Every live host has to be settled and quiet for so long.
    pub(crate) cluster_converged: bool,
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
    /// Where the store is shared: what remembers what was collected, and the key that opens what others sealed to us.
    pub(crate) mirror: Option<(Arc<dyn Store>, SealingKey)>,
    pub(crate) journal: Arc<dyn Journal>,
    /// What programs ask.
    pub(crate) stores: Stores,
    /// The identity of this host, if it has one.
    pub(crate) cluster: Option<(Arc<Cluster>, Keeper)>,
    /// What it is to do in the store of its cluster.
    pub(crate) part: Option<Part>,
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
    shared: Option<Shared>,
    playing: Option<Playing>,
    shown: Shown,
    engine_after: Duration,
    /// When the last load began that was not refused.
    loaded: Instant,
    /// What programs ask.
    stores: Stores,
    /// What the engine has comes from these.
    programs: Running,
    /// What was read since, and does not know enough of the world yet.
    coming: Option<Running>,
    /// The release that this is, if it is one.
    arriving: Option<Arriving>,
    /// Whether the engine has anything.
    has_loaded: bool,
    /// Why the last report could not be written.
    unwritten: Option<String>,
    /// Tells what keeps the host that the run ends.
    ends: watch::Sender<bool>,
}

/// Keeps the host until the run ends. `first` was read before anything was opened.
pub(crate) async fn keep(
    task: Task,
    opened: Opened,
    first: Read,
    mut signals: Signals,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    // Followed from before the first load on: a change during it is not missed.
    let mut follower = if task.follow { follower(&task.inputs) } else { None };
    let mut beside = JoinSet::new();
    let (mut agent, notes) = start::start(task, opened, first, &mut beside, terminal).await?;
    let end = match agent.begin_first(notes).await {
        Ok(()) => agent.wait(&mut signals, &mut follower).await,
        Err(error) => Err(error),
    };
    match end {
        Ok(end) => agent.finish(end, &mut signals).await,
        Err(error) => {
            agent.engine.stop(Stop::Cancel).await;
            agent.shown.finish(None);
            Err(error)
        }
    }
}

impl Agent<'_> {
    /// The first load. Where nothing was released yet, there is nothing to load, and nothing that was declared before is undone.
    async fn begin_first(&mut self, notes: Vec<Diagnostic>) -> anyhow::Result<()> {
        let waits = self.task.releases.as_ref().is_some_and(|releases| releases.first().is_none());
        if let Some(releases) = &mut self.task.releases {
            releases.begin();
        }
        if waits {
            self.terminal.say("nothing is released for this host yet\n");
            return Ok(());
        }
        match self.begin(notes).await {
            Err(error) if !self.waits_for_another(&error) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// A picture that cannot be written is no reason to stop keeping the host.
    async fn write_graph(&self) {
        let Some(path) = &self.task.graphviz else { return };
        let graph = self.engine.graph().await;
        let text = picture::dot("homeostat", &graph);
        if let Err(error) = write_whole(path, text.as_bytes()) {
            tracing::error!("cannot write to {}: {error}", path.display());
        }
    }

    fn show(&self, found: &[Diagnostic], sources: &SourceMap) {
        catalog::show(found, sources, self.terminal);
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
                self.report(self.standing()).await;
            }
            self.observe_release(&now);
            let over_at = if self.has_loaded { self.over_at(&quiet, &now) } else { None };
            if over_at.is_some_and(|over| over <= tokio::time::Instant::now()) {
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
                offer = offered(self.task.releases.as_mut()) => if let Some(offer) = offer {
                    self.take_offer(offer).await;
                },
                Ok(()) = self.shown.hands.changed(), if self.task.releases.is_some() => {}
                turn = next(self.shared.as_mut()) => match turn {
                    Turn::News(news) => self.take(news).await,
                    Turn::Moved => self.look_around().await,
                },
                () = until(over_at) => {}
            }
        }
    }

    /// Whether everything was settled since the last load. A repair after that is what the run is for, and does not undo it.
    fn has_settled(&self) -> bool {
        self.progress.borrow().settled || self.shown.settled.get().is_some_and(|at| at >= self.loaded)
    }

    /// Loads what others export differently.
    async fn take(&mut self, news: News) {
        let Some(shared) = &mut self.shared else { return };
        if shared.take(&self.engine, news).await {
            self.write_graph().await;
        }
    }

    async fn look_around(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.look_around(&self.engine).await;
        }
    }

    /// When it will have been quiet for long enough, here and where else that is waited for, if nothing happens.
    fn over_at(&self, quiet: &Quiet, now: &Progress) -> Option<tokio::time::Instant> {
        let here = quiet.over_at(now)?;
        let hold = self
            .shared
            .as_ref()
            .map_or(Hold::No, |shared| shared.hold(self.task.quiet_for.unwrap_or_default()));
        match hold {
            Hold::No => Some(here),
            Hold::Until(there) => Some(here.max(there)),
            Hold::Unknown => None,
        }
    }

    /// How everything stands, once it is settled.
    fn standing(&self) -> RunResult {
        let totals = self.progress.borrow().totals;
        if totals.failed + totals.blocked > 0 { RunResult::Failed } else { RunResult::Converged }
    }

    /// Writes the report, and says whether it is written. Why not is said once.
    async fn report(&mut self, result: RunResult) -> bool {
        let unwritten = self.write_report(result).await.err().map(|error| format!("{error:#}"));
        if let Some(why) = &unwritten
            && self.unwritten != unwritten
        {
            tracing::error!("{why}");
        }
        self.unwritten = unwritten;
        self.unwritten.is_none()
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
            .with_context(|| format!("cannot write to {}", path.display()))
    }

    /// Stops the engine as the end asks for, writes the last report, and says the exit code.
    async fn finish(mut self, end: End, signals: &mut Signals) -> anyhow::Result<Exit> {
        self.ends.send_replace(true);
        match end {
            End::Converged => self.engine.stop(Stop::Graceful).await,
            End::Timeout => self.engine.stop(Stop::Cancel).await,
            End::Interrupted => {
                let again = "; ^C cancels commands that run";
                self.stop_gently(signals, None, again).await;
            }
            End::Terminated { .. } => self.stop_gently(signals, Some(GRACE), "").await,
        }
        let standing = self.standing();
        let result = match end {
            End::Converged | End::Terminated { settled: true } => standing,
            End::Timeout => RunResult::Timeout,
            End::Interrupted | End::Terminated { settled: false } => RunResult::Interrupted,
        };
        if let Some(shared) = self.shared.take() {
            shared.leave().await;
        }
        if let Some(playing) = self.playing.take() {
            playing.end().await;
        }
        let reported = self.report(result).await;
        let totals = views::totals_text(&self.progress.borrow().totals);
        let shown = self.shown.finish(Some(&totals));
        Ok(match (end, standing) {
            (End::Timeout, _) => Exit::Timeout,
            (End::Interrupted, _) => Exit::Interrupted,
            (End::Terminated { settled: false }, _) => Exit::Terminated,
            (End::Converged | End::Terminated { settled: true }, RunResult::Converged)
                if reported && shown =>
            {
                Exit::Done
            }
            (End::Converged | End::Terminated { settled: true }, _) => Exit::NotInOrder,
        })
    }

    /// Lets what is being applied finish, until somebody asks again or the grace is over. `again` says how to ask.
    async fn stop_gently(&self, signals: &mut Signals, grace: Option<Duration>, again: &str) {
        if self.progress.borrow().in_flight > 0 {
            self.terminal.say(&format!("stopping: what is being applied is finished first{again}\n"));
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

/// The files that the inputs were read from.
fn paths(inputs: &Inputs) -> Vec<PathBuf> {
    inputs.files().into_iter().map(|(path, _)| path).collect()
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

async fn next(shared: Option<&mut Shared>) -> Turn {
    match shared {
        Some(shared) => shared.next().await,
        None => pending().await,
    }
}

async fn changed(follower: Option<&mut Follower>) -> std::io::Result<Followed> {
    match follower {
        Some(follower) => follower.changed().await,
        None => pending().await,
    }
}
