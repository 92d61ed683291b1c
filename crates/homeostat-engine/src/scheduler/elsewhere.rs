//! Edges to and from other hosts.
//!
//! What another host keeps is a vertex here too, and nobody may know how it stands. That holds back what was never done, and not the
//! repair of what was: so it is durable what was done once. And of what others refer to it is shown whether it is done and how
//! often it changed; the count is durable before the change, so that a crash in between tells of it once too often and
//! never once too little.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use homeostat_model::{Digest, ResourceId};

use super::state::{Past, Phase, Standing, State};
use super::{Command, Scheduler, Subject};
use crate::event::EventKind;
use crate::journal::Record;
use crate::resource::Drift;
use crate::store::Stand;

/// What is known for, and of, other hosts.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// What was done before we started, for vertices that were not there yet.
    done_before: BTreeMap<ResourceId, Digest>,
    /// How often what others refer to has changed.
    counts: BTreeMap<ResourceId, Count>,
    /// How that stands; none before the first look.
    shown: BTreeMap<ResourceId, Option<Stand>>,
    has_news: bool,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    shown: u64,
    /// What is durable, or about to be: never less than what is shown.
    recorded: u64,
    /// Whether a vertex is there for it.
    used: bool,
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// What was durable when we started.
    pub(crate) fn remember_elsewhere_before(
        &mut self,
        done: Vec<(ResourceId, Digest)>,
        counts: Vec<(ResourceId, u64)>,
    ) {
        self.elsewhere.done_before = done.into_iter().collect();
        let counts =
            counts.into_iter().map(|(id, count)| (id, Count { shown: count, recorded: count, used: false }));
        self.elsewhere.counts = counts.collect();
    }

    /// How those stand that others refer to, if that is different from the last time.
    pub(crate) fn take_shown(&mut self) -> Option<BTreeMap<ResourceId, Option<Stand>>> {
        std::mem::take(&mut self.elsewhere.has_news).then(|| self.elsewhere.shown.clone())
    }

    /// Nothing failed: something outside must happen, or become known, and only a wake looks again.
    pub(super) fn wait_outside(&mut self, at: u32, standing: Standing) {
        self.release_permits(at);
        let (now, causes) = (self.now, self.state(at).job_causes);
        let state = self.state_mut(at);
        let is_news = state.standing != standing;
        let on = match &standing {
            Standing::Waiting(on) | Standing::Unknown(on) => on.clone(),
            Standing::New | Standing::InOrder | Standing::Reported | Standing::Failed(_) => Arc::default(),
        };
        state.standing = standing;
        state.phase = Phase::Idle;
        state.rechecks = 0;
        state.single = false;
        state.counts.ended = Some(now);
        state.pace.succeeded(state.meta.retry_reset);
        if is_news {
            self.event(Some(at), causes, None, EventKind::Waiting { on });
        }
        // Some may go on without it, and the others learn what they wait for.
        self.release_waiters(at);
        self.schedule_poll(at);
        self.advance(at);
    }

    /// Whether one that comes after this vertex may start, as far as this one is concerned.
    pub(super) fn lets_pass(&self, pred: u32, past: Past) -> bool {
        let pred = self.state(pred);
        pred.is_done() || (past != Past::New && pred.is_unknown())
    }

    /// A vertex is in order; where something of another host comes before it, that is remembered across restarts.
    pub(super) fn remember_done(&mut self, at: u32) {
        let vertex = self.graph.at(at);
        if vertex.data.past == Past::Recorded {
            return;
        }
        let comes_after = vertex.preds.iter().any(|link| self.state(link.at).resource.is_elsewhere());
        if comes_after {
            let record = Record::Done(vertex.id.clone(), vertex.data.digest);
            self.commands.push(Command::Record(None, vec![record]));
        }
        self.state_mut(at).past = if comes_after { Past::Recorded } else { Past::Done };
    }

    /// A new vertex that was done before we started.
    pub(super) fn remember_elsewhere(&mut self, at: u32) {
        let Some(digest) = self.elsewhere.done_before.remove(&self.graph.at(at).id) else { return };
        if digest == self.state(at).digest {
            self.state_mut(at).past = Past::Recorded;
        }
    }

    /// A vertex goes.
    pub(super) fn forget_elsewhere(&mut self, at: u32) {
        let id = self.graph.at(at).id.clone();
        if self.state(at).past == Past::Recorded {
            self.commands.push(Command::Record(None, vec![Record::ForgetDone(id.clone())]));
        }
        self.end_publishing(&id);
    }

    /// What was durable for vertices that are no more.
    pub(super) fn forget_elsewhere_before(&mut self) {
        let done = std::mem::take(&mut self.elsewhere.done_before);
        let mut records: Vec<Record> = done.into_keys().map(Record::ForgetDone).collect();
        self.elsewhere.counts.retain(|id, count| {
            if !count.used {
                records.push(Record::ForgetCount(id.clone()));
            }
            count.used
        });
        if !records.is_empty() {
            self.commands.push(Command::Record(None, records));
        }
    }

    /// A vertex has a new declaration, in which others refer to it or not.
    pub(super) fn begin_or_end_publishing(&mut self, at: u32) {
        let id = self.graph.at(at).id.clone();
        if !self.state(at).meta.publish {
            self.end_publishing(&id);
            return;
        }
        if let Some(count) = self.elsewhere.counts.get_mut(&id) {
            count.used = true;
            return;
        }
        // A count of another life, such as before a disk was emptied, must not come again.
        let since_1970 = self.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let first = u64::try_from(since_1970.as_millis()).unwrap_or_default();
        self.elsewhere.counts.insert(id.clone(), Count { shown: first, recorded: first, used: true });
        self.commands.push(Command::Record(None, vec![Record::Count(id, first)]));
    }

    fn end_publishing(&mut self, id: &ResourceId) {
        if self.elsewhere.counts.is_empty() {
            return;
        }
        if self.elsewhere.counts.remove(id).is_some() {
            self.commands.push(Command::Record(None, vec![Record::ForgetCount(id.clone())]));
        }
        self.elsewhere.has_news |= self.elsewhere.shown.remove(id).is_some();
    }

    /// What must be durable before a vertex is changed, where others refer to it.
    pub(super) fn count_ahead(&self, at: u32) -> Option<Record> {
        let vertex = self.graph.at(at);
        if !vertex.data.meta.publish {
            return None;
        }
        let count = self.elsewhere.counts.get(&vertex.id)?;
        (count.recorded == count.shown).then(|| Record::Count(vertex.id.clone(), count.shown + 1))
    }

    /// That is durable now.
    pub(super) fn counted_ahead(&mut self, at: u32) {
        let id = &self.graph.at(at).id;
        if let Some(count) = self.elsewhere.counts.get_mut(id) {
            count.recorded = count.shown + 1;
        }
    }

    /// A vertex has changed.
    pub(super) fn count_change(&mut self, at: u32) {
        if !self.state(at).meta.publish {
            return;
        }
        let id = self.graph.at(at).id.clone();
        let Some(count) = self.elsewhere.counts.get_mut(&id) else { return };
        count.shown += 1;
        if count.recorded < count.shown {
            // It was changed without a drift, as by a refresh.
            count.recorded = count.shown;
            self.commands.push(Command::Record(None, vec![Record::Count(id, count.shown)]));
        }
        self.touched.push(at);
    }

    /// Shows how a vertex stands that others refer to.
    pub(super) fn publish(&mut self, at: u32) {
        let vertex = self.graph.at(at);
        let Some(count) = self.elsewhere.counts.get(&vertex.id) else { return };
        let now = stand(&vertex.data, count.shown);
        let known = self.elsewhere.shown.get(&vertex.id);
        if known == Some(&now) || (now.is_none() && known.is_some()) {
            return;
        }
        self.elsewhere.shown.insert(vertex.id.clone(), now);
        self.elsewhere.has_news = true;
    }
}

/// How a vertex stands for others. To be looked at again changes nothing; to be mended does.
fn stand<R, D>(state: &State<R, D>, changes: u64) -> Option<Stand> {
    let is_mended = match state.phase {
        Phase::Idle | Phase::Queued | Phase::Checking => false,
        Phase::Starved | Phase::Recording(_) | Phase::Batching(_) | Phase::Ready(_) | Phase::Applying => true,
    };
    let done = match state.standing {
        Standing::New if state.meta.hidden => true,
        Standing::New if !is_mended && state.hindrance.is_none() => return None,
        Standing::New | Standing::Failed(_) | Standing::Waiting(_) | Standing::Unknown(_) => false,
        Standing::InOrder | Standing::Reported => !is_mended && state.hindrance.is_none(),
    };
    Some(Stand { done, changes })
}
