//! Random graphs, failures, wakes, deltas, reloads and crashes. The world checks the invariants at every command.
//!
//! `HOMEOSTAT_SCHEDULES` says how many schedules are tried.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::world::{Desired, Text, World};

/// One thing that happens. The numbers are taken modulo whatever there is to choose from.
#[derive(Debug, Clone)]
enum Step {
    End { job: u8, fail: bool },
    Meddle { resource: u8, value: i8 },
    Deliver,
    PassTime,
    Declare { resource: u8, desired: Desired },
    Remove { resource: u8 },
    Edge { from: u8, to: u8, notify: Option<bool> },
    Send { from: u8, to: Option<u8> },
    Crash { luck: u8 },
}

const RESOURCES: u8 = 7;

fn desired() -> impl Strategy<Value = Desired> {
    (
        0i64..4,
        prop::option::weighted(0.3, 0u8..2),
        prop::option::weighted(0.3, 0u8..2),
        prop::bool::weighted(0.08),
    )
        .prop_map(|(want, batch, sema, noop)| Desired { want, batch, sema, noop, retry: None })
}

fn step() -> impl Strategy<Value = Step> {
    let resource = 0..RESOURCES;
    prop_oneof![
        10 => (any::<u8>(), prop::bool::weighted(0.15)).prop_map(|(job, fail)| Step::End { job, fail }),
        3 => (resource.clone(), -3i8..3).prop_map(|(resource, value)| Step::Meddle { resource, value }),
        4 => Just(Step::Deliver),
        2 => Just(Step::PassTime),
        2 => (resource.clone(), desired()).prop_map(|(resource, desired)| Step::Declare { resource, desired }),
        1 => resource.clone().prop_map(|resource| Step::Remove { resource }),
        2 => (resource.clone(), resource.clone(), prop::option::weighted(0.7, any::<bool>()))
            .prop_map(|(from, to, notify)| Step::Edge { from, to, notify }),
        1 => (resource.clone(), prop::option::weighted(0.7, resource)).prop_map(|(from, to)| Step::Send { from, to }),
        1 => any::<u8>().prop_map(|luck| Step::Crash { luck }),
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
            text.resources.remove(resource);
            text.edges.retain(|(from, to), _| from != resource && to != resource);
            text.sends.retain(|to, from| from != resource && to != resource);
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

fn run(parallel: usize, text: Text, steps: &[Step]) {
    let mut world = World::new(World::policy(parallel));
    world.load(text);
    for step in steps {
        match step {
            Step::End { job, fail } => world.end_job(usize::from(*job), *fail),
            Step::Meddle { resource, value } => world.meddle(*resource, i64::from(*value)),
            Step::Deliver => world.deliver_wakes(),
            Step::PassTime => world.pass_time(),
            Step::Crash { luck } => world.crash(*luck),
            Step::Declare { .. } | Step::Remove { .. } | Step::Edge { .. } | Step::Send { .. } => {
                if let Some(text) = edit(&world, step) {
                    world.load(text);
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
    let schedules = (1usize..4, text(), prop::collection::vec(step(), 0..60));
    let result = TestRunner::new(config).run(&schedules, |(parallel, text, steps)| {
        run(parallel, text, &steps);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
