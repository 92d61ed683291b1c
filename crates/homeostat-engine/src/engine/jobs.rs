//! What runs beside the graph's task: checks, applies and batches, each a future.
//!
//! Most kinds never wait for anything, so jobs are polled once where they stand, many in one task; only one that has to wait becomes
//! a task of its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::looks::Looks;
use super::panics::caught;
use super::run::Message;
use super::subject::Managed;
use crate::host::Host;
use crate::registry::Registry;
use crate::resource::{
    Applied, Causes, Change, Check, Description, Drift, DynCheck, DynDrift, Failure, Obstacle,
};
use crate::scheduler::{ApplyEnd, ApplyJob, Arm, BatchJob, CheckEnd, CheckJob, Foretold, Ticket};
use crate::source::{Source, VertexKey, Wakes};

pub(super) type AnyDrift = Box<dyn DynDrift>;

/// How a job ended.
pub(super) enum Ended {
    /// And whether what was to be watched is.
    Check(Ticket, Result<CheckEnd<AnyDrift>, Failure>, Duration, bool),
    Apply(Ticket, Result<ApplyEnd, Failure>, Duration),
    Batch(u64, Result<Vec<ApplyEnd>, Failure>, Duration),
}

pub(super) type Job = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// What is to be run. It becomes a future only where that is polled, so hundreds that wait take no more than what they are made of, and
/// those that end at once take the same memory one after the other.
pub(super) enum Work {
    Check(CheckJob<Managed>),
    Apply(ApplyJob<Managed, AnyDrift>),
    Batch(BatchJob<Managed, AnyDrift>),
}

impl Work {
    pub(super) fn begin(self, tools: &Arc<Tools>) -> Job {
        match self {
            Self::Check(job) => tools.clone().check(job),
            Self::Apply(job) => tools.clone().apply(job),
            Self::Batch(job) => tools.clone().batch(job),
        }
    }
}

/// What every job may use.
pub(super) struct Tools {
    pub(super) registry: Registry,
    pub(super) host: Host,
    pub(super) sources: Vec<Arc<dyn Source>>,
    pub(super) wakes: Wakes,
    pub(super) looks: Looks,
    /// Whether anything is watched.
    pub(super) watch: bool,
}

impl Drift for AnyDrift {
    fn changes(&self) -> Vec<Change> {
        (**self).changes()
    }

    fn description(&self) -> Description {
        (**self).description()
    }
}

/// Polls each job once; what is not ready then goes back to become a task of its own.
pub(super) async fn run_chunk(chunk: Vec<Work>, tools: Arc<Tools>, out: mpsc::WeakSender<Message>) {
    let mut ended = Vec::with_capacity(chunk.len());
    let mut waiting = Vec::new();
    for work in chunk {
        let mut job = work.begin(&tools);
        match poll_fn(|cx| Poll::Ready(job.as_mut().poll(cx))).await {
            Poll::Ready(end) => ended.push(end),
            Poll::Pending => waiting.push(job),
        }
    }
    if let Some(out) = out.upgrade() {
        // The receiver is gone only when the engine is.
        out.send(Message::Ran { ended, waiting }).await.ok();
    }
}

/// Runs one job to its end.
pub(super) async fn run_alone(job: Job, out: mpsc::WeakSender<Message>) {
    let ended = vec![job.await];
    if let Some(out) = out.upgrade() {
        out.send(Message::Ran { ended, waiting: Vec::new() }).await.ok();
    }
}

/// Within the deadline, and without a panic reaching anybody. What is over its deadline has ended when this returns.
///
/// The work stays where its caller pinned it: a future that takes another one in holds it once more for each step on its way.
async fn guarded<T>(
    mut work: Pin<&mut Option<impl Future<Output = Result<T, Failure>> + Send>>,
    deadline: Option<Duration>,
    host: &Host,
) -> Result<T, Failure> {
    let Some(deadline) = deadline else { return without_panic(work).await };
    if let Ok(result) = tokio::time::timeout(deadline, without_panic(work.as_mut())).await {
        return result;
    }
    work.set(None);
    // Its commands may take a while to end, and the next attempt must not run beside them.
    host.processes().ended().await;
    Err(Failure::transient(format!("not done within its timeout of {} s", deadline.as_secs())))
}

/// A panic becomes a failure.
fn without_panic<T>(
    mut work: Pin<&mut Option<impl Future<Output = Result<T, Failure>> + Send>>,
) -> impl Future<Output = Result<T, Failure>> + Send {
    poll_fn(move |cx| match work.as_mut().as_pin_mut() {
        Some(work) => caught(|| work.poll(cx)).unwrap_or_else(|failure| Poll::Ready(Err(failure))),
        None => unreachable!("it is taken away only when nobody polls it any more"),
    })
}

