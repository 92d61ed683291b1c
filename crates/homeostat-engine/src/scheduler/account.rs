//! Counting how vertices stand, as it changes, and saying when the run has settled.

use std::sync::Arc;

use homeostat_model::ResourceId;

use super::state::{Counts, Hindrance, Leaving, Phase, Standing, State};
use super::{Scheduler, Subject};
use crate::event::{EventKind, Outcome, Totals};
use crate::resource::{Causes, Drift};

/// How one vertex stands, for reports.
#[derive(Debug, Clone)]
pub(crate) struct Standpoint {
    pub(crate) id: ResourceId,
    pub(crate) outcome: Outcome,
    pub(crate) counts: Counts,
    pub(crate) error: Option<Arc<str>>,
    pub(crate) blocked_by: Vec<ResourceId>,
    pub(crate) waiting_on: Option<Arc<str>>,
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// Brings the counts up to date with what was touched.
    pub(super) fn account(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for at in touched.drain(..) {
            if self.graph.is_used(at) && self.state(at).leaving != Leaving::Now {
                let state = &mut self.graph.at_mut(at).data;
                let (outcome, unsettled) = stand(state, self.policy.attempts);
                if outcome != state.outcome || unsettled != state.unsettled {
                    recount(&mut self.totals, Some(state.outcome).filter(|_| state.counted), Some(outcome));
                    self.unsettled -= usize::from(state.unsettled);
                    self.unsettled += usize::from(unsettled);
                    state.outcome = outcome;
                    state.unsettled = unsettled;
                    state.counted = true;
                } else if !state.counted {
                    recount(&mut self.totals, None, Some(outcome));
                    state.counted = true;
                }
                if state.meta.publish {
                    self.publish(at);
                }
            }
        }
        if self.touched.is_empty() {
            // For its memory: this is done after each transition.
            self.touched = touched;
        }
        if self.unsettled == 0 && !self.settled_said {
            self.event(None, Causes::none(), None, EventKind::Settled(self.totals));
        }
    }

    /// A vertex leaves the counts.
    pub(super) fn uncount(&mut self, at: u32) {
        let state = &mut self.graph.at_mut(at).data;
        if std::mem::take(&mut state.counted) {
            recount(&mut self.totals, Some(state.outcome), None);
            self.unsettled -= usize::from(std::mem::take(&mut state.unsettled));
        }
    }

    /// How everybody stands, in the order of their ids.
    pub(crate) fn standpoints(&self) -> Vec<Standpoint> {
        let mut all: Vec<Standpoint> = self.graph.iter().filter_map(|(at, _)| self.standpoint(at)).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    fn standpoint(&self, at: u32) -> Option<Standpoint> {
        let vertex = self.graph.at(at);
        let state = &vertex.data;
        if state.leaving == Leaving::Now {
            return None;
        }
        let outcome = stand(state, self.policy.attempts).0;
        let (blocked_by, waiting_on) = match state.hindrance.as_deref() {
            Some(Hindrance::Blocked(_)) => (self.failed_before(at), None),
            Some(Hindrance::Waiting(on)) => (Vec::new(), Some(on.clone())),
            None => match &state.standing {
                Standing::Waiting(on) | Standing::Unknown(on) => (Vec::new(), Some(on.clone())),
                Standing::New | Standing::InOrder | Standing::Reported | Standing::Failed(_) => {
                    (Vec::new(), None)
                }
            },
        };
        let error = match &state.standing {
            Standing::Failed(text) => Some(text.clone()),
            Standing::New
            | Standing::InOrder
            | Standing::Reported
            | Standing::Waiting(_)
            | Standing::Unknown(_) => None,
        };
        Some(Standpoint {
            id: vertex.id.clone(),
            outcome,
            counts: state.counts.clone(),
            error,
            blocked_by,
            waiting_on,
        })
    }

    /// All that failed among the direct predecessors, or else whoever is at the root of it.
    fn failed_before(&self, at: u32) -> Vec<ResourceId> {
        let mut failed: Vec<ResourceId> = Vec::new();
        for link in self.graph.at(at).preds.iter() {
            let pred = self.graph.at(link.at);
            match (&pred.data.standing, pred.data.hindrance.as_deref()) {
                (Standing::Failed(_), _) => failed.push(pred.id.clone()),
                (_, Some(Hindrance::Blocked(by))) => failed.push(by.clone()),
                _ => {}
            }
        }
        failed.sort();
        failed.dedup();
        failed
    }

    /// Some of those that are being checked or applied, for people who watch.
    pub(crate) fn running(&self, at_most: usize) -> Vec<ResourceId> {
        let running = self
            .graph
            .iter()
            .filter(|(_, vertex)| matches!(vertex.data.phase, Phase::Applying | Phase::Checking));
        running.take(at_most).map(|(_, vertex)| vertex.id.clone()).collect()
    }

    /// The counts are what counting everything anew gives.
    #[cfg(test)]
    pub(super) fn assert_consistent(&self) {
        let (mut totals, mut unsettled) = (Totals::default(), 0);
        for (_, vertex) in self.graph.iter().filter(|(_, vertex)| vertex.data.leaving != Leaving::Now) {
            let (outcome, open) = stand(&vertex.data, self.policy.attempts);
            totals.count(outcome);
            unsettled += usize::from(open);
        }
        assert_eq!((self.totals, self.unsettled), (totals, unsettled));
        self.assert_permits();
    }

    /// Nothing is left over of what went on.
    #[cfg(test)]
    pub(super) fn assert_idle(&self) {
        self.assert_no_permits();
        assert!(self.batches.is_empty() && self.running_batches.is_empty());
        assert!(self.turns.is_empty() && self.closing.is_empty());
    }
}

/// How a vertex stands, and whether the run has to wait for it.
fn stand<R, D>(state: &State<R, D>, attempts: u32) -> (Outcome, bool) {
    if state.meta.hidden {
        return (Outcome::Skipped, false);
    }
    let idle = matches!(state.phase, Phase::Idle);
    match (&state.standing, state.hindrance.as_deref()) {
        (_, Some(Hindrance::Blocked(_))) if idle => (Outcome::Blocked, false),
        (_, Some(Hindrance::Waiting(_))) if idle => (Outcome::Waiting, false),
        (Standing::Failed(_), _) => (Outcome::Failed, !(idle && state.pace.is_final(&state.meta, attempts))),
        (Standing::Waiting(_) | Standing::Unknown(_), _) => (Outcome::Waiting, state.dirty || !idle),
        (Standing::InOrder, _) if !state.dirty && idle => (in_order(state), false),
        (Standing::Reported, _) if !state.dirty && idle => (Outcome::WouldChange, false),
        (Standing::InOrder, _) => (in_order(state), true),
        (Standing::Reported, _) => (Outcome::WouldChange, true),
        (Standing::New, _) => (Outcome::Pending, true),
    }
}

fn in_order<R, D>(state: &State<R, D>) -> Outcome {
    if state.changed { Outcome::Changed } else { Outcome::Unchanged }
}

fn recount(totals: &mut Totals, before: Option<Outcome>, after: Option<Outcome>) {
    if let Some(before) = before {
        totals.discount(before);
    }
    if let Some(after) = after {
        totals.count(after);
    }
}
