//! Jobs end as the test says, and take effect.

use std::collections::BTreeSet;
use std::time::Duration;

use homeostat_model::{ResourceId, Value};

use super::super::*;
use super::text::{ABSENT, captured, id, note};
use super::world::{End, Fix, Job, World};
use crate::resource::{Applied, Check, Failure};

impl World {
    /// Ends one of the jobs that run; a check ends with what was true when it began.
    pub(super) fn end_job(&mut self, choice: usize, fail: bool) {
        self.end_job_so(choice, if fail { End::Fails } else { End::Well });
    }

    pub(super) fn end_job_so(&mut self, choice: usize, end: End) {
        let fail = end != End::Well;
        if self.jobs.is_empty() {
            return;
        }
        let mut choice = choice % self.jobs.len();
        if matches!(self.jobs[choice], Job::Record { .. }) {
            // A journal keeps the order.
            let first = self.jobs.iter().position(|job| matches!(job, Job::Record { .. }));
            choice = first.expect("there is at least the chosen one");
        }
        let job = self.jobs.remove(choice);
        let failure = || {
            let text = "the script says so";
            match end {
                End::Well | End::Fails | End::FailsLate => Failure::transient(text),
                End::FailsForGood => Failure::permanent(text),
                End::IsUnsupported => Failure::unsupported(text),
            }
        };
        match job {
            Job::Check { ticket, id, found, foretold, undo } => {
                let converged = matches!(found, Check::Converged(_));
                // A vertex that only reports is done although it differs.
                self.note_end(&id, ticket, (converged || self.only_reports(ticket)) && !fail);
                self.note_unsupported(&id, ticket, end);
                let foretold = Foretold { outputs: foretold, obstacles: Vec::new() };
                let end = CheckEnd { check: found, undo: undo.map(captured), foretold };
                self.scheduler.check_ended(
                    ticket,
                    if fail { Err(failure()) } else { Ok(end) },
                    Duration::ZERO,
                );
            }
            Job::Apply { ticket, id, write, refresh, asked_before, .. } => {
                let result = match end {
                    End::Well => Ok(self.take_effect(&id, write, refresh, &asked_before)),
                    End::Fails | End::FailsForGood | End::IsUnsupported => Err(failure()),
                    End::FailsLate if refresh && write.is_some() => {
                        let mut end = self.take_effect(&id, write, false, &asked_before);
                        end.refresh_failed = Some(failure());
                        Ok(end)
                    }
                    End::FailsLate => {
                        self.take_effect(&id, write, false, &asked_before);
                        Err(failure())
                    }
                };
                self.note_end(&id, ticket, !fail);
                self.note_unsupported(&id, ticket, end);
                self.scheduler.apply_ended(ticket, result, Duration::ZERO);
            }
            Job::Batch { id, members, .. } => {
                let mut ends = Vec::new();
                for (ticket, member, write) in &members {
                    if matches!(end, End::Well | End::FailsLate) {
                        ends.push(self.take_effect(member, Some(*write), false, &BTreeSet::new()));
                    }
                    self.note_end(member, *ticket, !fail);
                    self.note_unsupported(member, *ticket, end);
                }
                let result = if fail { Err(failure()) } else { Ok(ends) };
                self.scheduler.batch_ended(id, result, Duration::ZERO);
            }
            Job::Record { ticket, records } => {
                let refused = fail && ticket.is_some();
                if !refused {
                    self.make_durable(records);
                }
                if let Some(ticket) = ticket {
                    let failure = Failure::transient("the disk is full");
                    self.note_refused(ticket, refused);
                    self.scheduler.record_ended(ticket, if refused { Err(failure) } else { Ok(()) });
                }
            }
        }
        self.follow();
    }

    fn note_end(&mut self, id: &ResourceId, ticket: Ticket, well: bool) {
        if well && self.is_current(ticket) {
            self.note_fine(id);
        } else {
            self.fine.remove(id);
        }
    }

