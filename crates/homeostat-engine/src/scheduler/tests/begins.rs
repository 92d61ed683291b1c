//! Jobs begin: what must hold at that moment.

use std::collections::BTreeSet;

use homeostat_model::{ResourceId, Value};

use super::super::*;
use super::text::{ABSENT, Desired, has_cycle, id};
use super::world::{Fix, Job, World};
use crate::journal::Intent;
use crate::resource::Check;

impl World {
    pub(super) fn begin_check(&mut self, job: CheckJob<Desired>) {
        let id = self.scheduler.graph.at(job.ticket.key.index).id.clone();
        if job.arm != Arm::No {
            assert!(!self.text.of(&id).is_some_and(|desired| desired.poll), "{id} is polled and watched");
            self.watched.insert(id.clone(), job.ticket.key);
            self.armed.push((id.clone(), job.arm));
        }
        assert!(!self.text.of(&id).is_some_and(|desired| desired.hidden), "{id} is hidden and checked");
        self.assert_received(&id, job.received.as_ref());
        let want = desired(&job.resource, job.received.as_ref());
        let is = self.system.get(&id).copied().unwrap_or(ABSENT);
        let found = if is == want {
            Check::Converged(Outputs::none().with("number", Value::Int(want)))
        } else {
            Check::Drifted(Fix(is, want))
        };
        let undo = (is != want && job.capture).then_some(is);
        assert!(!self.is_busy(&id), "{id} is checked while something runs for it");
        self.assert_predecessors_fine(&id);
        self.checked.push(id.clone());
        let foretold = job.foretell.then(|| Outputs::none().with("number", Value::Int(want)));
        self.jobs.push(Job::Check { ticket: job.ticket, id, found, foretold, undo });
    }

    /// Equal versions are equal values.
    fn assert_received(&mut self, id: &ResourceId, received: Option<&Received>) {
        if let Some(received) = received {
            let sum = desired(&Desired::new(0), Some(received));
            let known = *self.received.entry((id.clone(), received.version)).or_insert(sum);
            assert_eq!(known, sum, "{id} gets other values under the same version");
        }
    }

    /// What may never be applied, and what must be durable before.
    fn assert_may_apply(&self, id: &ResourceId, change: bool) {
        assert!(!self.policy.noop, "a dry run applies {id}");
        if let Some(desired) = self.text.of(id) {
            assert!(!desired.noop && !desired.hidden, "{id} is applied");
            let known = !desired.reverse || self.durable_undo.contains_key(id);
            assert!(known || !change, "{id} is applied before what undoes it is durable");
        }
        let applying = self.jobs.iter().filter(|job| matches!(job, Job::Apply { .. } | Job::Batch { .. }));
        let most = self.policy.semaphore.map_or(usize::MAX, |count| count.get() as usize);
        assert!(applying.count() < most, "more than {most} are applied at once");
    }

    pub(super) fn begin_apply(&mut self, job: ApplyJob<Desired, Fix>) {
        let id = self.scheduler.graph.at(job.ticket.key.index).id.clone();
        assert!(!self.is_busy(&id), "{id} is applied while something runs for it");
        self.assert_predecessors_fine(&id);
        self.assert_may_apply(&id, job.drift.is_some());
        let holds = job.resource.semaphores();
        self.assert_permitted(&holds);
        let asked_before =
            if job.refresh { self.unanswered.get(&id).cloned().unwrap_or_default() } else { BTreeSet::new() };
        let write = job.drift.map(|fix| fix.1);
        self.assert_announced(&id);
        self.jobs.push(Job::Apply {
            ticket: job.ticket,
            id,
            write,
            refresh: job.refresh,
            holds,
            asked_before,
        });
    }

    pub(super) fn begin_batch(&mut self, job: BatchJob<Desired, Fix>) {
        let mut members = Vec::new();
        let mut holds = BTreeSet::new();
        let key = job.members[0].1.batch;
        for (ticket, resource, _, fix) in job.members {
            let id = self.scheduler.graph.at(ticket.key.index).id.clone();
            assert!(!self.is_busy(&id), "{id} is applied while something runs for it");
            assert!(members.iter().all(|(_, other, _)| *other != id));
            assert_eq!(resource.batch, key);
            self.assert_predecessors_fine(&id);
            self.assert_may_apply(&id, true);
            self.assert_announced(&id);
            holds.extend(resource.semaphores());
            members.push((ticket, id, fix.1));
        }
        self.assert_permitted(&holds);
        self.jobs.push(Job::Batch { id: job.id, members, holds });
    }

    pub(super) fn is_busy(&self, wanted: &ResourceId) -> bool {
        self.jobs.iter().any(|job| match job {
            Job::Check { id, .. } | Job::Apply { id, .. } => id == wanted,
            Job::Batch { members, .. } => members.iter().any(|(_, id, _)| id == wanted),
            Job::Record { .. } => false,
        })
    }

    fn predecessors(&self, to: &ResourceId) -> Vec<ResourceId> {
        let mut edges = self.text.explicit();
        let all: BTreeSet<(u8, u8)> = edges.union(&self.text.automatic()).copied().collect();
        // With a circle, some of the automatic ones are left out; which ones is for the tests of the graph.
        if !has_cycle(&all) && self.lingering.is_empty() {
            edges = all;
        }
        edges.into_iter().filter(|(_, other)| id(*other) == *to).map(|(from, _)| id(from)).collect()
    }

    /// By our own books: their last attempt ended well and nothing runs for them.
    fn assert_predecessors_fine(&self, id: &ResourceId) {
        for pred in self.predecessors(id) {
            let hidden = self.text.of(&pred).is_some_and(|desired| desired.hidden);
            assert!(hidden || self.fine.contains(&pred), "{id} starts before {pred} is done");
            assert!(hidden || !self.is_busy(&pred), "{id} starts while something runs for {pred}");
        }
    }

    /// What a change will ask others to do is durable before it begins.
    fn assert_announced(&mut self, sender: &ResourceId) {
        let mut receivers = BTreeSet::new();
        for ((from, to), notify) in &self.text.edges {
            if *notify && id(*from) == *sender {
                let intent = Intent { receiver: id(*to), sender: sender.clone() };
                assert!(self.durable.contains(&intent), "{sender} is applied before {intent:?} is durable");
                receivers.insert(*to);
            }
        }
        self.notifies.insert(sender.clone(), receivers);
    }

    fn assert_permitted(&self, wanted: &BTreeSet<u8>) {
        for job in &self.jobs {
            let held: BTreeSet<u8> = match job {
                Job::Apply { holds, .. } | Job::Batch { holds, .. } => holds.clone(),
                Job::Check { .. } | Job::Record { .. } => BTreeSet::new(),
            };
            assert!(held.is_disjoint(wanted), "two hold the same permit");
        }
    }
}

fn desired(resource: &Desired, received: Option<&Received>) -> i64 {
    let received = received.into_iter().flat_map(|received| received.values.iter());
    let sum: i64 = received.map(|(_, value)| if let Value::Int(number) = value { *number } else { 0 }).sum();
    resource.want + 100 * sum
}
