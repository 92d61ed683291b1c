//! A world of numbers: each resource wants the system to hold a number under its id. Jobs end when the test says so, events arrive when it
//! says so, and it keeps its own books of what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeostat_model::meta::Semaphore;
use homeostat_model::{Digest, Meta, ResourceId, Value};

use super::super::*;
use crate::event::{Event, Outcome};
use crate::journal::Intent;
use crate::resource::{Applied, Check, Failure};

/// What is declared of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Desired {
    pub(super) want: i64,
    pub(super) batch: Option<u8>,
    pub(super) sema: Option<u8>,
    pub(super) noop: bool,
    pub(super) retry: Option<u16>,
}

impl Desired {
    pub(super) fn new(want: i64) -> Self {
        Self { want, batch: None, sema: None, noop: false, retry: None }
    }

    fn meta(&self) -> Arc<Meta> {
        let semaphores =
            self.sema.map(|name| Semaphore { name: format!("s{name}").into(), count: NonZeroU32::MIN });
        let retry = self.retry.map_or_else(Default::default, homeostat_model::meta::Retry::Times);
        let retry_given = self.retry.is_some();
        let semaphores = semaphores.into_iter().collect();
        Arc::new(Meta { noop: self.noop, semaphores, retry, retry_given, ..Meta::default() })
    }
}

impl Subject for Desired {
    fn same_watches(&self, _newer: &Self) -> bool {
        true
    }

    fn batch_key(&self) -> Option<Arc<str>> {
        self.batch.map(|key| key.to_string().into())
    }

    fn repairs(&self) -> bool {
        true
    }

    fn claims(&self) -> Claims {
        Claims::default()
    }
}

/// The number that an apply will write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fix(i64);

impl Drift for Fix {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("number", "?", self.0.to_string())]
    }
}

pub(super) fn id(number: u8) -> ResourceId {
    ResourceId::new("test", number.to_string())
}

/// What everybody wants, as the user wrote it.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    pub(super) resources: BTreeMap<u8, Desired>,
    /// From, to: whether it notifies.
    pub(super) edges: BTreeMap<(u8, u8), bool>,
    /// Receivers: from whom.
    pub(super) sends: BTreeMap<u8, u8>,
}

