//! The scheduler: a state machine without input, output, tasks or a clock of its own.
//!
//! It owns the graph. What happens comes in as method calls that carry the time; what is to be done comes out as [`Command`]s, and
//! what happened as [`Event`]s. Whoever drives it runs the commands, in parallel, and reports how they ended. So a test
//! can drive a million schedules in a minute, and the real engine is a thin loop around it.
//!
//! The life of a vertex: *dirty* (something may have changed) → its predecessors are done → checked → drifted → owed refreshes made
//! durable → batch or permits → applied → done, and successors are told. A wake at any point makes it dirty again, and a
//! drift that is older than a wake is looked at again before it is applied.

mod account;
mod advance;
mod batch;
mod compare;
mod elsewhere;
mod finish;
mod flow;
mod going;
mod load;
mod pace;
mod permits;
mod redeclare;
mod refresh;
mod seldom;
mod send;
mod state;
#[cfg(test)]
mod tests;
mod timers;
mod turns;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeostat_model::{ResourceId, Value};

use crate::event::{Cause, Event, EventKind, Totals};
use crate::graph::Graph;
use crate::journal::Record;
use crate::resource::{Applied, Causes, Change, Check, Drift, Failure, Obstacle, Outputs};
use crate::source::VertexKey;

pub(crate) use account::Standpoint;
pub(crate) use load::{GraphDiff, Incoming, LoadError, Moved, NewEdge, NewSend};
pub(crate) use pace::Flapping;
use permits::Permits;
use state::{Leaving, State};
pub(crate) use undo::opposite_order;

/// Rechecks in a row of a drift that wakes keep making stale, before it is applied all the same.
const RECHECKS_MAX: u8 = 8;

/// What the scheduler must know of a resource. Everything else about it is for whoever runs the commands.
pub(crate) trait Subject: Clone {
    /// Whether a declaration that replaces this one watches the same things.
    fn same_watches(&self, newer: &Self) -> bool;
    /// Which others it may be applied with.
    fn batch_key(&self) -> Option<Arc<str>>;
    /// Whether being applied because of a wake means that somebody else changed it.
    fn repairs(&self) -> bool;
    /// Whether it stands for something of another host, so that nobody may know how it stands.
    fn is_elsewhere(&self) -> bool;
}

/// How the scheduler treats everybody.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Nobody is applied; everybody reports.
    pub(crate) noop: bool,
    /// Checks and applies in flight.
    pub(crate) parallel: usize,
    /// A semaphore over all applies.
    pub(crate) semaphore: Option<std::num::NonZeroU32>,
    /// Whether claims make edges.
    pub(crate) autoedges: bool,
    /// Whether batches are made.
    pub(crate) batch: bool,
    /// Failed attempts after which a vertex counts as settled, unless its own `retry` says otherwise.
    pub(crate) attempts: u32,
    /// Nobody is tried again by itself who counts as settled: the run ends then.
    pub(crate) once: bool,
    /// When repairs of one vertex are too many.
    pub(crate) flapping: Option<Flapping>,
}

/// Something to be run. Each is answered by one of the scheduler's `*_ended` methods.
#[derive(Debug)]
pub(crate) enum Command<R, D> {
    /// Look. Answer: [`Scheduler::check_ended`].
    Check(CheckJob<R>),
    /// Change. Answer: [`Scheduler::apply_ended`].
    Apply(ApplyJob<R, D>),
    /// Change several in one operation. Answer: [`Scheduler::batch_ended`].
    Batch(BatchJob<R, D>),
    /// Make durable. Answer: [`Scheduler::record_ended`], if there is a ticket.
    Record(Option<Ticket>, Vec<Record>),
    /// End the watches of a vertex that is gone.
    Disarm(VertexKey),
}

/// A job for one declaration of one vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    pub(crate) key: VertexKey,
    /// Counts the declarations of the vertex: an answer for an older one is void.
    pub(crate) version: u32,
}

/// Values for parameters, by name. Equal versions are equal values.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) version: u32,
    pub(crate) values: Arc<Vec<(Arc<str>, Value)>>,
}

