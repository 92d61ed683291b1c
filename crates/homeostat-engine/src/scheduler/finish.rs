//! How checks, applies and records end.

use std::sync::Arc;
use std::time::Duration;

use homeostat_model::Digest;

use super::state::{Drifting, Leaving, Phase, Standing, Watching};
use super::{ApplyEnd, CheckEnd, Command, Foretold, Scheduler, Subject, Ticket};
use crate::event::EventKind;
use crate::journal::Undo;
use crate::resource::{Causes, Check, Drift, Failure};
use crate::source::VertexKey;

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// A check failed before it came to arm the watches: the next one does.
    pub(crate) fn not_armed(&mut self, key: VertexKey) {
        if let Some(at) = self.graph.resolve(key)
            && self.state(at).watching == Watching::Current
        {
            self.state_mut(at).watching = Watching::Former;
        }
    }

    pub(crate) fn check_ended(
        &mut self,
        ticket: Ticket,
        result: Result<CheckEnd<D>, Failure>,
        took: Duration,
    ) {
        self.in_flight -= 1;
        if let Some(at) = self.graph.resolve(ticket.key) {
            self.batch_no_longer_expects(at);
            self.state_mut(at).phase = Phase::Idle;
            if self.state(at).leaving == Leaving::Now {
                self.drop_vertex(at);
            } else if self.state(at).version != ticket.version {
                self.release_permits(at);
                if self.state(at).watching == Watching::Nothing {
                    // This check may have armed watches after those of before were ended.
                    self.commands.push(Command::Disarm(ticket.key));
                }
                self.advance(at);
            } else {
                match result {
                    Ok(end) => self.checked(at, end, took),
                    Err(failure) => self.failed(at, &failure, took),
                }
            }
        }
        self.pump();
    }

    fn checked(&mut self, at: u32, end: CheckEnd<D>, took: Duration) {
        if let Some(params) = end.undo {
            let former = self.former(at);
            self.state_mut(at).undo = Some(Box::new(Undo { params, former }));
        }
        match end.check {
            Check::Converged(outputs) => {
                self.send(at, &outputs);
                self.tell_what_was_half_applied(at);
                if self.state(at).owes_refresh() {
                    self.refresh_or_report(at);
                } else {
                    self.become_done(at);
                }
            }
            Check::Drifted(drift) if self.only_reports(at) => self.report(at, &drift, end.foretold, took),
            Check::Drifted(drift) => self.act(at, Some(drift)),
        }
    }

    /// An apply that failed may have changed something. Who has become hidden meanwhile is never looked at again, and tells it now.
    pub(super) fn note_half_applied(&mut self, at: u32) {
        self.state_mut(at).half_applied = true;
        if self.state(at).meta.hidden && self.state(at).leaving != Leaving::Now {
            self.tell_what_was_half_applied(at);
        }
    }

    /// An apply that failed may have changed something all the same; whoever was to know of that is told at last.
    pub(super) fn tell_what_was_half_applied(&mut self, at: u32) {
        if std::mem::take(&mut self.state_mut(at).half_applied) {
            self.fire_announced(at);
            self.tell_successors(at);
        }
    }

    fn only_reports(&self, at: u32) -> bool {
        self.policy.noop || self.state(at).meta.noop
    }

    fn refresh_or_report(&mut self, at: u32) {
        if self.only_reports(at) {
            self.event(Some(at), self.state(at).job_causes, None, EventKind::WouldRefresh);
            self.forgive(at);
            self.become_done(at);
        } else {
            self.act(at, None);
        }
    }

    /// A vertex that only reports counts as done; what it would send is sent, so that others can report too.
    fn report(&mut self, at: u32, drift: &D, foretold: Foretold, took: Duration) {
        let causes = self.state(at).job_causes;
        self.tell_recovery(at);
        self.tell_what_was_half_applied(at);
        self.state_mut(at).standing = Standing::Reported;
        let changes = drift.changes();
        let told = Digest::of(&changes);
        let now = self.now;
        let before = self.state(at).drifting.as_ref().map(|drifting| (drifting.since, drifting.told));
        if before.is_none_or(|(_, before)| before != told) {
            let since = before.map_or(now, |(since, _)| since);
            self.state_mut(at).drifting = Some(Box::new(Drifting { since, told }));
            self.event(Some(at), causes, Some(took), EventKind::WouldChange(changes));
        }
        if before.is_none() && self.policy.noop {
            self.announce_would_change(at);
        }
        if self.state(at).owes_refresh() {
            self.event(Some(at), causes, None, EventKind::WouldRefresh);
            self.forgive(at);
        }
        if let Some(outputs) = foretold.outputs {
            self.send(at, &outputs);
        }
        self.state_mut(at).obstacles = foretold.obstacles.into();
        self.release_permits(at);
        self.come_to_rest(at);
    }

    pub(crate) fn record_ended(&mut self, ticket: Ticket, result: Result<(), Failure>) {
        if let Some(at) =
            self.graph.resolve(ticket.key).filter(|at| self.state(*at).version == ticket.version)
        {
            match std::mem::replace(&mut self.state_mut(at).phase, Phase::Idle) {
                Phase::Recording(recording) => match result {
                    Ok(()) => {
                        let (drift, receivers) = *recording;
                        let receivers =
                            receivers.into_iter().filter_map(|key| self.graph.resolve(key)).collect();
                        self.announced_durably(at, receivers);
                        self.counted_ahead(at);
                        if let Some(undo) = self.state_mut(at).undo.take() {
                            self.set_former(at, Some(undo.former));
                            self.follow_former(at);
                        }
                        if let Some(drift) = self.still_appliable(at, drift) {
                            self.act_recorded(at, drift);
                        }
                    }
                    Err(failure) => self.failed(at, &failure, Duration::ZERO),
                },
                // It was called back and is on its way again.
                phase => self.state_mut(at).phase = phase,
            }
        }
        self.pump();
    }

    pub(crate) fn apply_ended(&mut self, ticket: Ticket, result: Result<ApplyEnd, Failure>, took: Duration) {
        self.in_flight -= 1;
        if let Some(at) = self.graph.resolve(ticket.key) {
            self.state_mut(at).phase = Phase::Idle;
            match result {
                Ok(end) => self.applied(at, ticket.version, end, took),
                Err(failure) => {
                    self.owe_again(at);
                    self.apply_failed(at, ticket.version, &failure, took);
                }
            }
        }
        self.pump();
    }

    /// What an apply did is true whatever became of the declaration meanwhile; whether the vertex is in order is not.
    pub(super) fn applied(&mut self, at: u32, version: u32, end: ApplyEnd, took: Duration) {
        let causes = self.state(at).job_causes;
        let now = self.now;
        let refreshed =
            end.refreshed || (end.applied.covers_refresh && !self.state(at).refreshing.is_empty());
        let only_refreshed = end.changes.is_empty() && end.refreshed;
        let flapping = self.policy.flapping;
        let state = self.state_mut(at);
        state.counts.refreshes += u32::from(refreshed);
        state.changed = true;
        state.half_applied = false;
        if !only_refreshed {
            self.event(Some(at), causes, Some(took), EventKind::Changed(end.changes));
        }
        if refreshed {
            self.event(Some(at), causes, Some(took), EventKind::Refreshed);
            self.refresh_done(at);
        } else {
            self.owe_again(at);
        }
        if causes.any(Causes::WAKE.and(Causes::POLL))
            && self.state(at).resource.repairs()
            && let Some(limit) = flapping
        {
            let notice = self.state_mut(at).pace.repaired(now, limit);
            if let Some(kind) = notice {
                self.event(Some(at), causes, None, kind);
            }
            if let Some(calm) = self.state(at).pace.next_after(now) {
                self.schedule(at, calm);
            }
        }
        self.fire_announced(at);
        if self.state(at).leaving == Leaving::Now {
            self.drop_vertex(at);
            return;
        }
        self.send(at, &end.applied.outputs);
        // It may go when it is in order.
        let successors: Vec<VertexKey> =
            self.graph.at(at).succs.iter().map(|link| self.graph.key(link.at)).collect();
        if let Some(failure) = end.refresh_failed.filter(|_| self.state(at).version == version) {
            self.failed(at, &failure, took);
        } else if self.state(at).version == version {
            if self.state(at).owes_refresh() {
                let state = self.state_mut(at);
                state.dirty = true;
                state.causes = state.causes.and(Causes::PREDECESSOR);
            }
            self.become_done(at);
        } else {
            self.release_permits(at);
            self.advance(at);
        }
        for successor in successors {
            if let Some(at) = self.graph.resolve(successor) {
                self.wake(at, Causes::PREDECESSOR);
            }
        }
    }

    pub(super) fn apply_failed(&mut self, at: u32, version: u32, failure: &Failure, took: Duration) {
        self.note_half_applied(at);
        if self.state(at).leaving == Leaving::Now {
            self.drop_vertex(at);
        } else if self.state(at).version == version {
            self.failed(at, failure, took);
        } else {
            self.release_permits(at);
            self.advance(at);
        }
    }

    /// An attempt failed: backs off, and whoever waits is blocked.
    pub(super) fn failed(&mut self, at: u32, failure: &Failure, took: Duration) {
        match failure {
            Failure::Waiting(on) => return self.wait_outside(at, Standing::Waiting(on.as_str().into())),
            Failure::Unknown(why) => return self.wait_outside(at, Standing::Unknown(why.as_str().into())),
            Failure::Transient(_) | Failure::Permanent(_) | Failure::Unsupported(_) => {}
        }
        self.release_permits(at);
        let now = self.now;
        let (once, attempts) = (self.policy.once, self.policy.attempts);
        let causes = self.state(at).job_causes;
        let error: Arc<str> = failure.message().into();
        let seed = self.graph.key(at);
        let state = self.state_mut(at);
        state.standing = Standing::Failed(error.clone());
        state.failing = true;
        state.phase = Phase::Idle;
        state.counts.ended = Some(now);
        state.rechecks = 0;
        let retry_in = state.pace.failed(now, &state.meta, seed, failure);
        let is_last = once && state.pace.is_final(&state.meta, attempts);
        let retry_in = retry_in.filter(|_| !is_last);
        // The causes stay: whatever asked for this attempt has not been answered.
        state.causes = state.causes.and(state.job_causes);
        let woken_meanwhile = state.dirty;
        state.dirty = retry_in.is_some() || woken_meanwhile;
        if state.dirty {
            state.causes = state.causes.and(Causes::RETRY);
        }
        if woken_meanwhile {
            state.pace.hasten(now);
        }
        let attempt = state.pace.failures();
        self.event(Some(at), causes, Some(took), EventKind::Failed { error, attempt, retry_in });
        self.tell_waiters(at);
        self.schedule_poll(at);
        self.advance(at);
    }
}
