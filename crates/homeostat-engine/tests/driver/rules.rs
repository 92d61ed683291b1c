//! One rule a test.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use homeostat_engine::event::EventKind;
use homeostat_engine::{EngineOptions, Outcome, Stop};
use homeostat_model::catalog::{EdgeDecl, SendDecl};
use homeostat_model::{CatalogDelta, Diagnostic, Meta, Value};
use tokio::time::Instant;

use crate::script::{Rig, catalog, id, want};

#[tokio::test(start_paused = true)]
async fn what_has_no_edge_takes_as_long_as_the_longest() {
    let rig = Rig::start("parallel", EngineOptions::default()).await;
    let slow = ("apply_ms", Value::Int(10_000));
    let names = ["a", "b", "c", "free"];
    let mut chain = catalog(names.iter().map(|name| rig.script(name, &[want("x"), slow.clone()])).collect());
    chain.edges = vec![EdgeDecl::before(id("a"), id("b")), EdgeDecl::before(id("b"), id("c"))];
    let started = Instant::now();
    rig.load(chain).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(30) && took < Duration::from_millis(30_050), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_vertex_and_nothing_else() {
    let rig = Rig::start("panic", EngineOptions::default()).await;
    let bad = rig.script("bad", &[("panics", Value::Bool(true))]);
    let good = rig.script("good", &[want("x")]);
    rig.load(catalog(vec![bad, good])).await;
    let status = rig.engine.status().await;
    assert_eq!(status[0].outcome, Outcome::Failed);
    assert!(status[0].error.as_ref().unwrap().contains("the script says so"));
    assert_eq!(status[1].outcome, Outcome::Changed);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_an_apply() {
    let rig = Rig::start("deadline", EngineOptions::default()).await;
    let mut slow = rig.script("slow", &[want("x"), ("apply_ms", Value::Int(3_600_000))]);
    slow.meta = Arc::new(Meta { timeout_seconds: 2, ..Meta::default() });
    let started = Instant::now();
    rig.engine.load(catalog(vec![slow])).await.unwrap();
    rig.settle().await;
    assert!(started.elapsed() < Duration::from_secs(60));
    assert!(rig.engine.status().await[0].error.as_ref().unwrap().contains("timeout of 2 s"));
}

#[tokio::test(start_paused = true)]
async fn a_wake_repairs_what_was_changed() {
    let rig = Rig::start("repair", EngineOptions::default()).await;
    rig.load(catalog(vec![rig.script("a", &[want("x")])])).await;
    rig.world.set("a", "broken");
    rig.bell.ring("a");
    while rig.world.get("a").as_deref() != Some("x") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_seen_to_be_unchanged_after_a_wake_is_not_checked() {
    let rig = Rig::start("seen", EngineOptions::default()).await;
    let sees = ("sees_at_once", Value::from(true));
    rig.load(catalog(vec![rig.script("a", &[want("x"), sees])])).await;
    rig.world.take_log();
    let woken = async || {
        rig.bell.ring("a");
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.settle().await;
        rig.world.take_log()
    };
    assert_eq!(woken().await, ["see a"]);
    rig.world.set("a", "broken");
    assert_eq!(woken().await, ["see a", "check a", "apply a", "done a"]);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_resource_is_not_looked_at_again() {
    let rig = Rig::start("unchanged", EngineOptions::default()).await;
    let one = catalog(vec![rig.script("a", &[want("x")]), rig.script("b", &[want("y")])]);
    rig.load(one).await;
    rig.world.take_log();
    let summary = rig
        .engine
        .load(catalog(vec![rig.script("a", &[want("x")]), rig.script("b", &[want("z")])]))
        .await
        .unwrap();
    assert_eq!((summary.added, summary.changed, summary.removed, summary.unchanged), (0, 1, 0, 1));
    rig.settle().await;
    assert_eq!(rig.world.take_log(), ["check b", "apply b", "done b"]);
}

#[tokio::test(start_paused = true)]
async fn a_delta_and_a_full_catalog_come_to_the_same() {
    let rig = Rig::start("delta", EngineOptions::default()).await;
    rig.load(catalog(vec![rig.script("a", &[want("x")])])).await;
    let delta = CatalogDelta {
        set: vec![rig.script("b", &[want("y")])],
        set_edges: vec![EdgeDecl::notify(id("b"), id("a"))],
        ..CatalogDelta::default()
    };
    rig.engine.load_delta(delta).await.unwrap();
    rig.settle().await;
    let mut full = catalog(vec![rig.script("a", &[want("x")]), rig.script("b", &[want("y")])]);
    full.edges = vec![EdgeDecl::notify(id("b"), id("a"))];
    let summary = rig.engine.load(full).await.unwrap();
    assert_eq!((summary.added, summary.changed, summary.removed), (0, 0, 0));
    assert!(rig.world.take_log().contains(&"refresh a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_catalog_changes_nothing() {
    let rig = Rig::start("wrong", EngineOptions::default()).await;
    rig.load(catalog(vec![rig.script("a", &[want("x")])])).await;
    let wrong = catalog(vec![rig.script("a", &[want("y")]), rig.script("b", &[want("invalid")])]);
    let diagnostics = rig.engine.load(wrong).await.unwrap_err();
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].code, "invalid-param");
    assert_eq!(rig.world.get("a").as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn a_cycle_is_shown_with_its_members() {
    let rig = Rig::start("cycle", EngineOptions::default()).await;
    let mut circle = catalog(vec![rig.script("a", &[want("x")]), rig.script("b", &[want("y")])]);
    circle.edges = vec![EdgeDecl::before(id("a"), id("b")), EdgeDecl::before(id("b"), id("a"))];
    let diagnostics = rig.engine.load(circle).await.unwrap_err();
    assert_eq!(diagnostics[0].code, "cycle");
    assert!(diagnostics[0].message.contains("script[a]") && diagnostics[0].message.contains("script[b]"));
}

#[tokio::test(start_paused = true)]
async fn all_cycles_are_shown_beside_what_is_wrong_with_resources() {
    let rig = Rig::start("cycles", EngineOptions::default()).await;
    let wrong = rig.script("e", &[want("invalid")]);
    let mut circles = catalog(
        ["a", "b", "c", "d"].map(|name| rig.script(name, &[want("x")])).into_iter().chain([wrong]).collect(),
    );
    let pairs = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("d", "e")];
    circles.edges = pairs.map(|(from, to)| EdgeDecl::before(id(from), id(to))).into();
    let codes = |diagnostics: Vec<Diagnostic>| diagnostics.iter().map(|one| one.code).collect::<Vec<_>>();
    let found = rig.engine.load(circles.clone()).await.unwrap_err();
    assert_eq!(codes(found), ["invalid-param", "cycle", "cycle"]);
    circles.resources.pop();
    circles.edges.pop();
    assert_eq!(codes(rig.engine.load(circles).await.unwrap_err()), ["cycle", "cycle"]);
}

#[tokio::test(start_paused = true)]
async fn a_sent_value_becomes_a_parameter() {
    let rig = Rig::start("send", EngineOptions::default()).await;
    let mut pair = catalog(vec![rig.script("a", &[want("hello")]), rig.script("b", &[])]);
    let send =
        SendDecl { from: id("a"), key: "text".into(), to: id("b"), param: "want".into(), origin: None };
    pair.sends = vec![send];
    rig.load(pair.clone()).await;
    assert_eq!(rig.world.get("b").as_deref(), Some("hello"));
    pair.resources[0] = rig.script("a", &[want("goodbye")]);
    rig.load(pair).await;
    assert_eq!(rig.world.get("b").as_deref(), Some("goodbye"));
}

#[tokio::test(start_paused = true)]
async fn a_received_value_that_does_not_fit_fails_its_receiver() {
    let rig = Rig::start("misfit", EngineOptions::default()).await;
    let mut pair = catalog(vec![rig.script("a", &[want("hello")]), rig.script("b", &[])]);
    pair.sends = vec![SendDecl {
        from: id("a"),
        key: "text".into(),
        to: id("b"),
        param: "apply_ms".into(),
        origin: None,
    }];
    rig.load(pair).await;
    let status = rig.engine.status().await;
    assert!(status[1].error.as_ref().unwrap().contains("do not fit"), "{:?}", status[1]);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_blanked_out_of_changes_and_failures() {
    let rig = Rig::start("secret", EngineOptions { keep_changes: true, ..EngineOptions::default() }).await;
    let secret = ("want", Value::Sensitive(Box::new(Value::from("hunter2"))));
    let open = rig.script("open", std::slice::from_ref(&secret));
    let fails = rig.script("fails", &[secret.clone(), ("fails", Value::Bool(true))]);
    let panics = rig.script("panics", &[secret, ("panics", Value::Bool(true))]);
    rig.load(catalog(vec![open, fails, panics])).await;
    assert_eq!(rig.world.get("open").as_deref(), Some("hunter2"));
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        rig.events.of(&id("panics")),
        rig.engine.status().await,
        rig.events.of(&id("open")),
        rig.events.of(&id("fails"))
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("[redacted]"));
}

#[tokio::test(start_paused = true)]
async fn one_look_answers_many_checks_until_an_event() {
    let rig = Rig::start("looks", EngineOptions::default()).await;
    for number in 0..1000 {
        rig.world.set(&number.to_string(), "x");
    }
    let prefetched = ("prefetched", Value::Bool(true));
    let many = (0..1000).map(|number| rig.script(&number.to_string(), &[want("x"), prefetched.clone()]));
    rig.load(catalog(many.collect())).await;
    assert_eq!(rig.world.looks.load(Ordering::Relaxed), 1);
    rig.world.set("7", "broken");
    rig.bell.ring("7");
    while rig.world.get("7").as_deref() != Some("x") {
        tokio::task::yield_now().await;
    }
    assert!(rig.world.looks.load(Ordering::Relaxed) >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_begins_another_one_leaves_nothing_of_it() {
    let rig = Rig::start("secrets", EngineOptions::default()).await;
    let secret = |text: &str| Value::Sensitive(Box::new(Value::from(text)));
    let hidden = Value::List(vec![secret("hunter"), secret("hunter2")]);
    let decl = rig.script("fails", &[("tags", hidden), want("hunter2"), ("fails", Value::Bool(true))]);
    rig.load(catalog(vec![decl])).await;
    let error = rig.engine.status().await[0].error.clone().unwrap();
    assert!(error.ends_with("[redacted]"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_renewed_still_counts_for_those_it_answered_before() {
    let rig = Rig::start("renewed", EngineOptions::default()).await;
    let prefetched = ("prefetched", Value::Bool(true));
    let mut decls: Vec<_> =
        ["a", "b", "c"].iter().map(|name| rig.script(name, &[want("x"), prefetched.clone()])).collect();
    decls[2].meta = Arc::new(Meta { poll_seconds: 10, ..Meta::default() });
    rig.load(catalog(decls)).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    rig.world.set("b", "broken");
    rig.bell.ring("a");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.world.get("b").as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn a_removed_resource_is_undone_where_it_asked_for_that() {
    let rig = Rig::start("undo", EngineOptions::default()).await;
    rig.world.set("kept", "before");
    let mut decls = vec![rig.script("kept", &[want("ours")]), rig.script("plain", &[want("ours")])];
    decls[0].meta = Arc::new(Meta { reverse: true, ..Meta::default() });
    rig.load(catalog(decls)).await;
    rig.load(catalog(vec![])).await;
    assert_eq!(rig.world.get("kept").as_deref(), Some("before"));
    assert_eq!(rig.world.get("plain").as_deref(), Some("ours"));
    assert!(rig.engine.status().await.is_empty());
    assert_eq!(rig.bell.armed(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_while_nothing_ran_is_undone_at_the_next_start() {
    let rig = Rig::start("undo-later", EngineOptions::default()).await;
    let mut decl = rig.script("a", &[want("ours")]);
    decl.meta = Arc::new(Meta { reverse: true, ..Meta::default() });
    rig.load(catalog(vec![decl])).await;
    rig.engine.stop(Stop::Graceful).await;
    let rig = Rig::start_with("undo-later", EngineOptions::default(), rig.journal.clone()).await;
    rig.load(catalog(vec![])).await;
    assert_eq!(rig.world.get("a"), None);
    rig.engine.stop(Stop::Graceful).await;
    assert!(rig.journal.written.lock().unwrap().undo.is_empty());
}

/// A resource that is undone when it goes.
fn reversible(rig: &Rig, name: &str) -> homeostat_model::ResourceDecl {
    let mut decl = rig.script(name, &[want("ours")]);
    decl.meta = Arc::new(Meta { reverse: true, ..Meta::default() });
    decl
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recorded_and_nobody_waits_for_is_recorded_later() {
    let rig = Rig::start("forget-later", EngineOptions::default()).await;
    rig.load(catalog(vec![reversible(&rig, "a")])).await;
    rig.journal.fail(true);
    rig.load(catalog(vec![])).await;
    assert!(rig.engine.status().await.is_empty(), "it is undone");
    assert_eq!(rig.journal.written.lock().unwrap().undo.len(), 1);
    rig.journal.fail(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(rig.journal.written.lock().unwrap().undo.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_recorded_is_recorded_before_a_stop_and_in_order() {
    let rig = Rig::start("forget-at-stop", EngineOptions::default()).await;
    rig.load(catalog(vec![reversible(&rig, "a"), reversible(&rig, "b")])).await;
    rig.journal.fail(true);
    rig.load(catalog(vec![reversible(&rig, "a")])).await;
    rig.journal.fail(false);
    // What is recorded later does not overtake what is left.
    rig.load(catalog(vec![reversible(&rig, "a"), reversible(&rig, "b")])).await;
    rig.journal.fail(true);
    rig.load(catalog(vec![reversible(&rig, "b")])).await;
    rig.journal.fail(false);
    rig.engine.stop(Stop::Graceful).await;
    let undo = rig.journal.written.lock().unwrap().undo.clone();
    assert_eq!(undo.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), [id("b")]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_what_is_being_applied_end() {
    let rig = Rig::start("stop", EngineOptions::default()).await;
    let slow = ("apply_ms", Value::Int(5_000));
    let mut chain =
        catalog(vec![rig.script("a", &[want("x"), slow.clone()]), rig.script("b", &[want("x"), slow])]);
    chain.edges = vec![EdgeDecl::before(id("a"), id("b"))];
    rig.engine.load(chain).await.unwrap();
    while rig.world.take_log().iter().all(|line| line != "apply a") {
        tokio::task::yield_now().await;
    }
    rig.engine.stop(Stop::Graceful).await;
    assert_eq!(rig.world.get("a").as_deref(), Some("x"));
    assert_eq!(rig.world.get("b"), None);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_stop_does_not_wait() {
    let rig = Rig::start("cancel", EngineOptions::default()).await;
    let slow = rig.script("a", &[want("x"), ("apply_ms", Value::Int(3_600_000))]);
    rig.engine.load(catalog(vec![slow])).await.unwrap();
    while rig.world.take_log().iter().all(|line| line != "apply a") {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    rig.engine.stop(Stop::Cancel).await;
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_polled_resource_is_looked_at_again_and_not_watched() {
    let rig = Rig::start("poll", EngineOptions::default()).await;
    let mut decl = rig.script("a", &[want("x")]);
    decl.meta = Arc::new(Meta { poll_seconds: 10, ..Meta::default() });
    rig.load(catalog(vec![decl])).await;
    assert_eq!(rig.bell.armed(), 0);
    rig.world.set("a", "broken");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(rig.world.get("a").as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_polled_is_watched_and_the_other_way_round() {
    let rig = Rig::start("poll-watch", EngineOptions::default()).await;
    let watched = rig.script("a", &[want("x")]);
    let mut polled = watched.clone();
    polled.meta = Arc::new(Meta { poll_seconds: 10, ..Meta::default() });
    for (decl, armed) in [(&polled, 0), (&watched, 1), (&polled, 0), (&watched, 1)] {
        rig.load(catalog(vec![decl.clone()])).await;
        assert_eq!(rig.bell.armed(), armed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_panics_over_its_parameters_refuses_them() {
    let rig = Rig::start("panics-early", EngineOptions::default()).await;
    rig.load(catalog(vec![rig.script("good", &[want("x")])])).await;
    let bad = rig.script("bad", &[want("panic")]);
    let diagnostics = rig.engine.load(catalog(vec![bad])).await.unwrap_err();
    assert!(diagnostics[0].message.contains("script[bad]"), "{diagnostics:?}");
    assert_eq!(rig.engine.status().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_who_keeps_changing_it_is_reported_and_slowed_down() {
    let rig = Rig::start("quarrel", EngineOptions::default()).await;
    rig.load(catalog(vec![rig.script("a", &[want("x")])])).await;
    for _ in 0..40 {
        rig.world.set("a", "theirs");
        rig.bell.ring("a");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let events = rig.events.of(&id("a"));
    let flapping = events.iter().filter(|kind| matches!(kind, EventKind::Flapping { .. })).count();
    let repairs = events.iter().filter(|kind| matches!(kind, EventKind::Changed(_))).count();
    assert_eq!(flapping, 1);
    assert!(repairs < 20, "{repairs} repairs in four seconds");
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(rig.world.get("a").as_deref(), Some("x"));
    assert!(rig.events.of(&id("a")).contains(&EventKind::Calm));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_hangs_does_not_keep_a_cancelling_stop() {
    let rig = Rig::start("hanging", EngineOptions::default()).await;
    let mut pair = catalog(vec![rig.script("a", &[want("x")]), rig.script("b", &[want("x")])]);
    pair.edges = vec![EdgeDecl::notify(id("a"), id("b"))];
    rig.journal.hang();
    rig.engine.load(pair).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    rig.engine.stop(Stop::Cancel).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(rig.engine.load(catalog(vec![])).await.is_err(), "a stopped engine loads nothing, and says so");
}
