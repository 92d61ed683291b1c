//! Random graphs, failures, wakes, deltas, reloads and crashes. The world checks the invariants at every command.
//!
//! `HOMEOSTAT_SCHEDULES` says how many schedules are tried.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::text::{Desired, Text};
use super::world::{End, World};
use crate::scheduler::{Flapping, Policy};

/// One thing that happens. The numbers are taken modulo whatever there is to choose from.
#[derive(Debug, Clone)]
enum Step {
    End {
        job: u8,
        end: End,
    },
    Meddle {
        resource: u8,
        value: i8,
    },
    Deliver,
    PassTime,
    Declare {
        resource: u8,
        desired: Desired,
    },
    Remove {
        resource: u8,
    },
    Edge {
        from: u8,
        to: u8,
        notify: Option<bool>,
    },
    Send {
        from: u8,
        to: Option<u8>,
    },
    Crash {
        luck: u8,
        removes: Option<u8>,
    },
    /// From now on texts are handed over as a whole, or as what differs.
    Whole(bool),
    /// From now on it is seen at once, or not, that nothing happened to a resource.
    SeeAtOnce(bool),
}

const RESOURCES: u8 = 7;

fn desired() -> impl Strategy<Value = Desired> {
    let seldom = prop::bool::weighted(0.08);
    let claims = (prop::option::weighted(0.3, 0u8..3), prop::option::weighted(0.3, 0u8..3));
    let plain = (0i64..4, prop::option::weighted(0.3, 0u8..2), prop_oneof![3 => Just(0u8), 2 => 1u8..4]);
    let flags = (seldom, seldom, prop::bool::weighted(0.25), prop::bool::weighted(0.15), seldom, seldom);
    (plain, flags, claims, prop::option::weighted(0.15, 0u16..3)).prop_map(
        |((want, batch, semas), (noop, hidden, reverse, realize, poll, limit), (provides, needs), retry)| {
            Desired {
                want,
                batch,
                semas,
                noop,
                retry,
                hidden,
                reverse,
                realize,
                poll,
                limit,
                provides,
                needs,
                elsewhere: false,
                publish: false,
            }
        },
    )
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        34 => Just(End::Well),
        3 => Just(End::Fails),
        2 => Just(End::FailsLate),
        1 => Just(End::FailsForGood),
        1 => Just(End::IsUnsupported),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let flapping = Flapping { repairs: 3, window: std::time::Duration::from_secs(10) };
    (
        1usize..4,
        prop::option::weighted(0.2, 1u32..3),
        prop::bool::weighted(0.05),
        prop::option::of(Just(flapping)),
    )
        .prop_map(|(parallel, semaphore, noop, flapping)| Policy {
            noop,
            semaphore: semaphore.and_then(std::num::NonZeroU32::new),
            flapping,
            ..World::policy(parallel)
        })
}

