//! A world of numbers: each resource wants the system to hold a number under its id. Jobs end when the test says so, events arrive when it
//! says so, and it keeps its own books of what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use homeostat_model::{ResourceId, Value};

use super::super::*;
use super::text::{ABSENT, Desired, Text, captured, has_cycle, id, note, number_in, undoing};
use crate::event::{Event, EventKind, Outcome};
use crate::journal::{Intent, Undo};
use crate::resource::{Applied, Check, Failure};

/// The number that was found, and the one that an apply will write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fix(i64, i64);

impl Drift for Fix {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("number", self.0.to_string(), self.1.to_string())]
    }
}

/// How the test lets a job end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Fails,
    /// It fails, and will until something changes.
    FailsForGood,
    /// This host cannot do it.
    IsUnsupported,
    /// It fails after it has done what it should.
    FailsLate,
}

#[derive(Debug)]
pub(super) enum Job {
    Check {
        ticket: Ticket,
        id: ResourceId,
        found: Check<Fix>,
        foretold: Option<Outputs>,
        undo: Option<i64>,
    },
    Apply {
        ticket: Ticket,
        id: ResourceId,
        write: Option<i64>,
        refresh: bool,
        holds: BTreeSet<u8>,
        asked_before: BTreeSet<ResourceId>,
    },
    Batch {
        id: u64,
        members: Vec<(Ticket, ResourceId, i64)>,
        holds: BTreeSet<u8>,
    },
    Record {
        ticket: Option<Ticket>,
        records: Vec<Record>,
    },
}

pub(super) struct World {
    pub(super) scheduler: Scheduler<Desired, Fix>,
    pub(super) text: Text,
    pub(super) policy: Policy,
    /// The system that is managed.
    pub(super) system: BTreeMap<ResourceId, i64>,
    /// What survives a crash.
    pub(super) durable: BTreeSet<Intent>,
    pub(super) durable_undo: BTreeMap<ResourceId, Undo>,
    /// What undoes resources, as far as it was to be recorded.
    undo: BTreeMap<ResourceId, Undo>,
    /// Those that are being undone, and to which number.
    pub(super) undone: BTreeMap<ResourceId, i64>,
    /// Those that were removed and are to be brought in order before they go.
    pub(super) lingering: BTreeMap<ResourceId, Desired>,
    unrealized: BTreeSet<ResourceId>,
    /// Those whose last attempt said that this host cannot do it.
    pub(super) unsupported: BTreeSet<ResourceId>,
    /// By the events: those that failed, those that are slowed down, and what hinders whom.
    pub(super) failing: BTreeSet<ResourceId>,
    pub(super) flapping: BTreeSet<ResourceId>,
    hindrances: BTreeMap<ResourceId, String>,
    received: BTreeMap<(ResourceId, u32), i64>,
    pub(super) jobs: Vec<Job>,
    /// Events that have not arrived.
    pub(super) wakes: Vec<VertexKey>,
    pub(super) watched: BTreeMap<ResourceId, VertexKey>,
    pub(super) now: Duration,
    /// Vertices whose last attempt, of their current declaration, ended well.
    fine: BTreeSet<ResourceId>,
    /// Receivers, and whose change they have not refreshed for.
    pub(super) unanswered: BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    /// Senders, and whom they notified when their apply began.
    notifies: BTreeMap<ResourceId, BTreeSet<u8>>,
    /// Whether a source takes our own changes for somebody else's.
    pub(super) own_changes_wake: bool,
    pub(super) events: Vec<Event>,
    pub(super) applied: Vec<ResourceId>,
    pub(super) checked: Vec<ResourceId>,
    pub(super) armed: Vec<(ResourceId, Arm)>,
    pub(super) refreshed: Vec<ResourceId>,
}

