//! Edges to and from other hosts.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::*;
use super::text::{Desired, id};
use super::world::World;
use crate::event::Outcome;
use crate::store::Stand;

/// It is different.
#[derive(Debug)]
struct Off;

impl Drift for Off {
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

type Found = Result<Check<Off>, Failure>;

/// A scheduler whose jobs end as they are told, and a journal that a test can carry over a restart.
struct Bench {
    scheduler: Scheduler<Desired, Off>,
    /// What a look finds, by resource; one that is not named is in order.
    finds: BTreeMap<ResourceId, fn() -> Found>,
    applied: Vec<ResourceId>,
    records: Vec<Record>,
    resources: Vec<(u8, Desired)>,
}

/// The vertex 0 is of another host and 1 comes after it.
fn pair() -> Vec<(u8, Desired)> {
    vec![(0, Desired { elsewhere: true, ..Desired::new(0) }), (1, Desired::new(1))]
}

impl Bench {
    fn new(resources: Vec<(u8, Desired)>, records: &[Record]) -> Self {
        let mut scheduler = Scheduler::new(World::policy(8));
        scheduler.set_time(Duration::ZERO, at(1000));
        let done = records.iter().filter_map(|record| match record {
            Record::Done(id, digest) => Some((id.clone(), *digest)),
            _ => None,
        });
        let mut counts: BTreeMap<ResourceId, u64> = BTreeMap::new();
        for record in records {
            if let Record::Count(id, count) = record {
                counts.insert(id.clone(), *count);
            }
        }
        scheduler.remember_elsewhere_before(done.collect(), counts.into_iter().collect());
        let records = records.to_vec();
        Self { scheduler, finds: BTreeMap::new(), applied: Vec::new(), records, resources }
    }

    fn load(&mut self, edges: &[(u8, u8)]) {
        let set = self.resources.iter().map(|(number, one)| one.incoming(*number, None)).collect();
        let edge = |(from, to): &(u8, u8)| NewEdge { from: id(*from), to: id(*to), notify: Some(false) };
        let edges = edges.iter().map(edge).collect();
        let diff = GraphDiff { set, remove: vec![], edges, sends: vec![], moved: vec![] };
        self.scheduler.load(diff).unwrap();
        self.scheduler.forget_owed_before();
        self.run();
    }

    fn finds(&mut self, number: u8, found: fn() -> Found) {
        self.finds.insert(id(number), found);
    }

    fn wake(&mut self, number: u8) {
        let at = self.scheduler.graph.find(&id(number)).unwrap();
        let key = self.scheduler.graph.key(at);
        self.scheduler.woken([key], Causes::WAKE, |_, _| false);
        self.run();
    }

    /// Ends every job. An apply brings its resource in order.
    fn run(&mut self) {
        loop {
            let commands = self.scheduler.take_commands();
            if commands.is_empty() {
                return;
            }
            commands.into_iter().for_each(|command| self.end(command));
        }
    }

    fn end(&mut self, command: Command<Desired, Off>) {
        match command {
            Command::Check(job) => {
                let at = self.scheduler.graph.resolve(job.ticket.key).unwrap();
                let found = self.finds.get(&self.scheduler.graph.at(at).id);
                let found = found.map_or_else(|| Ok(Check::converged()), |find| find());
                let end = found.map(|check| CheckEnd { check, undo: None, foretold: Foretold::default() });
                self.scheduler.check_ended(job.ticket, end, Duration::ZERO);
            }
            Command::Apply(job) => {
                let at = self.scheduler.graph.resolve(job.ticket.key).unwrap();
                let whom = self.scheduler.graph.at(at).id.clone();
                self.finds.remove(&whom);
                self.applied.push(whom);
                let end = ApplyEnd {
                    applied: Applied::done(),
                    changes: Vec::new(),
                    refreshed: false,
                    refresh_failed: None,
                };
                self.scheduler.apply_ended(job.ticket, Ok(end), Duration::ZERO);
            }
            Command::Record(ticket, records) => {
                self.records.extend(records);
                if let Some(ticket) = ticket {
                    self.scheduler.record_ended(ticket, Ok(()));
                }
            }
            Command::Batch(_) => unreachable!("nobody has a batch"),
            Command::Disarm(_) => {}
        }
    }