#[derive(Debug)]
enum Job {
    Check {
        ticket: Ticket,
        id: ResourceId,
        found: Check<Fix>,
        foretold: Option<Outputs>,
    },
    Apply {
        ticket: Ticket,
        id: ResourceId,
        write: Option<i64>,
        refresh: bool,
        holds: Option<u8>,
        asked_before: BTreeSet<ResourceId>,
    },
    Batch {
        id: u64,
        members: Vec<(ResourceId, i64)>,
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
    durable: BTreeSet<Intent>,
    jobs: Vec<Job>,
    /// Events that have not arrived.
    wakes: Vec<VertexKey>,
    watched: BTreeMap<ResourceId, VertexKey>,
    now: Duration,
    /// Vertices whose last attempt, of their current declaration, ended well.
    fine: BTreeSet<ResourceId>,
    /// Receivers, and whose change they have not refreshed for.
    unanswered: BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    /// Senders, and whom they notified when their apply began.
    notifies: BTreeMap<ResourceId, BTreeSet<u8>>,
    pub(super) events: Vec<Event>,
    pub(super) applied: Vec<ResourceId>,
    pub(super) checked: Vec<ResourceId>,
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
            jobs: Vec::new(),
            wakes: Vec::new(),
            watched: BTreeMap::new(),
            now: Duration::ZERO,
            fine: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            notifies: BTreeMap::new(),
            events: Vec::new(),
            applied: Vec::new(),
            checked: Vec::new(),
            refreshed: Vec::new(),
        }
    }

    pub(super) fn policy(parallel: usize) -> Policy {
        Policy { noop: false, parallel, semaphore: None, autoedges: true, batch: true, flapping: None }
    }

    fn incoming(number: u8, desired: &Desired) -> Incoming<Desired> {
        Incoming {
            id: id(number),
            resource: desired.clone(),
            digest: Digest::of(desired),
            meta: desired.meta(),
            undoes: false,
            undo_known: false,
        }
    }

    /// Hands over what differs between the text and what was loaded before. Refused when it has a cycle, and then the text
    /// goes back too.
    pub(super) fn load(&mut self, text: Text) -> bool {
        let before = std::mem::replace(&mut self.text, text);
        let changed = |number: &u8| before.resources.get(number) != self.text.resources.get(number);
        let set = self.text.resources.iter().filter(|(number, _)| changed(number));
        let set: Vec<_> = set.map(|(number, desired)| Self::incoming(*number, desired)).collect();
        let gone = before.resources.keys().filter(|number| !self.text.resources.contains_key(number));
        let diff = GraphDiff {
            remove: gone.map(|number| id(*number)).collect(),
            edges: self.edge_changes(&before),
            sends: self.send_changes(&before),
            set,
        };
        let redeclared: Vec<ResourceId> =
            diff.set.iter().map(|incoming| incoming.id.clone()).chain(diff.remove.iter().cloned()).collect();
        let removed = diff.remove.clone();
        match self.scheduler.load(diff) {
            Ok(_) => {
                redeclared.iter().for_each(|id| {
                    self.fine.remove(id);
                });
                for id in removed {
                    self.unanswered.remove(&id);
                }
                let quiet = self.text.resources.iter().filter(|(_, desired)| desired.noop);
                for (number, _) in quiet {
                    self.unanswered.remove(&id(*number));
                }
                self.follow();
                true
            }
            Err(_) => {
                self.text = before;
                self.follow();
                false
            }
        }
    }

    fn edge_changes(&self, before: &Text) -> Vec<NewEdge> {
        let new = |pair: &(u8, u8), notify| NewEdge { from: id(pair.0), to: id(pair.1), notify };
        let set = self.text.edges.iter().filter(|(pair, notify)| before.edges.get(pair) != Some(notify));
        let gone = before.edges.keys().filter(|pair| !self.text.edges.contains_key(pair));
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
        let gone = before.sends.keys().filter(|to| !self.text.sends.contains_key(to));
        set.map(|(to, from)| new(*to, Some(*from))).chain(gone.map(|to| new(*to, None))).collect()
    }

    /// Takes the scheduler's commands and looks whether they may be given.
    fn follow(&mut self) {
        self.events.extend(self.scheduler.take_events());
        for command in self.scheduler.take_commands() {
            match command {
                Command::Check(job) => self.begin_check(job),
                Command::Apply(job) => self.begin_apply(job),
                Command::Batch(job) => self.begin_batch(job),
                Command::Record(ticket, records) => self.jobs.push(Job::Record { ticket, records }),
                Command::Disarm(key) => {
                    self.wakes.retain(|wake| *wake != key);
                    self.watched.retain(|_, watched| *watched != key);
                }
            }
        }
        let running = self.jobs.iter().filter(|job| !matches!(job, Job::Record { .. })).count();
        assert_eq!(running, self.scheduler.in_flight());
        assert!(running <= self.policy.parallel, "{running} jobs are in flight");
    }

    fn begin_check(&mut self, job: CheckJob<Desired>) {
        let id = self.scheduler.graph.at(job.ticket.key.index).id.clone();
        if job.arm {
            self.watched.insert(id.clone(), job.ticket.key);
        }
        let want = desired(&job.resource, job.received.as_ref());
        let found = match self.system.get(&id) {
            Some(have) if *have == want => Check::Converged(Outputs::none().with("number", Value::Int(want))),
            _ => Check::Drifted(Fix(want)),
        };
        assert!(!self.is_busy(&id), "{id} is checked while something runs for it");
        self.assert_predecessors_fine(&id);
        self.checked.push(id.clone());
        let foretold = job.foretell.then(|| Outputs::none().with("number", Value::Int(want)));
        self.jobs.push(Job::Check { ticket: job.ticket, id, found, foretold });
    }

    fn begin_apply(&mut self, job: ApplyJob<Desired, Fix>) {
        let id = self.scheduler.graph.at(job.ticket.key.index).id.clone();
        assert!(!self.is_busy(&id), "{id} is applied while something runs for it");
        self.assert_predecessors_fine(&id);
        let holds = job.resource.sema;
        self.assert_permitted(&holds.into_iter().collect());
        let asked_before =
            if job.refresh { self.unanswered.get(&id).cloned().unwrap_or_default() } else { BTreeSet::new() };
        let write = job.drift.map(|fix| fix.0);
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
            assert!(members.iter().all(|(other, _)| *other != id));
            assert_eq!(resource.batch, key);
            self.assert_predecessors_fine(&id);
            self.assert_announced(&id);
            holds.extend(resource.sema);
            members.push((id, fix.0));
        }
        self.assert_permitted(&holds);
        self.jobs.push(Job::Batch { id: job.id, members, holds });
    }

    fn is_busy(&self, wanted: &ResourceId) -> bool {
        self.jobs.iter().any(|job| match job {
            Job::Check { id, .. } | Job::Apply { id, .. } => id == wanted,
            Job::Batch { members, .. } => members.iter().any(|(id, _)| id == wanted),
            Job::Record { .. } => false,
        })
    }

    fn predecessors(&self, to: &ResourceId) -> Vec<ResourceId> {
        let edges = self.text.edges.keys().filter(|(_, other)| id(*other) == *to).map(|(from, _)| id(*from));
        edges
            .chain(self.text.sends.iter().filter(|(other, _)| id(**other) == *to).map(|(_, from)| id(*from)))
            .collect()
    }

    /// By our own books: their last attempt ended well and nothing runs for them.
    fn assert_predecessors_fine(&self, id: &ResourceId) {
        for pred in self.predecessors(id) {
            assert!(self.fine.contains(&pred), "{id} starts before {pred} is done");
            assert!(!self.is_busy(&pred), "{id} starts while something runs for {pred}");
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
                Job::Apply { holds, .. } => holds.iter().copied().collect(),
                Job::Batch { holds, .. } => holds.clone(),
                Job::Check { .. } | Job::Record { .. } => BTreeSet::new(),
            };
            assert!(held.is_disjoint(wanted), "two hold the same permit");
        }
    }

    /// Ends one of the jobs that run; a check ends with what was true when it began.
    pub(super) fn end_job(&mut self, choice: usize, fail: bool) {
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
        let failure = || Failure::transient("the script says so");
        match job {
            Job::Check { ticket, id, found, foretold } => {
                let converged = matches!(found, Check::Converged(_));
                self.note_end(&id, ticket, converged && !fail);
                let end = CheckEnd { check: found, undo: None, foretold };
                self.scheduler.check_ended(
                    ticket,
                    if fail { Err(failure()) } else { Ok(end) },
                    Duration::ZERO,
                );
                // A vertex that only reports is done although it differs.
                self.note_reported(&id, ticket);
            }
            Job::Apply { ticket, id, write, refresh, asked_before, .. } => {
                let result = if fail {
                    Err(failure())
                } else {
                    Ok(self.take_effect(&id, write, refresh, &asked_before))
                };
                self.note_end(&id, ticket, !fail);
                self.scheduler.apply_ended(ticket, result, Duration::ZERO);
            }
            Job::Batch { id, members, .. } => {
                let mut ends = Vec::new();
                for (member, write) in &members {
                    self.fine.remove(member);
                    if !fail {
                        ends.push(self.take_effect(member, Some(*write), false, &BTreeSet::new()));
                        self.fine.insert(member.clone());
                    }
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
                    self.scheduler.record_ended(ticket, if refused { Err(failure()) } else { Ok(()) });
                }
            }
        }
        self.follow();
    }

    fn note_end(&mut self, id: &ResourceId, ticket: Ticket, well: bool) {
        let current = self.scheduler.graph.resolve(ticket.key);
        let current = current.is_some_and(|at| self.scheduler.graph.at(at).data.version == ticket.version);
        if well && current {
            self.fine.insert(id.clone());
        } else {
            self.fine.remove(id);
        }
    }

    fn note_reported(&mut self, id: &ResourceId, ticket: Ticket) {
        let Some(at) = self.scheduler.graph.resolve(ticket.key) else { return };
        let state = &self.scheduler.graph.at(at).data;
        if state.meta.noop && matches!(state.standing, state::Standing::Reported(_)) {
            self.fine.insert(id.clone());
        }
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
            self.system.insert(id.clone(), number);
            self.wakes.extend(self.watched.get(id));
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
        let changes = write.map(|number| Fix(number).changes()).unwrap_or_default();
        ApplyEnd { applied: Applied { outputs, covers_refresh: false }, changes, refreshed: refresh }
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
            if self.text.resources.get(&to).is_some_and(|desired| !desired.noop) {
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
                Record::Undo(..) | Record::ForgetUndo(_) => {}
            }
        }
    }

    /// Somebody else changes the system; whoever watches is woken, sooner or later.
    pub(super) fn meddle(&mut self, number: u8, value: i64) {
        self.system.insert(id(number), value);
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
                    for (id, write) in members {
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
        let text = std::mem::take(&mut self.text);
        assert!(self.load(text), "what ran before is valid");
        self.scheduler.forget_owed_before();
        self.follow();
    }

    /// Lets everything end well and looks at the end.
    pub(super) fn run_out(&mut self) {
        for _ in 0..100_000 {
            if !self.jobs.is_empty() {
                self.end_job(0, false);
            } else if !self.wakes.is_empty() {
                self.deliver_wakes();
            } else if self.scheduler.is_settled() && self.everybody_fine() {
                return;
            } else if self.scheduler.next_deadline().is_some() {
                self.pass_time();
            } else {
                break;
            }
        }
        let standpoints = self.scheduler.standpoints();
        panic!("it does not come to rest: {standpoints:#?}");
    }

    fn everybody_fine(&self) -> bool {
        let in_order =
            |outcome| matches!(outcome, Outcome::Changed | Outcome::Unchanged | Outcome::WouldChange);
        let failed_for_good = |point: &Standpoint| self.gave_up(&point.id);
        let hindered = |point: &Standpoint| matches!(point.outcome, Outcome::Blocked | Outcome::Waiting);
        let points = self.scheduler.standpoints();
        let given_up = points.iter().any(|point| point.outcome == Outcome::Failed && failed_for_good(point));
        points
            .iter()
            .all(|point| in_order(point.outcome) || failed_for_good(point) || (given_up && hindered(point)))
    }

    /// Whether a resource has a bound on its retries and used it up.
    fn gave_up(&self, wanted: &ResourceId) -> bool {
        let declared = self.text.resources.iter().find(|(number, _)| id(**number) == *wanted);
        declared.is_some_and(|(_, desired)| desired.retry.is_some())
    }

    /// The naive serial engine: one after the other, predecessors first, with nothing going wrong.
    pub(super) fn oracle(&self) -> BTreeMap<ResourceId, i64> {
        let mut numbers: BTreeMap<u8, i64> = BTreeMap::new();
        while numbers.len() < self.text.resources.len() {
            for (number, desired) in &self.text.resources {
                let received = self.text.sends.get(number).map(|from| numbers.get(from).copied());
                match received {
                    Some(None) => {}
                    Some(Some(value)) => {
                        numbers.insert(*number, desired.want + 100 * value);
                    }
                    None => {
                        numbers.insert(*number, desired.want);
                    }
                }
            }
        }
        numbers.into_iter().map(|(number, value)| (id(number), value)).collect()
    }

    /// What must hold when everything has come to rest.
    pub(super) fn assert_at_rest(&self) {
        let oracle = self.oracle();
        let given_up: BTreeSet<ResourceId> = self
            .scheduler
            .standpoints()
            .into_iter()
            .filter(|point| matches!(point.outcome, Outcome::Failed | Outcome::Blocked | Outcome::Waiting))
            .map(|point| point.id)
            .collect();
        for (number, desired) in &self.text.resources {
            if !desired.noop && !given_up.contains(&id(*number)) {
                assert_eq!(
                    self.system.get(&id(*number)),
                    oracle.get(&id(*number)),
                    "{} is not as declared",
                    id(*number)
                );
            }
        }
        for (receiver, senders) in &self.unanswered {
            if !given_up.contains(receiver) {
                assert!(senders.is_empty(), "{receiver} was not refreshed for {senders:?}");
            }
        }
        assert!(self.jobs.is_empty() && self.wakes.is_empty());
        assert_eq!(self.scheduler.graph.len(), self.text.resources.len());
        let totals = self.scheduler.totals();
        assert_eq!(totals.resources, self.text.resources.len());
    }

    /// Hands the whole text over once more: nobody may be touched.
    pub(super) fn assert_reload_touches_nobody(&mut self) {
        let before = self.checked.len();
        let text = self.text.clone();
        assert!(self.load(text));
        assert_eq!(self.checked.len(), before, "an unchanged text made somebody be checked");
        assert!(self.jobs.is_empty());
    }

    /// Starts everything and lets it end well.
    pub(super) fn start(&mut self, text: Text) {
        assert!(self.load(text), "the text is refused");
        self.run_out();
        self.assert_at_rest();
    }
}

fn desired(resource: &Desired, received: Option<&Received>) -> i64 {
    let received = received.into_iter().flat_map(|received| received.values.iter());
    let sum: i64 = received.map(|(_, value)| if let Value::Int(number) = value { *number } else { 0 }).sum();
    resource.want + 100 * sum
}