impl Tools {
    fn check(self: Arc<Self>, job: CheckJob<Managed>) -> Job {
        Box::pin(async move {
            let started = Instant::now();
            let ticket = job.ticket;
            let deadline = job.timeout;
            let resource = job.resource.clone();
            let armed = AtomicBool::new(job.arm == Arm::No);
            let look = pin!(Some(self.look(job, started, &armed)));
            let result = guarded(look, deadline, &self.host).await;
            let result = result.map_err(|failure| resource.redact_failure(failure));
            Ended::Check(ticket, result, started.elapsed(), armed.load(Ordering::Relaxed))
        })
    }

    async fn look(
        &self,
        job: CheckJob<Managed>,
        started: Instant,
        armed: &AtomicBool,
    ) -> Result<CheckEnd<AnyDrift>, Failure> {
        let managed = job.resource.with(job.received.as_ref(), &self.registry)?;
        self.arm(&managed, job.ticket.key, job.arm);
        armed.store(true, Ordering::Relaxed);
        let received = job.received.iter().flat_map(|received| received.values.iter());
        let received: Vec<&str> = received.map(|(param, _)| &**param).collect();
        managed.resource().expects(&received)?;
        let check = self.check_now(&managed, job.ticket.key, job.causes, started).await;
        let check = check.map_err(|failure| managed.redact_failure(failure))?;
        let drifted = matches!(check, Check::Drifted(_));
        let undo = if drifted && job.capture {
            managed
                .resource()
                .clone()
                .capture(self.host.clone())
                .await
                .map_err(|failure| managed.redact_failure(failure))?
        } else {
            None
        };
        let mut foretold = Foretold::default();
        let check = match check {
            // What is only reported is put in words here, where a panic fails the vertex and nobody else.
            Check::Drifted(drift) if job.foretell => {
                let changes = managed.redact_changes(Drift::changes(&drift));
                foretold.outputs = managed.resource().foretell();
                foretold.obstacles = self.obstacles(&managed, drift).await;
                Check::Drifted(Box::new(InWords(changes)) as AnyDrift)
            }
            Check::Drifted(drift) => Check::Drifted(redacted(drift, &managed)),
            Check::Converged(outputs) => Check::Converged(managed.redact_outputs(outputs)),
        };
        Ok(CheckEnd { check, undo, foretold })
    }

    async fn obstacles(&self, managed: &Managed, drift: AnyDrift) -> Vec<Obstacle> {
        let mut obstacles = managed.resource().clone().obstacles(self.host.clone(), drift).await;
        for obstacle in &mut obstacles {
            obstacle.failure = managed.redact_failure(obstacle.failure.clone());
        }
        obstacles
    }

    async fn check_now(
        &self,
        managed: &Managed,
        vertex: VertexKey,
        causes: Causes,
        started: Instant,
    ) -> Result<DynCheck, Failure> {
        let resource = managed.resource().clone();
        match managed.prefetch_key() {
            None => resource.check(self.host.clone(), causes).await,
            Some(key) => {
                let look = self.looks.get(key, vertex, managed, &self.host, causes, started).await?;
                resource.check_prefetched(self.host.clone(), causes, look).await
            }
        }
    }

    fn arm(&self, managed: &Managed, vertex: VertexKey, arm: Arm) {
        if arm == Arm::No || !self.watch {
            return;
        }
        if arm == Arm::Anew {
            self.disarm(vertex);
        }
        for watch in managed.resource().watches() {
            match self.sources.iter().find(|source| source.serves(&watch)) {
                Some(source) => source.arm(&watch, vertex),
                None => self.wakes.note(format!("nothing on this host watches {watch:?}")),
            }
        }
    }

    pub(super) fn disarm(&self, vertex: VertexKey) {
        // Sources are started only by those who watch.
        if !self.watch {
            return;
        }
        for source in &self.sources {
            source.disarm(vertex);
        }
    }

    fn apply(self: Arc<Self>, job: ApplyJob<Managed, AnyDrift>) -> Job {
        Box::pin(async move {
            let started = Instant::now();
            let ticket = job.ticket;
            let deadline = job.timeout;
            let resource = job.resource.clone();
            let result = guarded(pin!(Some(self.change(job))), deadline, &self.host).await;
            let result = result.map_err(|failure| resource.redact_failure(failure));
            Ended::Apply(ticket, result, started.elapsed())
        })
    }

