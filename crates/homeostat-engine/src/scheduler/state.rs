//! What the scheduler keeps of one vertex.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homeostat_model::{Digest, Meta, ResourceId, Span, Value};
use smallvec::SmallVec;

use super::Received;
use super::pace::Pace;
use super::seldom::Seldom;
use crate::event::Outcome;
use crate::journal::{Former, Undo};
use crate::resource::{Causes, Obstacle, Outputs};
use crate::source::VertexKey;

/// Where a vertex is on its way.
#[derive(Debug)]
pub(crate) enum Phase<D> {
    /// Nothing is under way; see whether it is dirty, and whom it waits for.
    Idle,
    /// Waits for permits that others hold; looked at again when it gets them.
    Starved,
    /// In the queue of checks.
    Queued,
    /// Being checked.
    Checking,
    /// Waits until it is durable that these receivers will have to refresh.
    Recording(Box<(Option<D>, Vec<VertexKey>)>),
    /// In a batch that is not closed.
    Batching(D),
    /// In the queue of applies.
    Ready(Option<D>),
    /// Being applied, alone or in a batch.
    Applying,
}

impl<D> Phase<D> {
    /// A job runs for the vertex, and will report.
    pub(crate) fn is_in_flight(&self) -> bool {
        match self {
            Self::Checking | Self::Applying => true,
            Self::Idle
            | Self::Starved
            | Self::Queued
            | Self::Recording(_)
            | Self::Batching(_)
            | Self::Ready(_) => false,
        }
    }
}

/// How the last attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There was none.
    New,
    /// In order.
    InOrder,
    /// Different, and only reported.
    Reported,
    /// Failed.
    Failed(Arc<str>),
    /// Something outside must happen first.
    Waiting(Arc<str>),
    /// Nobody can say, and why.
    Unknown(Arc<str>),
}

/// Why a vertex cannot start: a value that it misses, or whatever hinders the predecessor that it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// These failed.
    Blocked(ResourceId),
    /// This must happen first.
    Waiting(Arc<str>),
}

/// Whether a vertex was in order before, as it is declared now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// Never yet.
    New,
    /// It was.
    Done,
    /// It was, and that survives a restart.
    Recorded,
}

/// A refresh that somebody may owe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owed {
    /// The sender has changed. Until then it has only announced that it might.
    pub(crate) fired: bool,
    /// It survives a crash.
    pub(crate) durable: bool,
}

/// A parameter whose value another vertex sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receive {
    pub(crate) param: Arc<str>,
    pub(crate) from: u32,
    pub(crate) key: Arc<str>,
    pub(crate) value: Option<Value>,
}

/// The parameters that a vertex receives.
#[derive(Debug, Default)]
pub(crate) struct Receives {
    pub(crate) list: Vec<Receive>,
    pub(crate) version: u32,
}

impl Receives {
    /// The values, once all of them are there.
    pub(crate) fn values(&self) -> Option<Received> {
        let values: Option<Vec<_>> =
            self.list.iter().map(|receive| Some((receive.param.clone(), receive.value.clone()?))).collect();
        values.map(|values| Received { version: self.version, values: Arc::new(values) })
    }
}

/// What is armed for a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watching {
    Nothing,
    /// Something, but what it is now watches something else.
    Former,
    /// What it is to watch.
    Current,
}

/// Why a vertex is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It stays.
    No,
    /// It goes when it is in order once.
    WhenDone,
    /// It goes when it has been undone.
    WhenUndone,
    /// It is gone; only a job that runs holds it.
    Now,
}

/// A drift that was reported and lasts.
#[derive(Debug)]
pub(crate) struct Drifting {
    pub(crate) since: Duration,
    /// Of the changes that were told last.
    pub(crate) told: Digest,
}

/// What was done with it so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) checks: u32,
    pub(crate) applies: u32,
    pub(crate) refreshes: u32,
    pub(crate) started: Option<Duration>,
    pub(crate) ended: Option<Duration>,
}