impl World {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            scheduler: Scheduler::new(policy.clone()),
            text: Text::default(),
            policy,
            system: BTreeMap::new(),
            durable: BTreeSet::new(),
            durable_undo: BTreeMap::new(),
            undo: BTreeMap::new(),
            undone: BTreeMap::new(),
            lingering: BTreeMap::new(),
            unrealized: BTreeSet::new(),
            unsupported: BTreeSet::new(),
            failing: BTreeSet::new(),
            flapping: BTreeSet::new(),
            hindrances: BTreeMap::new(),
            received: BTreeMap::new(),
            jobs: Vec::new(),
            wakes: Vec::new(),
            watched: BTreeMap::new(),
            now: Duration::ZERO,
            fine: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            notifies: BTreeMap::new(),
            own_changes_wake: true,
            events: Vec::new(),
            applied: Vec::new(),
            checked: Vec::new(),
            armed: Vec::new(),
            refreshed: Vec::new(),
        }
    }

    pub(super) fn policy(parallel: usize) -> Policy {
        Policy {
            noop: false,
            parallel,
            semaphore: None,
            autoedges: true,
            batch: true,
            attempts: 3,
            once: false,
            flapping: None,
        }
    }

    /// Makes the text the whole of what is desired. Refused when it has a cycle, and then the text goes back too.
    pub(super) fn load(&mut self, text: Text) -> bool {
        let (delta, _) = self.scheduler.compare(text.catalog());
        let before = std::mem::replace(&mut self.text, text);
        let set: Vec<u8> =
            delta.set.iter().map(|decl| decl.id.name.parse().expect("names are numbers")).collect();
        let mut remove = delta.remove;
        let gone = |id: &&ResourceId| self.text.of(id).is_none() && self.scheduler.graph.find(id).is_none();
        remove.extend(self.undo.keys().filter(gone).cloned());
        let removed = delta.remove_edges.into_iter().map(|(from, to)| NewEdge { from, to, notify: None });
        let edges = delta.set_edges.into_iter().map(|edge| NewEdge {
            from: edge.from,
            to: edge.to,
            notify: Some(edge.notify),
        });
        let edges = removed.chain(edges).collect();
        let gone = delta.remove_sends.into_iter().map(|(to, param)| NewSend { to, param, from: None });
        let sends = delta.set_sends.into_iter().map(|send| NewSend {
            to: send.to,
            param: send.param,
            from: Some((send.from, send.key)),
        });
        let sends = gone.chain(sends).collect();
        self.hand_over(before, &set, remove, edges, sends)
    }

    /// Hands over what differs from the text before, as a front end does that knows nothing of the graph.
    pub(super) fn load_delta(&mut self, text: Text) -> bool {
        let before = std::mem::replace(&mut self.text, text);
        let changed = |number: &&u8| before.resources.get(number) != self.text.resources.get(number);
        let set: Vec<u8> = self.text.resources.keys().filter(changed).copied().collect();
        let gone = before.resources.keys().filter(|number| !self.text.resources.contains_key(number));
        let remove = gone.map(|number| id(*number)).collect();
        let (edges, sends) = (self.edge_changes(&before), self.send_changes(&before));
        self.hand_over(before, &set, remove, edges, sends)
    }

    /// What the loader does: those that go are undone where that is known.
    fn hand_over(
        &mut self,
        before: Text,
        set: &[u8],
        remove: Vec<ResourceId>,
        edges: Vec<NewEdge>,
        sends: Vec<NewSend>,
    ) -> bool {
        let former = |id: &ResourceId| self.undo.get(id).map(|undo| undo.former.clone());
        let incoming = |number: &u8| self.text.resources[number].incoming(*number, former(&id(*number)));
        let mut diff = GraphDiff {
            set: set.iter().map(incoming).collect(),
            remove: Vec::new(),
            edges,
            sends,
            moved: Vec::new(),
        };
        let mut undone: BTreeMap<ResourceId, i64> = BTreeMap::new();
        let mut undoings: BTreeSet<ResourceId> = BTreeSet::new();
        for id in &remove {
            match self.undo.get(id) {
                Some(undo) => {
                    if !undo.former.meta.noop {
                        undone.insert(id.clone(), number_in(&undo.params));
                    }
                    undoings.insert(id.clone());
                    diff.set.push(undoing(id, undo));
                }
                None => diff.remove.push(id.clone()),
            }
        }
        let came_after = |id: &ResourceId| self.undo.get(id).map_or(&[] as &[_], |undo| &undo.former.after);
        diff.edges.extend(opposite_order(&undoings, came_after));
        let plainly_removed = diff.remove.clone();
        let redeclared: Vec<ResourceId> = diff.set.iter().map(|incoming| incoming.id.clone()).collect();
        let fine_before = self.fine.clone();
        match self.scheduler.load(diff) {
            Ok(_) => {
                for id in redeclared.iter().chain(&remove) {
                    self.fine.remove(id);
                }
                for id in &redeclared {
                    self.unsupported.remove(id);
                    self.undone.remove(id);
                    self.lingering.remove(id);
                    self.unrealized.remove(id);
                }
                self.undone.extend(undone);
                for id in plainly_removed {
                    self.note_removed(&before, id, &fine_before);
                }
                self.forgive_the_quiet(&remove);
                self.follow();
                true
            }
            Err(error) => {
                assert!(has_cycle(&self.text.explicit()), "a text without a cycle is refused: {error:?}");
                self.text = before;
                self.follow();
                false
            }
        }
    }

    fn note_removed(&mut self, before: &Text, id: ResourceId, fine_before: &BTreeSet<ResourceId>) {
        let declared = before.of(&id).cloned().or_else(|| self.lingering.get(&id).cloned());
        let Some(declared) = declared.filter(|declared| declared.realize && !declared.reverse) else {
            return;
        };
        if !declared.hidden && !self.policy.noop && !fine_before.contains(&id) {
            self.unrealized.insert(id.clone());
        }
        self.lingering.insert(id, declared);
    }

    /// Those that go, and those that only report, owe nobody a refresh; one that is hidden never changes.
    fn forgive_the_quiet(&mut self, removed: &[ResourceId]) {
        for id in removed {
            self.unanswered.remove(id);
        }
        for (number, desired) in &self.text.resources {
            if desired.noop || desired.hidden {
                self.unanswered.remove(&id(*number));
            }
            if desired.hidden {
                self.unanswered.values_mut().for_each(|senders| {
                    senders.remove(&id(*number));
                });
            }
        }
    }

    fn edge_changes(&self, before: &Text) -> Vec<NewEdge> {
        let new = |pair: &(u8, u8), notify| NewEdge { from: id(pair.0), to: id(pair.1), notify };
        let set = self.text.edges.iter().filter(|(pair, notify)| before.edges.get(pair) != Some(notify));
        let stay = |number: &u8| self.text.resources.contains_key(number);
        let gone = before.edges.keys().filter(|pair| !self.text.edges.contains_key(pair));
        let gone = gone.filter(|(from, to)| stay(from) && stay(to));
        let set = set.map(|(pair, notify)| new(pair, Some(*notify)));
        set.chain(gone.map(|pair| new(pair, None))).collect()
    }

    fn send_changes(&self, before: &Text) -> Vec<NewSend> {
        let new = |to: u8, from: Option<u8>| NewSend {
            to: id(to),
            param: "received".into(),
            from: from.map(|from| (id(from), "number".into())),
        };
        let set = self.text.sends.iter().filter(|(to, from)| before.sends.get(to) != Some(from));
        let stay = |number: &u8| self.text.resources.contains_key(number);
        let gone = before.sends.iter().filter(|(to, _)| !self.text.sends.contains_key(to));
        let gone = gone.filter(|(to, from)| stay(from) && stay(to));
        set.map(|(to, from)| new(*to, Some(*from))).chain(gone.map(|(to, _)| new(*to, None))).collect()
    }

    /// Takes the scheduler's commands and looks whether they may be given.
    fn follow(&mut self) {
        self.note_events();
        for command in self.scheduler.take_commands() {
            match command {
                Command::Check(job) => self.begin_check(job),
                Command::Apply(job) => self.begin_apply(job),
                Command::Batch(job) => self.begin_batch(job),
                Command::Record(ticket, records) => {
                    assert!(ticket.is_none() || !self.policy.noop, "a dry run records");
                    self.remember(&records);
                    self.jobs.push(Job::Record { ticket, records });
                }
                Command::Disarm(key) => {
                    self.wakes.retain(|wake| *wake != key);
                    self.watched.retain(|_, watched| *watched != key);
                }
            }
        }
        let running = self.jobs.iter().filter(|job| !matches!(job, Job::Record { .. })).count();
        assert_eq!(running, self.scheduler.in_flight());
        assert!(running <= self.policy.parallel, "{running} jobs are in flight");
        self.scheduler.assert_consistent();
    }

    fn remember(&mut self, records: &[Record]) {
        // It ignores what undoes nothing.
        records.iter().for_each(|record| note(&mut self.undo, record));
    }

    /// Events tell a story without holes: who failed recovers, who is hindered is said to be, and once.
    fn note_events(&mut self) {
        let events = self.scheduler.take_events();
        let mut said: BTreeSet<ResourceId> = BTreeSet::new();
        for event in &events {
            let Some(id) = &event.id else { continue };
            match &event.kind {
                EventKind::Failed { .. } => drop(self.failing.insert(id.clone())),
                EventKind::Recovered => assert!(self.failing.remove(id), "{id} recovers without a failure"),
                EventKind::Flapping { .. } => assert!(self.flapping.insert(id.clone()), "{id} flaps twice"),
                EventKind::Calm => assert!(self.flapping.remove(id), "{id} is calm without a quarrel"),
                EventKind::Blocked { .. } | EventKind::Waiting { .. } => drop(said.insert(id.clone())),
                EventKind::Removed => {
                    assert_eq!(event.cause, Cause::Removed);
                    assert!(!self.unrealized.remove(id), "{id} went without being brought in order");
                    self.failing.remove(id);
                    self.flapping.remove(id);
                    self.lingering.remove(id);
                    self.fine.remove(id);
                }
                _ => {}
            }
        }
        let points = self.scheduler.standpoints().into_iter();
        let hindered = points.filter(|point| matches!(point.outcome, Outcome::Blocked | Outcome::Waiting));
        let hindrances: BTreeMap<ResourceId, String> = hindered
            .map(|point| (point.id.clone(), format!("{:?} {:?}", point.outcome, point.waiting_on)))
            .collect();
        for (id, hindrance) in &hindrances {
            let news = self.hindrances.get(id) != Some(hindrance);
            assert!(!news || said.contains(id), "nobody says that {id} is {hindrance}");
        }
        self.hindrances = hindrances;
        self.events.extend(events);
    }

    fn begin_check(&mut self, job: CheckJob<Desired>) {
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

    fn begin_apply(&mut self, job: ApplyJob<Desired, Fix>) {
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

    fn begin_batch(&mut self, job: BatchJob<Desired, Fix>) {
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

    fn is_busy(&self, wanted: &ResourceId) -> bool {
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
    fn take_effect(
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

    fn put(&mut self, id: &ResourceId, number: i64) {
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

    fn make_durable(&mut self, records: Vec<Record>) {
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

    /// Somebody else changes the system; whoever watches is woken, sooner or later.
    pub(super) fn meddle(&mut self, number: u8, value: i64) {
        self.system.insert(id(number), value);
        self.undone.remove(&id(number));
        self.wakes.extend(self.watched.get(&id(number)));
    }

    pub(super) fn deliver_wakes(&mut self) {
        let wakes = std::mem::take(&mut self.wakes);
        self.scheduler.woken(wakes, Causes::WAKE);
        self.follow();
    }

    /// Goes to the next moment at which something is due.
    pub(super) fn pass_time(&mut self) {
        if let Some(next) = self.scheduler.next_deadline() {
            self.now = self.now.max(next);
        }
        self.scheduler.set_time(self.now, SystemTime::UNIX_EPOCH);
        self.scheduler.tick();
        self.follow();
    }

    /// The process dies and is started again. What was in flight may have taken effect or not, and what was being recorded may
    /// have become durable or not.
    pub(super) fn crash(&mut self, luck: u8) {
        let text = self.text.clone();
        self.crash_and_load(luck, text);
    }

    /// The text may have changed while nothing ran.
    pub(super) fn crash_and_load(&mut self, luck: u8, text: Text) {
        let mut journal_open = true;
        for (at, job) in std::mem::take(&mut self.jobs).into_iter().enumerate() {
            if luck >> (at % 8) & 1 == 0 {
                journal_open &= !matches!(job, Job::Record { .. });
                continue;
            }
            match job {
                Job::Apply { id, write, refresh, asked_before, .. } => {
                    self.take_effect(&id, write, refresh, &asked_before);
                }
                Job::Batch { members, .. } => {
                    for (_, id, write) in members {
                        self.take_effect(&id, Some(write), false, &BTreeSet::new());
                    }
                }
                Job::Record { records, .. } if journal_open => self.make_durable(records),
                Job::Record { .. } => {}
                Job::Check { .. } => {}
            }
        }
        self.wakes.clear();
        self.watched.clear();
        self.fine.clear();
        self.scheduler = Scheduler::new(self.policy.clone());
        self.scheduler.set_time(self.now, SystemTime::UNIX_EPOCH);
        self.scheduler.remember_owed(self.durable.iter().cloned().collect());
        self.undo = self.durable_undo.clone();
        self.undone.clear();
        self.lingering.clear();
        self.unrealized.clear();
        self.unsupported.clear();
        self.failing.clear();
        self.flapping.clear();
        self.hindrances.clear();
        self.received.clear();
        for number in self.text.resources.keys().filter(|number| !text.resources.contains_key(number)) {
            self.unanswered.remove(&id(*number));
        }
        self.text = Text::default();
        assert!(self.load(text), "what ran before is valid");
        self.scheduler.forget_owed_before();
        self.follow();
    }
}

fn desired(resource: &Desired, received: Option<&Received>) -> i64 {
    let received = received.into_iter().flat_map(|received| received.values.iter());
    let sum: i64 = received.map(|(_, value)| if let Value::Int(number) = value { *number } else { 0 }).sum();
    resource.want + 100 * sum
}