    async fn change(&self, job: ApplyJob<Managed, AnyDrift>) -> Result<ApplyEnd, Failure> {
        let managed = job.resource.with(job.received.as_ref(), &self.registry)?;
        let resource = managed.resource();
        let redact = |failure| managed.redact_failure(failure);
        let mut changes = Vec::new();
        let mut applied = Applied::done();
        let changed = job.drift.is_some();
        if let Some(drift) = job.drift {
            let description = Drift::description(&drift);
            let drift = inner(drift);
            applied = resource.clone().apply(self.host.clone(), job.causes, drift).await.map_err(redact)?;
            changes = description();
            self.end_look(&managed);
        }
        let refresh = job.refresh && !applied.covers_refresh;
        let mut refresh_failed = None;
        if refresh {
            let refreshed = resource.clone().refresh(self.host.clone(), job.causes).await.map_err(redact);
            self.end_look(&managed);
            match refreshed {
                Ok(outputs) if !outputs.is_empty() => applied.outputs = outputs,
                Ok(_) => {}
                Err(failure) if changed => refresh_failed = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        applied.outputs = managed.redact_outputs(applied.outputs);
        Ok(ApplyEnd { applied, changes, refreshed: refresh && refresh_failed.is_none(), refresh_failed })
    }

    /// What was seen before we changed something is no longer right.
    fn end_look(&self, managed: &Managed) {
        if let Some(key) = managed.prefetch_key() {
            self.looks.renew(key);
        }
    }

    fn batch(self: Arc<Self>, job: BatchJob<Managed, AnyDrift>) -> Job {
        Box::pin(async move {
            let started = Instant::now();
            let (id, deadline) = (job.id, job.timeout.filter(|deadline| !deadline.is_zero()));
            let members: Vec<Managed> = job.members.iter().map(|member| member.1.clone()).collect();
            let result = guarded(pin!(Some(self.change_batch(job))), deadline, &self.host).await;
            let redact = |failure, member: &Managed| member.redact_failure(failure);
            let result = result.map_err(|failure| members.iter().fold(failure, redact));
            Ended::Batch(id, result, started.elapsed())
        })
    }

    async fn change_batch(&self, job: BatchJob<Managed, AnyDrift>) -> Result<Vec<ApplyEnd>, Failure> {
        let mut batch = Vec::with_capacity(job.members.len());
        let mut changes = Vec::with_capacity(job.members.len());
        let mut members = Vec::with_capacity(job.members.len());
        for (_, resource, received, drift) in job.members {
            let managed = resource.with(received.as_ref(), &self.registry)?;
            changes.push(Drift::changes(&drift));
            batch.push((managed.resource().clone(), inner(drift)));
            members.push(managed);
        }
        let Some(first) = members.first() else { return Ok(Vec::new()) };
        let applied = first.resource().clone().apply_batch(self.host.clone(), batch).await;
        members.iter().for_each(|member| self.end_look(member));
        let applied = applied.map_err(|failure| {
            members.iter().fold(failure, |failure, member| member.redact_failure(failure))
        })?;
        if applied.len() != changes.len() {
            return Err(Failure::permanent(
                "the program itself failed: a batch of its kind came back with other members",
            ));
        }
        let ends = applied.into_iter().zip(changes).zip(members).map(|((mut applied, changes), member)| {
            applied.outputs = member.redact_outputs(applied.outputs);
            ApplyEnd { applied, changes, refreshed: false, refresh_failed: None }
        });
        Ok(ends.collect())
    }
}

/// A drift that nobody will apply.
struct InWords(Vec<Change>);

impl Drift for InWords {
    fn changes(&self) -> Vec<Change> {
        self.0.clone()
    }
}

/// A drift that shows its changes redacted.
struct Redacted {
    drift: AnyDrift,
    managed: Managed,
}

fn redacted(drift: AnyDrift, managed: &Managed) -> AnyDrift {
    if managed.has_secrets() { Box::new(Redacted { drift, managed: managed.clone() }) } else { drift }
}

/// The drift that the kind found.
fn inner(drift: AnyDrift) -> AnyDrift {
    if drift.is::<Redacted>() {
        match drift.into_any().downcast::<Redacted>() {
            Ok(redacted) => redacted.drift,
            Err(_) => unreachable!("it was asked what it is"),
        }
    } else {
        drift
    }
}

impl Drift for Redacted {
    fn changes(&self) -> Vec<Change> {
        self.managed.redact_changes(Drift::changes(&self.drift))
    }

    fn description(&self) -> Description {
        let (managed, description) = (self.managed.clone(), Drift::description(&self.drift));
        Box::new(move || managed.redact_changes(description()))
    }
}
