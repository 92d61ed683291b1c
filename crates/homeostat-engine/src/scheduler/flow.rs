//! Dispatching: from the queues into flight, within the parallelism.

use std::collections::BTreeMap;
use std::time::Duration;

use super::state::{Phase, Standing, State, Watching};
use super::turns::{Due, Next};
use super::{ApplyJob, Arm, CheckJob, Command, Scheduler, Subject};
use crate::event::EventKind;
use crate::journal::Record;
use crate::resource::{Causes, Drift};

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// Starts what may start.
    pub(super) fn dispatch(&mut self) {
        while self.in_flight < self.policy.parallel && !self.stopping {
            match self.turns.next(self.now) {
                Some(Next::Check(at)) => self.start_check(at),
                Some(Next::Apply(Due::Vertex(at))) => self.start_apply(at),
                Some(Next::Apply(Due::Batch(id))) => self.start_batch(id),
                None => break,
            }
        }
    }

    fn start_check(&mut self, at: u32) {
        if !self.graph.is_used(at) || !matches!(self.state(at).phase, Phase::Queued) {
            return;
        }
        if let Some(pred) = self.undone_pred(at) {
            self.leave_queue(at);
            self.wait_for(at, pred);
            return;
        }
        let (now, noop) = (self.now, self.policy.noop);
        let ticket = self.ticket(at);
        let state = self.state_mut(at);
        let arm = match state.watching {
            _ if state.meta.poll_seconds > 0 => Arm::No,
            Watching::Nothing => Arm::First,
            Watching::Former => Arm::Anew,
            Watching::Current => Arm::No,
        };
        if arm != Arm::No {
            state.watching = Watching::Current;
        }
        state.phase = Phase::Checking;
        state.dirty = false;
        state.job_causes = std::mem::take(&mut state.causes);
        state.counts.checks += 1;
        state.counts.started.get_or_insert(now);
        let job = CheckJob {
            ticket,
            resource: state.resource.clone(),
            causes: state.job_causes,
            received: received(state),
            arm,
            capture: state.meta.reverse && state.former.is_none() && !noop,
            foretell: noop || state.meta.noop,
            timeout: timeout(state),
        };
        self.in_flight += 1;
        self.commands.push(Command::Check(job));
    }

    /// Takes a queued vertex out of the queue of checks; it stays dirty, and holds nothing while it waits.
    fn leave_queue(&mut self, at: u32) {
        self.state_mut(at).phase = Phase::Idle;
        self.batch_no_longer_expects(at);
        self.release_permits(at);
    }

    fn start_apply(&mut self, at: u32) {
        if !self.graph.is_used(at) || !matches!(self.state(at).phase, Phase::Ready(_)) {
            return;
        }
        let Phase::Ready(drift) = std::mem::replace(&mut self.state_mut(at).phase, Phase::Idle) else {
            return;
        };
        if let Some(drift) = self.still_appliable(at, drift) {
            self.send_apply(at, drift);
        }
    }

    /// Gives back what was found, unless something happened since: then the vertex is on its way to another look.
    pub(super) fn still_good(&mut self, at: u32, drift: Option<D>) -> Option<Option<D>> {
        let state = self.state(at);
        let stale = state.dirty && state.rechecks < super::RECHECKS_MAX;
        let held_back = self.undone_pred(at).is_some();
        if !stale && !held_back {
            return Some(drift);
        }
        self.state_mut(at).rechecks += u8::from(stale);
        self.look_again(at);
        None
    }

    /// The same right before an apply: an edge that came since may ask for something to be made durable first.
    pub(super) fn still_appliable(&mut self, at: u32, drift: Option<D>) -> Option<Option<D>> {
        let drift = self.still_good(at, drift)?;
        if self.announcements(at).is_empty() {
            return Some(drift);
        }
        self.look_again(at);
        None
    }

    fn look_again(&mut self, at: u32) {
        let state = self.state_mut(at);
        state.dirty = true;
        state.causes = state.causes.and(state.job_causes);
        state.phase = Phase::Idle;
        self.release_permits(at);
        self.advance(at);
    }

    fn send_apply(&mut self, at: u32, drift: Option<D>) {
        let ticket = self.ticket(at);
        let state = self.state_mut(at);
        state.phase = Phase::Applying;
        state.rechecks = 0;
        state.counts.applies += u32::from(drift.is_some());
        let (fired, announced): (BTreeMap<_, _>, _) =
            state.owed.take().into_iter().partition(|(_, owed)| owed.fired);
        state.refreshing = fired.into();
        state.owed = announced.into();
        let job = ApplyJob {
            ticket,
            resource: state.resource.clone(),
            causes: state.job_causes,
            received: received(state),
            drift,
            refresh: !state.refreshing.is_empty(),
            timeout: timeout(state),
        };
        self.in_flight += 1;
        self.commands.push(Command::Apply(job));
    }

    /// A vertex was found different, or owes a refresh: makes sure that it may be applied, step by step.
    pub(super) fn act(&mut self, at: u32, drift: Option<D>) {
        let Some(drift) = self.still_good(at, drift) else {
            return;
        };
        let receivers = self.announcements(at);
        let undo = self.state(at).undo.as_deref().cloned();
        let count = self.count_ahead(at);
        if !receivers.is_empty() || undo.is_some() || count.is_some() {
            let intents = receivers.iter().map(|receiver| Record::Owe(self.intent(at, *receiver)));
            let undo = undo.map(|undo| Record::Undo(self.graph.at(at).id.clone(), undo));
            let records = undo.into_iter().chain(count).chain(intents).collect();
            let keys = receivers.iter().map(|receiver| self.graph.key(*receiver)).collect();
            // Known from now on, so that a refresh which ends meanwhile does not clear what is just being recorded.
            self.announce(at, receivers);
            self.state_mut(at).phase = Phase::Recording(Box::new((drift, keys)));
            self.commands.push(Command::Record(Some(self.ticket(at)), records));
            return;
        }
        self.act_recorded(at, drift);
    }

    pub(super) fn act_recorded(&mut self, at: u32, drift: Option<D>) {
        let drift = match (drift, self.batch_key(at)) {
            (Some(drift), Some(key)) => return self.join_batch(at, key, drift),
            (drift, _) => drift,
        };
        if !self.take_permits(at) {
            let state = self.state_mut(at);
            state.dirty = true;
            state.causes = state.causes.and(state.job_causes);
            state.phase = Phase::Starved;
            return;
        }
        self.state_mut(at).phase = Phase::Ready(drift);
        self.turns.add_apply(Due::Vertex(at), self.now);
    }

    /// A vertex got the permits that it waited for: what was found is older than that, so it is looked at again first.
    pub(super) fn permits_granted(&mut self, at: u32) {
        self.state_mut(at).phase = Phase::Queued;
        self.batch_expects(at);
        self.turns.add_check(at);
    }

    /// Nothing is to be done: the vertex is in order.
    pub(super) fn become_done(&mut self, at: u32) {
        self.release_permits(at);
        self.tell_recovery(at);
        if let Some(drifting) = self.state_mut(at).drifting.take() {
            let lasted = self.now.saturating_sub(drifting.since);
            let causes = self.state(at).job_causes;
            self.event(Some(at), causes, None, EventKind::DriftEnded { lasted });
        }
        self.state_mut(at).standing = Standing::InOrder;
        self.remember_done(at);
        self.come_to_rest(at);
    }

    pub(super) fn tell_recovery(&mut self, at: u32) {
        if std::mem::take(&mut self.state_mut(at).failing) {
            self.event(Some(at), self.state(at).job_causes, None, EventKind::Recovered);
        }
    }

    /// Ends an attempt that left the vertex in order or reported.
    pub(super) fn come_to_rest(&mut self, at: u32) {
        let now = self.now;
        let state = self.state_mut(at);
        state.phase = Phase::Idle;
        state.rechecks = 0;
        state.single = false;
        state.counts.ended = Some(now);
        state.pace.succeeded(state.meta.retry_reset);
        if state.dirty {
            self.advance(at);
        }
        if self.state(at).is_done() {
            self.schedule_poll(at);
            self.release_waiters(at);
            self.leave_if_wanted(at);
        }
    }

    /// Tells successors that a vertex changed.
    pub(super) fn tell_successors(&mut self, at: u32) {
        let successors: Vec<u32> = self.graph.at(at).succs.iter().map(|link| link.at).collect();
        for successor in successors {
            self.wake(successor, Causes::PREDECESSOR);
        }
    }
}

fn received<R, D>(state: &State<R, D>) -> Option<super::Received> {
    state.receives.as_ref().and_then(|receives| receives.values())
}

pub(super) fn timeout<R, D>(state: &State<R, D>) -> Option<Duration> {
    let seconds = state.meta.timeout_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}