/// What a check does about watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    /// They are armed, or there are none.
    No,
    /// Nothing was armed before.
    First,
    /// Others may be armed, and end.
    Anew,
}

#[derive(Debug)]
pub(crate) struct CheckJob<R> {
    pub(crate) ticket: Ticket,
    pub(crate) resource: R,
    pub(crate) causes: Causes,
    pub(crate) received: Option<Received>,
    /// Arm the watches before looking.
    pub(crate) arm: Arm,
    /// If it drifted, capture what would undo it.
    pub(crate) capture: bool,
    /// If it drifted, foretell what applying it would bring: it will not be applied.
    pub(crate) foretell: bool,
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct ApplyJob<R, D> {
    pub(crate) ticket: Ticket,
    pub(crate) resource: R,
    pub(crate) causes: Causes,
    pub(crate) received: Option<Received>,
    /// What to mend; none when only a refresh is owed.
    pub(crate) drift: Option<D>,
    /// Refresh after that, unless the apply covers it.
    pub(crate) refresh: bool,
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct BatchJob<R, D> {
    pub(crate) id: u64,
    pub(crate) members: Vec<(Ticket, R, Option<Received>, D)>,
    pub(crate) timeout: Option<Duration>,
}

/// What a check brought.
#[derive(Debug)]
pub(crate) struct CheckEnd<D> {
    pub(crate) check: Check<D>,
    pub(crate) undo: Option<homeostat_model::Params>,
    pub(crate) foretold: Foretold,
}

/// What applying a drift would bring, where it is only reported.
#[derive(Debug, Default)]
pub(crate) struct Foretold {
    /// What it would send, where that is known.
    pub(crate) outputs: Option<Outputs>,
    /// Why it would fail.
    pub(crate) obstacles: Vec<Obstacle>,
}

/// What an apply brought.
#[derive(Debug)]
pub(crate) struct ApplyEnd {
    pub(crate) applied: Applied,
    pub(crate) changes: Vec<Change>,
    /// Whether a refresh was run besides.
    pub(crate) refreshed: bool,
    /// Why the refresh after the change failed; the change is true all the same.
    pub(crate) refresh_failed: Option<Failure>,
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct Scheduler<R, D> {
    pub(crate) graph: Graph<State<R, D>>,
    policy: Policy,
    now: Duration,
    wall: SystemTime,
    /// What may be started.
    turns: turns::Turns,
    in_flight: usize,
    stopping: bool,
    permits: Permits,
    batches: BTreeMap<(homeostat_model::KindName, Arc<str>), batch::Batch>,
    running_batches: BTreeMap<u64, batch::Running>,
    next_batch: u64,
    /// Batches that may be complete now.
    closing: Vec<(homeostat_model::KindName, Arc<str>)>,
    timers: timers::Timers,
    /// Vertices whose standing may have changed since the last accounting.
    touched: Vec<u32>,
    totals: Totals,
    unsettled: usize,
    /// Nothing happened since it was said last. A look that finds nothing new, as after each change of ours, is no news.
    settled_said: bool,
    /// Refreshes that were owed when we started, for vertices that were not there yet.
    owed_before: BTreeMap<ResourceId, Vec<ResourceId>>,
    elsewhere: elsewhere::Elsewhere,
    /// Those that go once they are in order, or undone.
    going: BTreeSet<VertexKey>,
    /// Vertices that can be undone.
    with_former: usize,
    /// Counts the received values of everybody: equal versions are equal values.
    values_version: u32,
    commands: Vec<Command<R, D>>,
    events: Vec<Event>,
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            graph: Graph::new(),
            permits: Permits::new(policy.semaphore),
            policy,
            now: Duration::ZERO,
            wall: SystemTime::UNIX_EPOCH,
            turns: turns::Turns::default(),
            in_flight: 0,
            stopping: false,
            batches: BTreeMap::new(),
            running_batches: BTreeMap::new(),
            next_batch: 0,
            closing: Vec::new(),
            timers: timers::Timers::default(),
            touched: Vec::new(),
            totals: Totals::default(),
            unsettled: 0,
            settled_said: false,
            owed_before: BTreeMap::new(),
            elsewhere: elsewhere::Elsewhere::default(),
            going: BTreeSet::new(),
            with_former: 0,
            values_version: 0,
            commands: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Says what time it is: since the start, and by the wall clock for events.
    pub(crate) fn set_time(&mut self, now: Duration, wall: SystemTime) {
        self.now = self.now.max(now);
        self.wall = wall;
    }

    /// Source events: these vertices must be looked at again. Those at rest that are seen to be unchanged stay at rest.
    pub(crate) fn woken(
        &mut self,
        keys: impl IntoIterator<Item = VertexKey>,
        cause: Causes,
        is_unchanged: impl Fn(&ResourceId, &R) -> bool,
    ) {
        for key in keys {
            let Some(at) = self.graph.resolve(key) else { continue };
            let vertex = self.graph.at_mut(at);
            if vertex.data.is_at_rest() && is_unchanged(&vertex.id, &vertex.data.resource) {
                vertex.data.counts.checks += 1;
            } else {
                self.wake(at, cause);
            }
        }
        self.pump();
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self) {
        self.fire_timers();
        self.pump();
    }

    /// When [`Scheduler::tick`] must be called next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Starts nothing any more; what is in flight ends.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.turns.clear();
    }

    /// How many checks and applies were started and have not ended.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether every vertex is done, failed, blocked or waiting, with nothing running.
    pub(crate) fn is_settled(&self) -> bool {
        self.unsettled == 0
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// What is to be run, in order.
    pub(crate) fn take_commands(&mut self) -> Vec<Command<R, D>> {
        std::mem::take(&mut self.commands)
    }

    /// What happened, in order.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn state(&self, at: u32) -> &State<R, D> {
        &self.graph.at(at).data
    }

    fn state_mut(&mut self, at: u32) -> &mut State<R, D> {
        // Mostly one is touched many times in a row.
        if self.touched.last() != Some(&at) {
            self.touched.push(at);
        }
        &mut self.graph.at_mut(at).data
    }

    fn ticket(&self, at: u32) -> Ticket {
        Ticket { key: self.graph.key(at), version: self.state(at).version }
    }

    fn event(&mut self, at: Option<u32>, causes: Causes, duration: Option<Duration>, kind: EventKind) {
        self.settled_said = matches!(kind, EventKind::Settled(_));
        let goes = at.is_some_and(|at| matches!(self.state(at).leaving, Leaving::Now | Leaving::WhenUndone));
        let is_declared = !goes && kind != EventKind::Removed;
        let state = at.map(|at| self.state(at));
        self.events.push(Event {
            time: self.wall,
            since_start: self.now,
            id: at.map(|at| self.graph.at(at).id.clone()),
            origin: state.filter(|_| is_declared).and_then(|state| state.origin),
            severity: kind.severity(state.is_some_and(|state| state.meta.noop && !self.policy.noop)),
            cause: if is_declared { cause_of(causes) } else { Cause::Removed },
            duration,
            kind,
        });
    }

    /// Ends a stretch of transitions: dispatches what may start, and counts.
    fn pump(&mut self) {
        loop {
            self.close_batches();
            self.dispatch();
            if self.closing.is_empty() {
                break;
            }
        }
        self.account();
    }
}

/// The most telling of several causes.
fn cause_of(causes: Causes) -> Cause {
    const BY_WEIGHT: [(Causes, Cause); 7] = [
        (Causes::DECLARED, Cause::Declared),
        (Causes::ASKED, Cause::Asked),
        (Causes::RECEIVED, Cause::Received),
        (Causes::WAKE, Cause::Wake),
        (Causes::PREDECESSOR, Cause::Predecessor),
        (Causes::POLL, Cause::Poll),
        (Causes::RETRY, Cause::Retry),
    ];
    let found = BY_WEIGHT.iter().find(|(bit, _)| causes.any(*bit));
    found.map_or(Cause::Engine, |(_, cause)| *cause)
}
