//! Batches: several drifted vertices of one kind and key, applied in one operation.
//!
//! A batch closes when no vertex of its key is queued or being checked. If it fails, its members are tried one by one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use homeostat_model::KindName;
use homeostat_model::meta::Semaphore;

use super::flow::timeout;
use super::permits::Applicant;
use super::state::{Leaving, Phase};
use super::turns::Due;
use super::{ApplyEnd, BatchJob, Command, Scheduler, Subject, Ticket};
use crate::resource::{Drift, Failure};

type Key = (KindName, Arc<str>);

/// A batch that is being gathered.
#[derive(Debug, Default)]
pub(super) struct Batch {
    members: BTreeSet<u32>,
    /// Vertices of its key that are queued or being checked.
    expected: usize,
    /// Held while members that waited for permits are looked at again.
    permits: Option<Vec<Semaphore>>,
}

/// A batch that was closed.
#[derive(Debug)]
pub(super) struct Running {
    members: Vec<Ticket>,
    permits: Vec<Semaphore>,
}

#[cfg(test)]
impl Batch {
    pub(super) fn permits(&self) -> impl Iterator<Item = &Semaphore> {
        self.permits.iter().flatten()
    }
}

#[cfg(test)]
impl Running {
    pub(super) fn permits(&self) -> impl Iterator<Item = &Semaphore> {
        self.permits.iter()
    }
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// The batch that a vertex would be part of.
    pub(super) fn batch_key(&self, at: u32) -> Option<Key> {
        let vertex = self.graph.at(at);
        let state = &vertex.data;
        if !self.policy.batch
            || !state.meta.autogroup
            || state.single
            || !state.permits.is_empty()
            || self.policy.noop
        {
            return None;
        }
        state.resource.batch_key().map(|key| (vertex.id.kind.clone(), key))
    }

    /// A vertex is queued.
    pub(super) fn batch_expects(&mut self, at: u32) {
        if let Some(key) = self.batch_key(at) {
            self.batches.entry(key.clone()).or_default().expected += 1;
            self.state_mut(at).expected_by = Some(Box::new(key));
        }
    }

    /// A vertex is neither queued nor being checked any more.
    pub(super) fn batch_no_longer_expects(&mut self, at: u32) {
        let Some(key) = self.state_mut(at).expected_by.take() else {
            return;
        };
        if let Some(batch) = self.batches.get_mut(&*key) {
            batch.expected -= 1;
        }
        self.closing.push(*key);
    }

    pub(super) fn join_batch(&mut self, at: u32, key: Key, drift: D) {
        self.state_mut(at).phase = Phase::Batching(drift);
        self.batches.entry(key.clone()).or_default().members.insert(at);
        self.closing.push(key);
    }

    /// A vertex is no longer part of the batch that it was in.
    pub(super) fn leave_batch(&mut self, at: u32) {
        if let Some(key) = self.batch_key(at) {
            if let Some(batch) = self.batches.get_mut(&key) {
                batch.members.remove(&at);
            }
            self.closing.push(key);
        }
    }

    /// Closes those batches that nobody is expected for any more.
    pub(super) fn close_batches(&mut self) {
        while let Some(key) = self.closing.pop() {
            if self.batches.get(&key).is_some_and(|batch| batch.expected == 0) {
                self.close_batch(&key);
            }
        }
    }

    fn close_batch(&mut self, key: &Key) {
        let members = self.fit_members(key);
        let Some(batch) = self.batches.get_mut(key) else {
            return;
        };
        batch.members = members;
        if batch.expected > 0 {
            return;
        }
        let held = batch.permits.take();
        let semaphores: Vec<Semaphore> =
            batch.members.iter().flat_map(|at| self.graph.at(*at).data.meta.semaphores.clone()).collect();
        let needed = self.permits.needed(semaphores.iter());
        if let Some(held) = &held
            && *held != needed
        {
            self.permits.give_back(held);
        }
        let empty = self.batches.get(key).is_none_or(|batch| batch.members.is_empty());
        if empty {
            if held.as_ref() == Some(&needed) {
                self.permits.give_back(&needed);
            }
            self.batches.remove(key);
            self.permits.forget(&Applicant::Batch(key.clone()));
            if held.is_some() {
                self.grant_permits();
            }
            return;
        }
        if held.as_ref() != Some(&needed) && !self.permits.try_take(&needed) {
            self.permits.wait(Applicant::Batch(key.clone()), needed);
            if held.is_some() {
                self.grant_permits();
            }
            return;
        }
        self.permits.forget(&Applicant::Batch(key.clone()));
        let members = self.batches.remove(key).map(|batch| batch.members).unwrap_or_default();
        self.run_batch(members, needed);
    }