    fn standing(&self, number: u8) -> (Outcome, Option<String>) {
        let points = self.scheduler.standpoints();
        let point = points.iter().find(|point| point.id == id(number)).unwrap();
        (point.outcome, point.waiting_on.as_ref().map(ToString::to_string))
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn waiting() -> Found {
    Err(Failure::waiting("the other host"))
}

fn unknown() -> Found {
    Err(Failure::unknown("nobody says"))
}

fn off() -> Found {
    Ok(Check::Drifted(Off))
}

fn in_order() -> Found {
    Ok(Check::converged())
}

#[test]
fn what_comes_after_something_that_waits_says_what_for_and_starts_with_it() {
    let mut bench = Bench::new(pair(), &[]);
    bench.finds(0, waiting);
    bench.finds(1, off);
    bench.load(&[(0, 1)]);
    for number in [0, 1] {
        assert_eq!(bench.standing(number), (Outcome::Waiting, Some("the other host".into())));
    }
    assert!(bench.scheduler.is_settled());
    bench.finds(0, in_order);
    bench.wake(0);
    assert_eq!(bench.applied, [id(1)]);
    assert_eq!(bench.standing(1), (Outcome::Changed, None));
}

#[test]
fn what_is_unknown_holds_back_what_was_never_done_and_no_repair() {
    let mut bench = Bench::new(pair(), &[]);
    bench.finds(0, unknown);
    bench.finds(1, off);
    bench.load(&[(0, 1)]);
    assert_eq!(bench.standing(1), (Outcome::Waiting, Some("nobody says".into())));
    bench.finds(0, in_order);
    bench.wake(0);
    assert_eq!(bench.applied, [id(1)]);
    for known in [unknown, waiting] {
        bench.applied.clear();
        bench.finds(0, known);
        bench.wake(0);
        bench.finds(1, off);
        bench.wake(1);
        let repaired = known().is_err_and(|failure| matches!(failure, Failure::Unknown(_)));
        assert_eq!(!bench.applied.is_empty(), repaired, "what is known not to be done holds back all");
    }
    bench.finds(0, unknown);
    bench.wake(0);
    assert_eq!(bench.applied, [id(1)], "who waited goes on when nobody knows any more");
}

#[test]
fn what_was_done_is_remembered_as_it_was_declared() {
    let mut bench = Bench::new(pair(), &[]);
    bench.load(&[(0, 1)]);
    let records = bench.records.clone();
    assert!(records.iter().any(|record| matches!(record, Record::Done(whom, _) if *whom == id(1))));
    let mut same = Bench::new(pair(), &records);
    same.finds(0, unknown);
    same.finds(1, off);
    same.load(&[(0, 1)]);
    assert_eq!(same.applied, [id(1)]);
    let mut other = Bench::new(vec![pair().remove(0), (1, Desired::new(7))], &records);
    other.finds(0, unknown);
    other.finds(1, off);
    other.load(&[(0, 1)]);
    assert_eq!(other.applied, []);
}

#[test]
fn a_change_of_what_others_refer_to_is_counted_before_it_is_made() {
    let told = || vec![(1, Desired { publish: true, ..Desired::new(1) })];
    let mut bench = Bench::new(told(), &[]);
    bench.finds(1, off);
    bench.load(&[]);
    let first = 1_000_000;
    let shown = bench.scheduler.take_shown().unwrap();
    assert_eq!(shown[&id(1)], Some(Stand { done: true, changes: first + 1 }));
    let counts: Vec<&Record> =
        bench.records.iter().filter(|record| matches!(record, Record::Count(..))).collect();
    assert_eq!(counts, [&Record::Count(id(1), first), &Record::Count(id(1), first + 1)]);
    bench.wake(1);
    assert_eq!(bench.scheduler.take_shown(), None, "a look that finds nothing is no news");
    // A crash after it was counted tells of it once more.
    let mut again = Bench::new(told(), &bench.records);
    again.load(&[]);
    assert_eq!(again.scheduler.take_shown().unwrap()[&id(1)], Some(Stand { done: true, changes: first + 1 }));
    again.finds(1, waiting);
    again.wake(1);
    assert_eq!(
        again.scheduler.take_shown().unwrap()[&id(1)],
        Some(Stand { done: false, changes: first + 1 })
    );
}

#[test]
fn what_nobody_refers_to_any_more_is_shown_to_nobody() {
    let mut bench = Bench::new(vec![(1, Desired { publish: true, ..Desired::new(1) })], &[]);
    bench.load(&[]);
    assert_eq!(bench.scheduler.take_shown().unwrap().len(), 1);
    bench.resources = vec![(1, Desired::new(1))];
    bench.load(&[]);
    assert_eq!(bench.scheduler.take_shown().unwrap().len(), 0);
    assert_eq!(bench.records.last(), Some(&Record::ForgetCount(id(1))));
}
