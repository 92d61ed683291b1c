//! Small stories, one rule each.

use std::collections::BTreeMap;

use super::super::*;
use super::text::{Desired, Text, id};
use super::world::World;
use crate::event::Outcome;

fn text(resources: &[u8], edges: &[(u8, u8, bool)]) -> Text {
    Text {
        resources: resources.iter().map(|number| (*number, Desired::new(i64::from(*number)))).collect(),
        edges: edges.iter().map(|(from, to, notify)| ((*from, *to), *notify)).collect(),
        sends: BTreeMap::new(),
    }
}

fn outcome(world: &World, number: u8) -> Outcome {
    let points = world.scheduler.standpoints();
    points.iter().find(|point| point.id == id(number)).expect("it is there").outcome
}

#[test]
fn what_has_no_edge_runs_at_the_same_time() {
    let mut world = World::new(World::policy(10));
    world.load(text(&[0, 1, 2], &[]));
    assert_eq!(world.scheduler.in_flight(), 3);
}

#[test]
fn a_removed_edge_lets_both_run_in_parallel() {
    let mut world = World::new(World::policy(10));
    world.load(text(&[0, 1], &[(0, 1, false)]));
    assert_eq!(world.scheduler.in_flight(), 1);
    world.load(text(&[0, 1], &[]));
    assert_eq!(world.scheduler.in_flight(), 2);
}

#[test]
fn a_failure_blocks_only_what_comes_after_it() {
    let mut world = World::new(World::policy(1));
    world.load(text(&[0, 1, 2, 3], &[(0, 1, false), (1, 2, false)]));
    world.end_job(0, true);
    assert_eq!(outcome(&world, 0), Outcome::Failed);
    assert_eq!(outcome(&world, 2), Outcome::Blocked);
    let points = world.scheduler.standpoints();
    assert_eq!(points[2].blocked_by, [id(0)]);
    world.run_out();
    assert_eq!(outcome(&world, 2), Outcome::Changed);
    world.assert_at_rest();
}

#[test]
fn a_cycle_is_refused_and_what_ran_goes_on() {
    let mut world = World::new(World::policy(4));
    world.start(text(&[0, 1], &[(0, 1, false)]));
    let mut circle = text(&[0, 1, 2], &[(0, 1, false), (1, 2, false), (2, 0, false)]);
    circle.resources.insert(0, Desired::new(99));
    assert!(!world.load(circle));
    world.run_out();
    world.assert_at_rest();
    world.assert_reload_touches_nobody();
}

#[test]
fn one_found_unchanged_wakes_nobody() {
    let mut world = World::new(World::policy(4));
    world.start(text(&[0, 1], &[(0, 1, true)]));
    world.checked.clear();
    world.refreshed.clear();
    world.scheduler.woken([VertexKey { index: 0, generation: 0 }], Causes::WAKE);
    world.deliver_wakes();
    world.run_out();
    assert_eq!(world.checked, [id(0)]);
    assert!(world.refreshed.is_empty());
}

#[test]
fn several_changes_are_one_refresh() {
    let mut world = World::new(World::policy(8));
    world.start(text(&[0, 1, 2, 3], &[(0, 3, true), (1, 3, true), (2, 3, true)]));
    assert_eq!(world.refreshed, [id(3)]);
}

#[test]
fn a_crash_between_a_change_and_its_refresh_loses_nothing() {
    let mut world = World::new(World::policy(8));
    world.load(text(&[0, 1], &[(0, 1, true)]));
    world.end_job(0, false);
    world.end_job(0, false);
    assert!(world.refreshed.is_empty());
    world.crash(0xff);
    world.run_out();
    world.assert_at_rest();
    assert_eq!(world.refreshed, [id(1)]);
}

#[test]
fn a_batch_takes_all_that_are_ready_in_one_operation() {
    let mut world = World::new(World::policy(200));
    let mut many = text(&(0..100).collect::<Vec<_>>(), &[]);
    many.resources.values_mut().for_each(|desired| desired.batch = Some(0));
    world.load(many);
    for _ in 0..100 {
        world.end_job(0, false);
    }
    assert_eq!(world.scheduler.in_flight(), 1);
    world.end_job(0, false);
    assert_eq!(world.applied.len(), 100);
    world.run_out();
    world.assert_at_rest();
}

#[test]
fn a_failed_batch_is_tried_one_by_one() {
    let mut world = World::new(World::policy(200));
    let mut few = text(&[0, 1, 2], &[]);
    few.resources.values_mut().for_each(|desired| desired.batch = Some(0));
    world.load(few);
    (0..3).for_each(|_| world.end_job(0, false));
    world.end_job(0, true);
    assert_eq!(world.scheduler.in_flight(), 3, "each is checked alone");
    assert_eq!(outcome(&world, 0), Outcome::Pending, "the batch's failure is not its members'");
    world.run_out();
    world.assert_at_rest();
}

#[test]
fn retry_bounds_the_attempts() {
    let mut world = World::new(World::policy(1));
    let mut one = text(&[0], &[]);
    one.resources.insert(0, Desired { retry: Some(1), ..Desired::new(1) });
    world.load(one);
    world.end_job(0, true);
    assert!(!world.scheduler.is_settled());
    world.pass_time();
    world.end_job(0, true);
    assert!(world.scheduler.is_settled());
    assert_eq!(world.scheduler.next_deadline(), None, "no timed retry is left");
    world.scheduler.woken([VertexKey { index: 0, generation: 0 }], Causes::WAKE);
    assert_eq!(world.scheduler.in_flight(), 1, "a wake tries again");
}

#[test]
fn a_failed_vertex_counts_as_settled_after_three_attempts_and_is_tried_on() {
    let mut world = World::new(World::policy(1));
    world.load(text(&[0], &[]));
    for attempt in 1..=3 {
        world.end_job(0, true);
        assert_eq!(world.scheduler.is_settled(), attempt == 3);
        world.pass_time();
    }
    world.end_job(0, false);
    world.run_out();
    world.assert_at_rest();
}

#[test]
fn a_receiver_waits_for_its_value_and_follows_it() {
    let mut world = World::new(World::policy(4));
    let mut pair = text(&[1, 2], &[]);
    pair.sends.insert(2, 1);
    world.start(pair.clone());
    assert_eq!(world.system[&id(2)], 102);
    pair.resources.insert(1, Desired::new(5));
    world.start(pair);
    assert_eq!(world.system[&id(2)], 502);
}

#[test]
fn a_vertex_that_only_reports_lets_others_go_on() {
    let mut world = World::new(World::policy(4));
    let mut pair = text(&[1, 2], &[(1, 2, false)]);
    pair.resources.insert(1, Desired { noop: true, ..Desired::new(1) });
    world.start(pair);
    assert_eq!(outcome(&world, 1), Outcome::WouldChange);
    assert_eq!(world.system.get(&id(1)), None);
    assert_eq!(world.system[&id(2)], 2);
}

#[test]
fn an_apply_in_flight_is_finished_before_the_same_name_is_applied_again() {
    let mut world = World::new(World::policy(4));
    world.load(text(&[0], &[]));
    world.end_job(0, false);
    world.load(text(&[], &[]));
    let mut again = text(&[0], &[]);
    again.resources.insert(0, Desired::new(7));
    world.load(again);
    assert_eq!(world.scheduler.in_flight(), 1, "the first apply still runs");
    world.run_out();
    world.assert_at_rest();
    assert_eq!(world.system[&id(0)], 7);
}
