//! Small stories, one rule each.

use std::collections::BTreeMap;

use super::super::*;
use super::text::{Desired, Text, id};
use super::world::{End, Job, World};
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
    world.scheduler.woken([VertexKey { index: 0, generation: 0 }], Causes::WAKE, |_, _| false);
    world.deliver_wakes();
    world.run_out();
    assert_eq!(world.checked, [id(0)]);
    assert!(world.refreshed.is_empty());
}

#[test]
fn one_at_rest_that_is_seen_to_be_unchanged_is_not_checked() {
    let mut world = World::new(World::policy(4));
    world.start(text(&[0, 1], &[(0, 1, true)]));
    world.checked.clear();
    world.see_at_once = true;
    world.wakes.push(VertexKey { index: 0, generation: 0 });
    world.run_out();
    assert!(world.checked.is_empty());
    world.meddle(0, 9);
    world.run_out();
    assert!(world.checked.contains(&id(0)));
    world.assert_at_rest();
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
    world.scheduler.woken([VertexKey { index: 0, generation: 0 }], Causes::WAKE, |_, _| false);
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
fn what_this_host_cannot_do_is_settled_and_tried_again_by_a_wake_or_another_declaration() {
    for wake in [false, true] {
        let mut world = World::new(World::policy(1));
        world.load(text(&[0], &[]));
        world.end_job(0, false);
        world.end_job_so(0, End::IsUnsupported);
        assert!(world.scheduler.is_settled());
        assert_eq!(outcome(&world, 0), Outcome::Failed);
        assert_eq!(world.scheduler.next_deadline(), None, "no time passing helps");
        if wake {
            world.meddle(0, 7);
            world.deliver_wakes();
        } else {
            world.load(with(&Text::default(), 0, Desired::new(9)));
        }
        world.run_out();
        world.assert_at_rest();
        assert!(world.applied.contains(&id(0)));
    }
}

#[test]
fn a_run_that_ends_promises_no_other_attempt() {
    let mut world = World::new(Policy { once: true, ..World::policy(1) });
    world.load(text(&[0], &[]));
    for _ in 1..=3 {
        world.end_job(0, true);
        world.pass_time();
    }
    let promised = world.events.iter().filter_map(|event| match &event.kind {
        EventKind::Failed { retry_in, .. } => Some(retry_in.is_some()),
        _ => None,
    });
    assert_eq!(promised.collect::<Vec<_>>(), [true, true, false]);
    assert!(world.scheduler.is_settled() && world.jobs.is_empty());
}

#[test]
fn an_apply_that_failed_is_counted() {
    let mut world = World::new(World::policy(1));
    world.load(text(&[0], &[]));
    world.end_job(0, false);
    world.end_job(0, true);
    assert_eq!(world.scheduler.standpoints()[0].counts.applies, 1);
    world.run_out();
    assert_eq!(world.scheduler.standpoints()[0].counts.applies, 2);
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

fn with(text: &Text, number: u8, desired: Desired) -> Text {
    let mut text = text.clone();
    text.resources.insert(number, desired);
    text
}

fn reversible(want: i64) -> Desired {
    Desired { reverse: true, ..Desired::new(want) }
}

fn kinds_of(world: &World, number: u8) -> Vec<&'static str> {
    let events = world.events.iter().filter(|event| event.id == Some(id(number)));
    events.map(|event| event.kind.as_str()).collect()
}

#[test]
fn those_that_are_declared_again_while_they_are_undone_follow_their_order_again() {
    let mut world = World::new(World::policy(4));
    let pair = with(&with(&text(&[0, 1], &[(0, 1, false)]), 0, reversible(5)), 1, reversible(6));
    for delta in [false, true] {
        world.start(pair.clone());
        world.load(Text::default());
        assert!(if delta { world.load_delta(pair.clone()) } else { world.load(pair.clone()) });
        world.run_out();
        world.assert_at_rest();
        world.assert_reload_touches_nobody();
    }
}

#[test]
fn what_is_undone_is_undone_in_the_opposite_order_and_forgotten() {
    let mut world = World::new(World::policy(4));
    world.system.insert(id(0), 77);
    let pair = with(&with(&text(&[0, 1], &[(0, 1, false)]), 0, reversible(5)), 1, reversible(6));
    world.start(pair);
    world.applied.clear();
    world.start(Text::default());
    assert_eq!(world.applied, [id(1), id(0)]);
    assert_eq!(world.system, [(id(0), 77)].into());
}

#[test]
fn what_was_removed_over_a_crash_is_undone() {
    let mut world = World::new(World::policy(4));
    world.start(with(&Text::default(), 0, reversible(5)));
    world.crash_and_load(0, Text::default());
    world.run_out();
    world.assert_at_rest();
    assert_eq!(world.system.get(&id(0)), None);
}

#[test]
fn an_edge_that_goes_is_not_in_the_way_of_one_that_comes() {
    let mut world = World::new(World::policy(4));
    for delta in [false, true] {
        world.start(text(&[0, 1, 2], &[(2, 0, false)]));
        let turned = text(&[0, 1, 2], &[(0, 1, false), (1, 2, false)]);
        assert!(if delta { world.load_delta(turned) } else { world.load(turned) });
        world.run_out();
        world.assert_at_rest();
    }
}

#[test]
fn what_is_undone_after_a_restart_is_undone_in_the_opposite_order() {
    for also in [false, true] {
        let mut world = World::new(World::policy(4));
        // The one in between is not undone, and what came before it is still what came before.
        let chain = text(&[0, 1, 2], &[(0, 1, false), (1, 2, false)]);
        let mut chain = with(&with(&chain, 0, reversible(5)), 2, reversible(6));
        if also {
            // The order that counts is the last one.
            world.start(with(&with(&text(&[0, 1, 2], &[(2, 0, false)]), 0, reversible(5)), 2, reversible(6)));
            world.start(chain.clone());
        } else {
            chain.edges.insert((0, 1), true);
            world.start(chain);
        }
        world.applied.clear();
        world.crash_and_load(0, Text::default());
        world.run_out();
        world.assert_at_rest();
        assert_eq!(world.applied, [id(2), id(0)], "{also}");
    }
}

#[test]
fn what_is_undone_is_treated_as_it_was_declared() {
    for crash in [false, true] {
        let mut world = World::new(World::policy(4));
        let two = with(&with(&Text::default(), 0, reversible(5)), 1, reversible(5));
        world.start(two.clone());
        // What only reports now is not undone, but what would be is told.
        let quiet = Desired { noop: true, ..reversible(5) };
        world.start(with(&with(&two, 0, quiet), 1, Desired { semas: 1, retry: Some(0), ..reversible(5) }));
        world.applied.clear();
        if crash {
            world.crash_and_load(0, Text::default());
        } else {
            world.load(Text::default());
        }
        world.end_job(0, false);
        let meta = |world: &World, number| {
            let at = world.scheduler.graph.find(&id(number)).unwrap();
            world.scheduler.graph.at(at).data.meta.clone()
        };
        assert_eq!(meta(&world, 1).semaphores.len(), 1);
        assert_eq!(meta(&world, 1).retry, homeostat_model::meta::Retry::Times(0));
        world.run_out();
        assert_eq!(world.applied, [id(1)]);
        assert_eq!(world.system, [(id(0), 5)].into());
        assert_eq!(world.scheduler.totals().would_change, 1);
        // Whoever undoes it by hand ends that.
        world.system.clear();
        world.wakes.extend(world.watched.get(&id(0)));
        world.deliver_wakes();
        world.run_out();
        world.assert_at_rest();
    }
}

#[test]
fn what_goes_and_gave_up_has_failed_until_a_wake_or_a_load_tries_it_again() {
    let undone = Desired { retry: Some(0), ..reversible(5) };
    let realized = Desired { retry: Some(0), realize: true, ..Desired::new(5) };
    for (desired, at_end) in [(undone, None), (realized, Some(5))] {
        for load in [false, true] {
            let mut world = World::new(World::policy(4));
            let one = with(&Text::default(), 0, desired.clone());
            if at_end.is_none() {
                world.start(one);
            } else {
                world.load(one);
            }
            world.load(Text::default());
            while world.scheduler.totals().failed == 0 {
                let last = matches!(world.jobs[0], Job::Apply { .. });
                world.end_job(0, last);
            }
            while world.scheduler.next_deadline().is_some() {
                world.pass_time();
            }
            assert!(world.scheduler.is_settled() && world.jobs.is_empty());
            if load {
                world.load(with(&Text::default(), 1, Desired::new(1)));
            } else {
                world.wakes.extend(world.watched.get(&id(0)));
                world.deliver_wakes();
            }
            world.run_out();
            world.assert_at_rest();
            assert_eq!(world.system.get(&id(0)).copied(), at_end);
        }
    }
}

#[test]
fn what_no_longer_asks_to_be_undone_while_that_is_recorded_is_not_undone() {
    let mut world = World::new(World::policy(4));
    world.load(with(&Text::default(), 0, reversible(5)));
    world.end_job(0, false);
    world.start(with(&Text::default(), 0, Desired::new(5)));
    world.start(Text::default());
    assert_eq!(world.system[&id(0)], 5);
}

#[test]
fn what_comes_after_a_resource_that_is_realized_may_come_before_others_of_its_own() {
    let mut world = World::new(World::policy(4));
    let realized = Desired { realize: true, ..Desired::new(1) };
    world.load(with(&text(&[0, 1, 2], &[(0, 1, false), (1, 2, false)]), 1, realized));
    assert!(world.load(text(&[0, 2], &[(2, 0, false)])), "the removed one is in no circle");
    world.run_out();
    world.assert_at_rest();
    assert_eq!(world.system[&id(1)], 1);
}

#[test]
fn an_automatic_edge_that_one_on_its_way_out_kept_out_comes_back_when_it_goes() {
    let mut world = World::new(World::policy(4));
    let claims = |provides, needs| Desired { provides: Some(provides), needs, ..Desired::new(1) };
    let realized = Desired { realize: true, ..claims(0, Some(2)) };
    let two = with(&with(&Text::default(), 0, claims(2, None)), 3, claims(1, Some(0)));
    world.load(with(&two, 2, realized));
    world.load(two.clone());
    // A circle as long as the one that goes is there.
    world.load(with(&two, 0, claims(2, Some(1))));
    world.run_out();
    world.assert_at_rest();
    let at = |number| world.scheduler.graph.find(&id(number)).unwrap();
    assert!(!world.scheduler.graph.edge(at(3), at(0)).is_none());
}

#[test]
fn one_that_was_polled_is_watched_when_it_asks_for_that() {
    let mut world = World::new(World::policy(4));
    world.start(with(&Text::default(), 0, Desired { poll: true, ..Desired::new(1) }));
    world.start(text(&[0], &[]));
    world.start(with(&Text::default(), 0, Desired { poll: true, ..Desired::new(1) }));
}

#[test]
fn a_polled_one_is_looked_at_again_although_it_waits_for_another_timer() {
    let mut world = World::new(World::policy(4));
    world.load(with(&Text::default(), 0, Desired { poll: true, limit: true, ..Desired::new(1) }));
    world.end_job(0, true);
    world.run_out();
    world.meddle(0, 9);
    world.run_out();
    world.assert_at_rest();
}

#[test]
fn an_apply_that_fails_after_it_took_effect_still_refreshes() {
    let mut world = World::new(World::policy(4));
    world.load(text(&[0, 1], &[(0, 1, true)]));
    world.end_job(0, false);
    world.end_job(0, false);
    world.end_job_so(0, End::FailsLate);
    world.run_out();
    world.assert_at_rest();
    assert_eq!(world.refreshed, [id(1)]);
}

#[test]
fn one_that_goes_after_a_half_done_apply_still_refreshes_and_one_that_did_nothing_does_not() {
    for (end, refreshed) in [(Some(End::FailsLate), vec![id(1)]), (None, vec![])] {
        let mut world = World::new(World::policy(4));
        world.start(text(&[1], &[]));
        world.load(text(&[0, 1], &[(0, 1, true)]));
        world.end_job(0, false);
        if let Some(end) = end {
            world.end_job(0, false);
            world.end_job_so(0, end);
            world.pass_time();
        }
        world.start(text(&[1], &[]));
        assert_eq!(world.refreshed, refreshed);
    }
}

#[test]
fn a_sender_that_goes_before_its_next_change_leaves_the_refresh_that_runs_durable() {
    let mut world = World::new(World::policy(4));
    world.load(text(&[1, 2], &[(2, 1, true)]));
    while !matches!(world.jobs[0], Job::Apply { refresh: true, .. }) {
        world.end_job(0, false);
    }
    world.meddle(2, 9);
    world.deliver_wakes();
    world.end_job(1, false);
    world.load(text(&[1], &[]));
    while world.jobs.len() > 1 {
        world.end_job(1, false);
    }
    assert!(matches!(*world.jobs, [Job::Apply { refresh: true, .. }]));
    world.crash(0);
    world.run_out();
    world.assert_at_rest();
    assert_eq!(world.refreshed, [id(1)]);
}

#[test]
fn the_only_member_of_a_batch_fails_as_itself() {
    let mut world = World::new(World::policy(4));
    world.load(with(&Text::default(), 0, Desired { batch: Some(0), ..Desired::new(1) }));
    world.end_job(0, false);
    world.end_job(0, true);
    assert_eq!(outcome(&world, 0), Outcome::Failed);
    world.run_out();
    world.assert_at_rest();
}

#[test]
fn values_from_another_sender_are_taken_for_other_values() {
    let mut world = World::new(World::policy(4));
    let three = text(&[1, 2, 3], &[]);
    world.start(three.clone());
    for sender in [1, 3] {
        let mut sent = three.clone();
        sent.sends.insert(2, sender);
        world.start(sent);
        world.start(three.clone());
    }
}

#[test]
fn who_failed_recovers_also_when_it_only_reports_now() {
    let mut world = World::new(World::policy(4));
    world.load(text(&[0], &[]));
    world.end_job(0, true);
    world.start(with(&Text::default(), 0, Desired { noop: true, ..Desired::new(1) }));
    assert_eq!(kinds_of(&world, 0), ["failed", "recovered", "would_change"]);
    world.meddle(0, 1);
    world.deliver_wakes();
    world.end_job(0, true);
    world.run_out();
    assert_eq!(kinds_of(&world, 0)[3..], ["failed", "recovered", "drift_ended"]);
}

#[test]
fn a_monitor_tells_again_what_became_another_drift() {
    let mut world = World::new(World::policy(4));
    world.start(with(&Text::default(), 0, Desired { noop: true, ..Desired::new(1) }));
    let look = |world: &mut World, found| {
        world.meddle(0, found);
        world.deliver_wakes();
        world.end_job(0, false);
    };
    world.end_job(0, false);
    for found in [7, 7, 8, 1] {
        look(&mut world, found);
    }
    world.run_out();
    assert_eq!(kinds_of(&world, 0), ["would_change", "would_change", "would_change", "drift_ended"]);
}

#[test]
fn an_edge_that_changes_does_not_repeat_that_somebody_is_blocked() {
    let mut world = World::new(World::policy(4));
    world.load(text(&[0, 1, 2], &[(0, 1, false), (1, 2, false)]));
    world.end_job(0, true);
    world.load(text(&[0, 1, 2], &[(0, 1, true), (1, 2, false)]));
    assert_eq!(kinds_of(&world, 1), ["blocked"]);
    world.run_out();
    world.assert_at_rest();
}

#[test]
fn those_behind_one_that_goes_on_are_not_blocked_any_more() {
    let mut world = World::new(World::policy(4));
    world.load(text(&[0, 1, 2], &[(0, 1, false), (1, 2, false)]));
    world.end_job(0, true);
    assert_eq!(outcome(&world, 2), Outcome::Blocked);
    world.pass_time();
    world.end_job(0, false);
    world.end_job(0, false);
    assert_eq!(outcome(&world, 2), Outcome::Pending);
}

#[test]
fn a_quarrel_that_ends_without_a_wake_is_said_to_be_over() {
    let flapping = Flapping { repairs: 3, window: std::time::Duration::from_secs(10) };
    let mut world = World::new(Policy { flapping: Some(flapping), ..World::policy(4) });
    world.own_changes_wake = false;
    world.start(text(&[0], &[]));
    for _ in 0..3 {
        world.meddle(0, 9);
        world.deliver_wakes();
        world.end_job(0, false);
        world.end_job(0, false);
    }
    assert_eq!(kinds_of(&world, 0).last(), Some(&"flapping"));
    world.run_out();
    world.assert_at_rest();
    assert_eq!(kinds_of(&world, 0).last(), Some(&"calm"));
}

#[test]
fn a_hidden_one_is_touched_by_nobody_and_lets_others_go_on() {
    let mut world = World::new(World::policy(4));
    world.start(with(&text(&[0, 1], &[(0, 1, true)]), 0, Desired { hidden: true, ..Desired::new(1) }));
    assert_eq!(outcome(&world, 0), Outcome::Skipped);
    assert_eq!(world.checked.iter().filter(|checked| **checked == id(0)).count(), 0);
    world.start(text(&[0, 1], &[(0, 1, true)]));
    assert_eq!(world.refreshed, [id(1)]);
}

#[test]
fn one_that_is_hidden_after_a_half_done_apply_still_refreshes() {
    let pair = text(&[0, 1], &[(0, 1, true)]);
    let hidden = with(&pair, 0, Desired { hidden: true, ..Desired::new(1) });
    // Before the apply has failed, and after.
    for hidden_first in [true, false] {
        let mut world = World::new(World::policy(4));
        world.start(text(&[1], &[]));
        world.load(pair.clone());
        world.end_job(0, false);
        world.end_job(0, false);
        if hidden_first {
            world.load(hidden.clone());
        }
        world.end_job_so(0, End::FailsLate);
        world.start(hidden.clone());
        assert_eq!(world.refreshed, [id(1)], "hidden first: {hidden_first}");
    }
}

#[test]
fn who_receives_something_else_watches_anew() {
    let mut world = World::new(World::policy(4));
    let mut pair = text(&[1, 2], &[]);
    pair.sends.insert(2, 1);
    world.start(pair.clone());
    world.armed.clear();
    pair.resources.insert(1, Desired::new(5));
    world.start(pair);
    assert_eq!(world.armed, [(id(2), Arm::Anew)]);
}

#[test]
fn permits_go_to_whoever_came_first_of_those_for_whom_all_are_free() {
    let mut world = World::new(World::policy(200));
    let mut many = text(&(0..60).collect::<Vec<_>>(), &[]);
    many.resources.values_mut().for_each(|desired| desired.semas = 1);
    many.resources.insert(40, Desired { semas: 2, ..Desired::new(40) });
    world.load(many);
    world.run_out();
    world.assert_at_rest();
    let expected: Vec<_> = (0..60).filter(|number| *number != 40).map(id).collect();
    let applied: Vec<_> = world.applied.iter().filter(|applied| **applied != id(40)).cloned().collect();
    assert_eq!(applied, expected);
    assert!(world.applied.iter().position(|applied| *applied == id(40)) < Some(40), "it needs another one");
}

#[test]
fn a_change_is_told_although_the_refresh_after_it_fails() {
    let mut world = World::new(World::policy(4));
    world.load(text(&[0, 1, 2], &[(0, 1, true), (1, 2, false)]));
    world.end_job(0, false);
    world.end_job(0, false);
    world.end_job(0, false);
    world.end_job(0, false);
    world.end_job_so(0, End::FailsLate);
    assert_eq!(kinds_of(&world, 1), ["changed", "failed"]);
    world.run_out();
    world.assert_at_rest();
    assert_eq!(world.refreshed, [id(1)]);
    assert_eq!(kinds_of(&world, 1), ["changed", "failed", "refreshed", "recovered"]);
}

#[test]
fn a_wake_brings_the_next_attempt_forward() {
    let mut world = World::new(World::policy(1));
    world.load(text(&[0], &[]));
    for _ in 0..4 {
        world.end_job(0, true);
        world.pass_time();
    }
    world.end_job(0, true);
    let before = world.scheduler.next_deadline().expect("it is tried again");
    world.meddle(0, 9);
    world.deliver_wakes();
    assert!(world.scheduler.next_deadline().expect("it is tried again") < before);
    world.run_out();
    world.assert_at_rest();
}

#[test]
fn that_all_is_settled_is_said_once_for_each_thing_that_happened() {
    let mut world = World::new(World::policy(4));
    let settled = |world: &World| {
        world.events.iter().filter(|event| matches!(event.kind, EventKind::Settled(_))).count()
    };
    // Our own change wakes it, and the look after that finds nothing new.
    world.start(text(&[0], &[]));
    assert_eq!((world.checked.len(), settled(&world)), (2, 1));
    world.meddle(0, 9);
    world.run_out();
    assert_eq!(settled(&world), 2);
    world.start(text(&[0], &[]));
    assert_eq!(settled(&world), 3);
}
