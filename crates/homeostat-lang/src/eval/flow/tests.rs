use std::sync::{Arc, Mutex};

use super::*;
use crate::Value;
use crate::eval::Failure;
use crate::functions::SourceRequest;

/// Which operations ran with which sum, in order.
type Log = Arc<Mutex<Vec<(&'static str, i64)>>>;

struct Sum(&'static str, Log);

impl Operate for Sum {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        match step.all_values() {
            Ok(values) => {
                let sum = values.iter().map(int).sum();
                self.1.lock().unwrap().push((self.0, sum));
                Value::Int(sum).into()
            }
            Err(other) => other,
        }
    }

    fn is_pure(&self) -> bool {
        true
    }
}

struct Ask(u64);

impl Operate for Ask {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        match step.ask(&question(self.0)) {
            Some(Ok(value)) => value.into(),
            Some(Err(error)) => Outcome::Failed(Failure::new("failed", error.to_string())),
            None => Outcome::Unknown(None),
        }
    }
}

/// The parity, so that most changes end here.
struct Parity;

impl Operate for Parity {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        step.value(0).map_or_else(|other| other, |value| Value::Int(int(value) % 2).into())
    }
}

/// Takes a value for something that it is made of: an operation that asks, and others on top of it.
struct Choose {
    join: Arc<Mutex<Option<OpId>>>,
    chosen: Option<i64>,
    log: Log,
}

impl Operate for Choose {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let chosen = match step.value(0) {
            Ok(value) => int(value),
            Err(other) => return other,
        };
        if self.chosen.replace(chosen) != Some(chosen) {
            let asks = step.flow().add(Ask(chosen as u64), &[]);
            let mut branch = asks;
            for _ in 0..3 {
                branch = step.flow().add(Sum("branch", self.log.clone()), &[branch]);
            }
            let join = self.join.lock().unwrap().unwrap();
            step.rewire(join, 1, &[branch]);
        }
        Outcome::NOTHING
    }
}

/// Has what the operation that was chosen has.
struct Join;

impl Operate for Join {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        match step.input(0) {
            Outcome::Value(_) => step.input(1).clone(),
            other => other.clone(),
        }
    }
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        other => panic!("{other}"),
    }
}

fn question(number: u64) -> SourceRequest {
    SourceRequest::Counter { interval_ms: number }
}