fn step() -> impl Strategy<Value = Step> {
    let resource = 0..RESOURCES;
    prop_oneof![
        10 => (any::<u8>(), end()).prop_map(|(job, end)| Step::End { job, end }),
        3 => (resource.clone(), -3i8..3).prop_map(|(resource, value)| Step::Meddle { resource, value }),
        4 => Just(Step::Deliver),
        2 => Just(Step::PassTime),
        2 => (resource.clone(), desired()).prop_map(|(resource, desired)| Step::Declare { resource, desired }),
        1 => resource.clone().prop_map(|resource| Step::Remove { resource }),
        2 => (resource.clone(), resource.clone(), prop::option::weighted(0.7, any::<bool>()))
            .prop_map(|(from, to, notify)| Step::Edge { from, to, notify }),
        1 => (resource.clone(), prop::option::weighted(0.7, resource)).prop_map(|(from, to)| Step::Send { from, to }),
        1 => (any::<u8>(), prop::option::weighted(0.3, 0..RESOURCES)).prop_map(|(luck, removes)| Step::Crash { luck, removes }),
        1 => any::<bool>().prop_map(Step::Whole),
        1 => any::<bool>().prop_map(Step::SeeAtOnce),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    let resources = prop::collection::btree_map(0..RESOURCES, desired(), 1..RESOURCES as usize);
    let edges = prop::collection::btree_map((0..RESOURCES, 0..RESOURCES), any::<bool>(), 0..8);
    (resources, edges).prop_map(|(resources, edges)| {
        let fits =
            |(from, to): &(u8, u8)| from < to && resources.contains_key(from) && resources.contains_key(to);
        let edges = edges.into_iter().filter(|(pair, _)| fits(pair)).collect();
        Text { resources, edges, ..Text::default() }
    })
}

fn edit(world: &World, step: &Step) -> Option<Text> {
    let mut text = world.text.clone();
    match step {
        Step::Declare { resource, desired } => {
            text.resources.insert(*resource, desired.clone());
        }
        Step::Remove { resource } => {
            text.without(*resource);
        }
        Step::Edge { from, to, notify }
            if text.resources.contains_key(from) && text.resources.contains_key(to) =>
        {
            match notify {
                Some(notify) => text.edges.insert((*from, *to), *notify),
                None => text.edges.remove(&(*from, *to)),
            };
        }
        Step::Send { from, to: Some(to) }
            if text.resources.contains_key(from) && text.resources.contains_key(to) =>
        {
            text.sends.insert(*to, *from);
        }
        Step::Send { from, to: None } => {
            text.sends.remove(from);
        }
        _ => return None,
    }
    Some(text)
}

fn run(policy: Policy, own_changes_wake: bool, text: Text, steps: &[Step]) {
    let mut world = World::new(policy);
    world.own_changes_wake = own_changes_wake;
    let mut whole = true;
    world.load(text);
    for step in steps {
        match step {
            Step::End { job, end } => world.end_job_so(usize::from(*job), *end),
            Step::Meddle { resource, value } => world.meddle(*resource, i64::from(*value)),
            Step::Deliver => world.deliver_wakes(),
            Step::PassTime => world.pass_time(),
            Step::Crash { luck, removes } => {
                let mut text = world.text.clone();
                removes.iter().for_each(|resource| text.without(*resource));
                world.crash_and_load(*luck, text);
            }
            Step::Whole(now) => whole = *now,
            Step::SeeAtOnce(now) => world.see_at_once = *now,
            Step::Declare { .. } | Step::Remove { .. } | Step::Edge { .. } | Step::Send { .. } => {
                match edit(&world, step) {
                    Some(text) if whole => drop(world.load(text)),
                    Some(text) => drop(world.load_delta(text)),
                    None => {}
                }
            }
        }
    }
    world.run_out();
    world.assert_at_rest();
    world.assert_reload_touches_nobody();
}

#[test]
fn every_schedule_keeps_the_invariants_and_ends_as_declared() {
    let cases = std::env::var("HOMEOSTAT_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(4000);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let schedules = (policy(), any::<bool>(), text(), prop::collection::vec(step(), 0..60));
    let result = TestRunner::new(config).run(&schedules, |(policy, own, text, steps)| {
        run(policy, own, text, &steps);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// One of a million schedules: what was made durable ahead of a change is cleared by a receiver that only reports, while it is being
/// recorded.
#[test]
fn an_intent_that_is_forgiven_while_it_is_recorded_is_recorded_again() {
    let policy = Policy { flapping: None, semaphore: None, ..World::policy(2) };
    let resources = [
        (0, Desired { batch: Some(1), ..Desired::default() }),
        (4, Desired::default()),
        (5, Desired { noop: true, ..Desired::default() }),
    ];
    let text = Text { resources: resources.into(), edges: [((4, 5), false)].into(), ..Text::default() };
    let batched = Desired { batch: Some(1), semas: 1, reverse: true, ..Desired::default() };
    let well = |job| Step::End { job, end: End::Well };
    let steps = [
        Step::Declare { resource: 4, desired: batched },
        Step::End { job: 0, end: End::Fails },
        well(0),
        well(0),
        well(0),
        Step::PassTime,
        Step::Edge { from: 4, to: 5, notify: Some(true) },
        well(127),
        well(0),
        well(12),
        Step::Declare { resource: 4, desired: Desired { want: 1, ..Desired::default() } },
        Step::Meddle { resource: 4, value: 2 },
        well(28),
        well(83),
        Step::Deliver,
    ];
    run(policy, false, text, &steps);
}

/// Another one: the receiver is removed and declared again while something runs for it, so it keeps what was announced to it, and the
/// sender goes without the change that it announced.
#[test]
fn what_was_announced_to_one_that_comes_back_goes_with_the_sender() {
    let resources =
        [(0, Desired { want: 2, ..Desired::default() }), (1, Desired::default()), (2, Desired::default())];
    let text = Text { resources: resources.into(), edges: [((0, 2), true)].into(), ..Text::default() };
    let well = |job| Step::End { job, end: End::Well };
    let steps = [
        well(50),
        Step::Meddle { resource: 0, value: 2 },
        well(20),
        Step::Deliver,
        well(30),
        well(161),
        Step::Remove { resource: 2 },
        Step::Declare { resource: 2, desired: Desired::default() },
        Step::Remove { resource: 0 },
    ];
    run(World::policy(2), false, text, &steps);
}
