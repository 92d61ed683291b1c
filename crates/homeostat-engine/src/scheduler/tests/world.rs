//! A world of numbers: each resource wants the system to hold a number under its id. Jobs end when the test says so, events arrive
//! when it says so, and it keeps its own books of what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use homeostat_model::ResourceId;

use super::super::*;
use super::text::{Desired, Text, has_cycle, id, note, number_in, undoing};
use crate::event::{Event, EventKind, Outcome};
use crate::journal::{Intent, Undo};
use crate::resource::Check;

/// The number that was found, and the one that an apply will write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fix(pub(super) i64, pub(super) i64);

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
    pub(super) undo: BTreeMap<ResourceId, Undo>,
    /// Those that are being undone, and to which number.
    pub(super) undone: BTreeMap<ResourceId, i64>,
    /// Those that were removed and are to be brought in order before they go.
    pub(super) lingering: BTreeMap<ResourceId, Desired>,
    pub(super) unrealized: BTreeSet<ResourceId>,
    /// Those whose last attempt said that this host cannot do it.
    pub(super) unsupported: BTreeSet<ResourceId>,
    /// By the events: those that failed, those that are slowed down, and what hinders whom.
    pub(super) failing: BTreeSet<ResourceId>,
    pub(super) flapping: BTreeSet<ResourceId>,
    pub(super) hindrances: BTreeMap<ResourceId, String>,
    pub(super) received: BTreeMap<(ResourceId, u32), i64>,
    pub(super) jobs: Vec<Job>,
    /// Events that have not arrived.
    pub(super) wakes: Vec<VertexKey>,
    pub(super) watched: BTreeMap<ResourceId, VertexKey>,
    pub(super) now: Duration,
    /// Vertices whose last attempt, of their current declaration, ended well.
    pub(super) fine: BTreeSet<ResourceId>,
    /// Receivers, and whose change they have not refreshed for.
    pub(super) unanswered: BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    /// Senders, and whom they notified when their apply began.
    pub(super) notifies: BTreeMap<ResourceId, BTreeSet<u8>>,
    /// Whether a source takes our own changes for somebody else's.
    pub(super) own_changes_wake: bool,
    /// Whether resources see at once that nothing happened to them.
    pub(super) see_at_once: bool,
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
            see_at_once: false,
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
    pub(super) fn follow(&mut self) {
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

    /// Somebody else changes the system; whoever watches is woken, sooner or later.
    pub(super) fn meddle(&mut self, number: u8, value: i64) {
        self.system.insert(id(number), value);
        self.undone.remove(&id(number));
        self.wakes.extend(self.watched.get(&id(number)));
    }

    pub(super) fn deliver_wakes(&mut self) {
        let wakes = std::mem::take(&mut self.wakes);
        let (system, see_at_once) = (&self.system, self.see_at_once);
        let is_unchanged =
            |id: &ResourceId, desired: &Desired| see_at_once && system.get(id) == Some(&desired.want);
        self.scheduler.woken(wakes, Causes::WAKE, is_unchanged);
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