fn taken(log: &Log) -> Vec<(&'static str, i64)> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// Which questions have been asked and not ended.
#[derive(Default)]
struct World(Vec<(SubscriptionId, SourceRequest)>);

impl World {
    fn look(&mut self, flow: &mut Flow) -> Vec<u64> {
        for asking in flow.take_askings() {
            match asking {
                Asking::Begin(id, request) => self.0.push((id, request)),
                Asking::End(id) => self.0.retain(|(known, _)| *known != id),
            }
        }
        let numbers = self.0.iter().map(|(_, request)| match request {
            SourceRequest::Counter { interval_ms } => *interval_ms,
            other => panic!("{other:?}"),
        });
        numbers.collect()
    }

    fn say(&self, flow: &mut Flow, number: u64, value: i64) {
        let (id, _) = self.0.iter().find(|(_, request)| *request == question(number)).unwrap();
        flow.answer(*id, Ok(Value::Int(value)));
    }
}

#[test]
fn an_operation_runs_once_a_batch_and_sees_inputs_that_belong_together() {
    let (mut flow, mut world, log) = (Flow::default(), World::default(), Log::default());
    let (a, b) = (flow.add(Ask(1), &[]), flow.add(Ask(2), &[]));
    let short = flow.add(Sum("short", log.clone()), &[a]);
    let long = flow.add(Sum("middle", log.clone()), &[short, b]);
    let all = flow.add(Sum("all", log.clone()), &[a, long, short]);
    flow.hold(all);
    flow.settle();
    world.look(&mut flow);
    world.say(&mut flow, 1, 1);
    world.say(&mut flow, 2, 10);
    flow.settle();
    assert_eq!(taken(&log), [("short", 1), ("middle", 11), ("all", 13)]);
    world.say(&mut flow, 2, 20);
    flow.settle();
    assert_eq!(taken(&log), [("middle", 21), ("all", 23)]);
}

#[test]
fn what_does_not_change_goes_no_further() {
    let (mut flow, mut world, log) = (Flow::default(), World::default(), Log::default());
    let asks = flow.add(Ask(1), &[]);
    let parity = flow.add(Parity, &[asks]);
    let sum = flow.add(Sum("sum", log.clone()), &[parity]);
    flow.hold(sum);
    flow.settle();
    world.look(&mut flow);
    for value in [3, 5, 7, 8] {
        world.say(&mut flow, 1, value);
        flow.settle();
    }
    assert_eq!(taken(&log), [("sum", 1), ("sum", 0)]);
}

#[test]
fn constants_are_computed_at_once_and_only_once() {
    let (mut flow, log) = (Flow::default(), Log::default());
    let two = flow.constant(Value::Int(2));
    let four = flow.add(Sum("folded", log.clone()), &[two, two]);
    assert_eq!(flow.constant_outcome(four), Some(&Value::Int(4).into()));
    flow.hold(four);
    flow.settle();
    assert_eq!(flow.len(), 1, "what only the sum was made of is gone");
    assert_eq!(taken(&log).len(), 1);
}

#[test]
fn what_nobody_uses_goes_with_its_questions() {
    let (mut flow, mut world, log) = (Flow::default(), World::default(), Log::default());
    let (shared, own) = (flow.add(Ask(1), &[]), flow.add(Ask(2), &[]));
    let again = flow.add(Ask(1), &[]);
    let sum = flow.add(Sum("sum", log.clone()), &[shared, own]);
    flow.hold(again);
    flow.hold(sum);
    flow.settle();
    assert_eq!(world.look(&mut flow), [1, 2], "equal questions are asked once");
    flow.release(sum);
    flow.settle();
    assert_eq!(world.look(&mut flow), [1]);
    assert_eq!(flow.len(), 1);
    flow.release(again);
    flow.settle();
    assert!(world.look(&mut flow).is_empty() && flow.is_empty());
}

#[test]
fn what_is_chosen_replaces_what_was_before_it_is_seen() {
    let (mut flow, mut world, log) = (Flow::default(), World::default(), Log::default());
    let which = flow.add(Ask(0), &[]);
    let join = Arc::new(Mutex::new(None));
    let choose = flow.add(Choose { join: join.clone(), chosen: None, log: log.clone() }, &[which]);
    let joined = flow.add(Join, &[choose]);
    *join.lock().unwrap() = Some(joined);
    let top = flow.add(Sum("top", log.clone()), &[which, joined]);
    flow.hold(top);
    flow.settle();
    world.look(&mut flow);
    world.say(&mut flow, 0, 7);
    flow.settle();
    assert_eq!(world.look(&mut flow), [0, 7]);
    world.say(&mut flow, 7, 100);
    flow.settle();
    assert_eq!(taken(&log).last(), Some(&("top", 107)));
    let before = flow.len();
    world.say(&mut flow, 0, 8);
    world.say(&mut flow, 7, 200);
    flow.settle();
    assert_eq!(world.look(&mut flow), [0, 8]);
    assert_eq!(flow.len(), before, "the former branch is gone");
    assert_eq!(flow.outcome(top), Some(&Outcome::Unknown(None)));
    world.say(&mut flow, 8, 1);
    flow.settle();
    assert_eq!(taken(&log).last(), Some(&("top", 9)));
}

#[test]
fn a_deep_chain_is_made_raised_and_removed_without_recursion() {
    let (mut flow, mut world) = (Flow::default(), World::default());
    let mut top = flow.add(Ask(1), &[]);
    for _ in 0..100_000 {
        top = flow.add(Parity, &[top]);
    }
    flow.hold(top);
    flow.settle();
    world.look(&mut flow);
    world.say(&mut flow, 1, 3);
    flow.settle();
    assert_eq!(flow.outcome(top), Some(&Value::Int(1).into()));
    flow.release(top);
    flow.settle();
    assert!(flow.is_empty());
}