    /// Nothing but a wake or a load tries it again.
    fn note_unsupported(&mut self, id: &ResourceId, ticket: Ticket, end: End) {
        match end {
            _ if !self.is_current(ticket) => {}
            End::IsUnsupported => drop(self.unsupported.insert(id.clone())),
            End::Well | End::Fails | End::FailsForGood | End::FailsLate => drop(self.unsupported.remove(id)),
        }
    }

    /// A journal that fails may do better later.
    fn note_refused(&mut self, ticket: Ticket, refused: bool) {
        if refused && self.is_current(ticket) {
            let id = &self.scheduler.graph.at(ticket.key.index).id;
            self.unsupported.remove(id);
        }
    }

    fn is_current(&self, ticket: Ticket) -> bool {
        let current = self.scheduler.graph.resolve(ticket.key);
        current.is_some_and(|at| self.scheduler.graph.at(at).data.version == ticket.version)
    }

    fn note_fine(&mut self, id: &ResourceId) {
        self.fine.insert(id.clone());
        self.unrealized.remove(id);
    }

    fn only_reports(&self, ticket: Ticket) -> bool {
        let at = self.scheduler.graph.resolve(ticket.key);
        self.policy.noop || at.is_some_and(|at| self.scheduler.graph.at(at).data.meta.noop)
    }

    /// The system changes, and whoever is to be notified of that is owed a refresh from this moment.
    pub(super) fn take_effect(
        &mut self,
        id: &ResourceId,
        write: Option<i64>,
        refresh: bool,
        asked_before: &BTreeSet<ResourceId>,
    ) -> ApplyEnd {
        if let Some(number) = write {
            self.put(id, number);
            if self.own_changes_wake {
                self.wakes.extend(self.watched.get(id));
            }
            self.applied.push(id.clone());
        }
        if refresh {
            self.refreshed.push(id.clone());
            if let Some(open) = self.unanswered.get_mut(id) {
                open.retain(|sender| !asked_before.contains(sender));
            }
        }
        self.ask_receivers(id);
        let outputs = self
            .system
            .get(id)
            .map_or(Outputs::none(), |number| Outputs::none().with("number", Value::Int(*number)));
        let changes = write.map(|number| Fix(ABSENT, number).changes()).unwrap_or_default();
        ApplyEnd {
            applied: Applied { outputs, covers_refresh: false },
            changes,
            refreshed: refresh,
            refresh_failed: None,
        }
    }

    pub(super) fn put(&mut self, id: &ResourceId, number: i64) {
        if number == ABSENT {
            self.system.remove(id);
        } else {
            self.system.insert(id.clone(), number);
        }
    }

    fn ask_receivers(&mut self, sender: &ResourceId) {
        let receivers: Vec<u8> = self
            .text
            .edges
            .iter()
            .filter(|((from, _), notify)| **notify && id(*from) == *sender)
            .filter(|((_, to), _)| self.notifies.get(sender).is_some_and(|receivers| receivers.contains(to)))
            .map(|((_, to), _)| *to)
            .collect();
        for to in receivers {
            if self.text.resources.get(&to).is_some_and(|desired| !desired.noop && !desired.hidden) {
                self.unanswered.entry(id(to)).or_default().insert(sender.clone());
            }
        }
    }

    pub(super) fn make_durable(&mut self, records: Vec<Record>) {
        for record in records {
            match record {
                Record::Owe(intent) => {
                    self.durable.insert(intent);
                }
                Record::Clear(intent) => {
                    self.durable.remove(&intent);
                }
                Record::Done(..) | Record::ForgetDone(_) | Record::Count(..) | Record::ForgetCount(_) => {}
                Record::Undo(..) | Record::Former(..) | Record::ForgetUndo(_) => {
                    note(&mut self.durable_undo, &record);
                }
            }
        }
    }
}