    /// The members that are still as they were found; the others are on their way to another look.
    fn fit_members(&mut self, key: &Key) -> BTreeSet<u32> {
        let members =
            self.batches.get_mut(key).map(|batch| std::mem::take(&mut batch.members)).unwrap_or_default();
        let mut fit = BTreeSet::new();
        for at in members {
            if !self.graph.is_used(at) || !matches!(self.state(at).phase, Phase::Batching(_)) {
                continue;
            }
            let Phase::Batching(drift) = std::mem::replace(&mut self.state_mut(at).phase, Phase::Idle) else {
                continue;
            };
            if let Some(Some(drift)) = self.still_appliable(at, Some(drift)) {
                self.state_mut(at).phase = Phase::Batching(drift);
                fit.insert(at);
            }
        }
        fit
    }

    fn run_batch(&mut self, members: BTreeSet<u32>, permits: Vec<Semaphore>) {
        let id = self.next_batch;
        self.next_batch += 1;
        let members = members.into_iter().map(|at| self.ticket(at)).collect();
        self.running_batches.insert(id, Running { members, permits });
        self.turns.add_apply(Due::Batch(id), self.now);
    }

    /// A batch got the permits that it waited for: what was found is older than that, so its members are looked at again first.
    pub(super) fn batch_permitted(&mut self, key: &Key, permits: Vec<Semaphore>) {
        let Some(batch) = self.batches.get_mut(key) else {
            self.permits.give_back(&permits);
            return;
        };
        batch.permits = Some(permits);
        let members = std::mem::take(&mut batch.members);
        for at in members {
            let state = self.state_mut(at);
            state.dirty = true;
            state.causes = state.causes.and(state.job_causes);
            state.phase = Phase::Idle;
            self.advance(at);
        }
        self.closing.push(key.clone());
    }

    pub(super) fn start_batch(&mut self, id: u64) {
        let Some(running) = self.running_batches.get(&id) else {
            return;
        };
        let tickets = running.members.clone();
        let mut members = Vec::with_capacity(tickets.len());
        let mut longest = Some(Duration::ZERO);
        for ticket in tickets {
            let current =
                self.graph.resolve(ticket.key).filter(|at| self.state(*at).version == ticket.version);
            let Some(at) = current else { continue };
            if !matches!(self.state(at).phase, Phase::Batching(_)) {
                continue;
            }
            let Phase::Batching(drift) = std::mem::replace(&mut self.state_mut(at).phase, Phase::Idle) else {
                continue;
            };
            let Some(Some(drift)) = self.still_appliable(at, Some(drift)) else {
                continue;
            };
            let state = self.state_mut(at);
            state.phase = Phase::Applying;
            state.rechecks = 0;
            state.counts.applies += 1;
            let received = state.receives.as_ref().and_then(|receives| receives.values());
            longest = longest.zip(timeout(state)).map(|(a, b)| a.max(b));
            members.push((ticket, state.resource.clone(), received, drift));
        }
        if members.is_empty() {
            self.end_batch(id);
            return;
        }
        if let Some(running) = self.running_batches.get_mut(&id) {
            running.members = members.iter().map(|member| member.0).collect();
        }
        self.in_flight += 1;
        self.commands.push(Command::Batch(BatchJob { id, members, timeout: longest }));
    }

    fn end_batch(&mut self, id: u64) -> Vec<Ticket> {
        let Some(running) = self.running_batches.remove(&id) else {
            return Vec::new();
        };
        self.permits.give_back(&running.permits);
        self.grant_permits();
        running.members
    }

    /// A batch ended. Its results come in the order of its members.
    pub(crate) fn batch_ended(&mut self, id: u64, result: Result<Vec<ApplyEnd>, Failure>, took: Duration) {
        self.in_flight -= 1;
        let members = self.end_batch(id);
        match result {
            Ok(ends) => {
                for (ticket, end) in members.into_iter().zip(ends) {
                    if let Some(at) = self.graph.resolve(ticket.key) {
                        self.state_mut(at).phase = Phase::Idle;
                        self.applied(at, ticket.version, end, took);
                    }
                }
            }
            Err(failure) => {
                let alone = members.len() == 1;
                members.into_iter().for_each(|ticket| self.batch_failed(ticket, alone, &failure, took));
            }
        }
        self.pump();
    }

    /// The failure of a batch is not yet the failure of any of its members, unless there was only one.
    fn batch_failed(&mut self, ticket: Ticket, alone: bool, failure: &Failure, took: Duration) {
        let Some(at) = self.graph.resolve(ticket.key) else {
            return;
        };
        self.state_mut(at).phase = Phase::Idle;
        if alone || self.state(at).leaving == Leaving::Now {
            self.apply_failed(at, ticket.version, failure, took);
            return;
        }
        self.note_half_applied(at);
        let state = self.state_mut(at);
        state.single = true;
        state.dirty = true;
        state.causes = state.causes.and(state.job_causes);
        self.advance(at);
    }
}