/// One vertex, as the scheduler sees it.
#[derive(Debug)]
pub(crate) struct State<R, D> {
    pub(crate) resource: R,
    pub(crate) digest: Digest,
    pub(crate) meta: Arc<Meta>,
    /// Where it is declared.
    pub(crate) origin: Option<Span>,
    pub(crate) version: u32,
    pub(crate) phase: Phase<D>,
    pub(crate) standing: Standing,
    pub(crate) past: Past,
    /// It must be looked at.
    pub(crate) dirty: bool,
    /// It was said to have failed, and not to have recovered.
    pub(crate) failing: bool,
    /// It was said to be different, and not to be in order again.
    pub(crate) drifting: Option<Box<Drifting>>,
    /// Why bringing it in order would fail, as far as its last report foretold.
    pub(crate) obstacles: Seldom<Vec<Obstacle>>,
    /// An apply failed, so that nobody knows how much of it was done.
    pub(crate) half_applied: bool,
    /// Why, since the last look began.
    pub(crate) causes: Causes,
    /// Why the look or apply under way was begun.
    pub(crate) job_causes: Causes,
    pub(crate) watching: Watching,
    pub(crate) leaving: Leaving,
    /// What undoes it is durable, and this with it.
    pub(crate) former: Option<Box<Former>>,
    /// What undoes it was captured, and must be durable before it is applied.
    pub(crate) undo: Option<Box<Undo>>,
    /// It was changed since it was loaded.
    pub(crate) changed: bool,
    /// Its batch failed, so it is tried alone.
    pub(crate) single: bool,
    /// The permits that it holds.
    pub(crate) permits: Seldom<Vec<homeostat_model::meta::Semaphore>>,
    pub(crate) rechecks: u8,
    /// The predecessor that it waits for.
    pub(crate) waiting_on: Option<u32>,
    /// Where among the predecessors that one was found.
    pub(crate) cursor: u32,
    pub(crate) hindrance: Option<Box<Hindrance>>,
    /// Those that wait for this one.
    pub(crate) waiters: SmallVec<[u32; 2]>,
    /// Refreshes that this one owes, by whose change asks for them.
    pub(crate) owed: Seldom<BTreeMap<ResourceId, Owed>>,
    /// Those that the refresh under way answers.
    pub(crate) refreshing: Seldom<BTreeMap<ResourceId, Owed>>,
    /// Those whom this one told that it might change, until it has.
    pub(crate) announced: Seldom<Vec<VertexKey>>,
    pub(crate) receives: Option<Box<Receives>>,
    pub(crate) sent: Outputs,
    pub(crate) pace: Pace,
    pub(crate) counts: Counts,
    /// As it was last counted.
    pub(crate) outcome: Outcome,
    pub(crate) unsettled: bool,
    pub(crate) counted: bool,
    /// The batch that waits for how its check ends.
    pub(crate) expected_by: Option<Box<(homeostat_model::KindName, Arc<str>)>>,
}

impl<R, D> State<R, D> {
    pub(crate) fn new(resource: R, digest: Digest, meta: Arc<Meta>) -> Self {
        Self {
            resource,
            digest,
            pace: Pace::new(&meta),
            meta,
            origin: None,
            version: 0,
            phase: Phase::Idle,
            standing: Standing::New,
            past: Past::New,
            dirty: true,
            failing: false,
            drifting: None,
            obstacles: Seldom::default(),
            half_applied: false,
            causes: Causes::DECLARED,
            job_causes: Causes::none(),
            watching: Watching::Nothing,
            leaving: Leaving::No,
            former: None,
            undo: None,
            changed: false,
            single: false,
            permits: Seldom::default(),
            rechecks: 0,
            waiting_on: None,
            cursor: 0,
            hindrance: None,
            waiters: SmallVec::new(),
            owed: Seldom::default(),
            refreshing: Seldom::default(),
            announced: Seldom::default(),
            receives: None,
            sent: Outputs::none(),
            counts: Counts::default(),
            outcome: Outcome::Pending,
            unsettled: false,
            counted: false,
            expected_by: None,
        }
    }

    /// Successors may start.
    pub(crate) fn is_done(&self) -> bool {
        if self.leaving == Leaving::Now || self.meta.hidden {
            return true;
        }
        let in_order = matches!(self.standing, Standing::InOrder | Standing::Reported);
        in_order && !self.dirty && matches!(self.phase, Phase::Idle)
    }

    /// It is in order, and nothing about it is waited for or owed: a look that finds nothing new changes nothing.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.standing == Standing::InOrder
            && matches!(self.phase, Phase::Idle)
            && !self.dirty
            && !self.half_applied
            && !self.owes_refresh()
            && self.receives.is_none()
            && self.watching == Watching::Current
            && self.leaving == Leaving::No
    }

    /// Nobody can say how it stands; what was done before may go on without it.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.standing, Standing::Unknown(_)) && !self.dirty && matches!(self.phase, Phase::Idle)
    }

    /// Whether somebody else's change asks it to refresh.
    pub(crate) fn owes_refresh(&self) -> bool {
        self.owed.values().any(|owed| owed.fired)
    }
}
