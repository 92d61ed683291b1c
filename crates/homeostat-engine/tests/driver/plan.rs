//! What a plan says is what a run then does.

use std::sync::Arc;

use homeostat_engine::{EngineOptions, Outcome, Plan, Planned, Undo, plan};
use homeostat_model::catalog::{EdgeDecl, SendDecl};
use homeostat_model::{Catalog, Meta, Value};

use crate::script::{Paper, World, catalog, host, id, registry, script, want};

async fn planned(catalog: Catalog) -> Plan {
    let directory = tempfile::tempdir().unwrap();
    plan(catalog, EngineOptions::default(), registry(), host(&directory), Arc::new(Paper::default()))
        .await
        .unwrap()
}

fn of<'a>(plan: &'a Plan, name: &str) -> &'a Planned {
    plan.resources.iter().find(|planned| planned.status.id == id(name)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_plan_changes_nothing_and_tells_what_would_change() {
    World::named("plan").set("same", "x");
    let plan =
        planned(catalog(vec![script("plan", "same", &[want("x")]), script("plan", "new", &[want("y")])]))
            .await;
    assert_eq!(of(&plan, "same").status.outcome, Outcome::Unchanged);
    assert_eq!(of(&plan, "new").status.outcome, Outcome::WouldChange);
    assert_eq!(of(&plan, "new").status.changes[0].want, "y");
    assert_eq!(World::named("plan").get("new"), None);
}

#[tokio::test(start_paused = true)]
async fn a_plan_foretells_refreshes_and_sent_values() {
    let mut text = catalog(vec![
        script("plan-send", "a", &[want("v")]),
        script("plan-send", "b", &[]),
        script("plan-send", "c", &[want("w")]),
    ]);
    World::named("plan-send").set("c", "w");
    text.edges = vec![EdgeDecl::notify(id("a"), id("c"))];
    text.sends =
        vec![SendDecl { from: id("a"), key: "text".into(), to: id("b"), param: "want".into(), origin: None }];
    let plan = planned(text).await;
    assert_eq!(of(&plan, "b").status.changes[0].want, "v");
    assert!(of(&plan, "c").would_refresh);
    assert_eq!(of(&plan, "c").status.outcome, Outcome::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_a_command_is_unknown_until_it_ran() {
    let anything = ("reaches_anything", Value::Bool(true));
    let mut text = catalog(vec![
        script("plan-unknown", "command", &[want("v"), anything]),
        script("plan-unknown", "after", &[want("w")]),
        script("plan-unknown", "beside", &[want("w")]),
    ]);
    text.edges = vec![EdgeDecl::before(id("command"), id("after"))];
    let plan = planned(text).await;
    assert_eq!(of(&plan, "after").unknown_until, [id("command")]);
    assert!(of(&plan, "beside").is_known());
    assert!(of(&plan, "command").is_known());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_only_a_run_brings_is_unknown() {
    let anything = ("reaches_anything", Value::Bool(true));
    let mut text =
        catalog(vec![script("plan-value", "a", &[want("v"), anything]), script("plan-value", "b", &[])]);
    text.sends =
        vec![SendDecl { from: id("a"), key: "text".into(), to: id("b"), param: "want".into(), origin: None }];
    let plan = planned(text).await;
    assert_eq!(of(&plan, "b").unknown_until, [id("a")]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_catalog_has_an_empty_plan() {
    assert!(planned(catalog(vec![])).await.resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_does_not_wait_for_what_fails() {
    let started = tokio::time::Instant::now();
    let plan = planned(catalog(vec![script("plan-fails", "a", &[("panics", Value::Bool(true))])])).await;
    assert_eq!(of(&plan, "a").status.outcome, Outcome::Failed);
    assert!(started.elapsed() < std::time::Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_plan_tells_what_would_be_undone() {
    let journal = Paper::default();
    let before = [("world", Value::from("plan-undo")), want("before")];
    journal
        .written
        .lock()
        .unwrap()
        .undo
        .push((id("gone"), Undo { params: before.into_iter().collect(), ..Undo::default() }));
    World::named("plan-undo").set("gone", "ours");
    let directory = tempfile::tempdir().unwrap();
    let plan =
        plan(catalog(vec![]), EngineOptions::default(), registry(), host(&directory), Arc::new(journal))
            .await;
    let plan = plan.unwrap();
    assert_eq!(of(&plan, "gone").status.outcome, Outcome::WouldChange);
    assert_eq!(of(&plan, "gone").status.changes[0].want, "before");
}

#[tokio::test(start_paused = true)]
async fn a_plan_does_not_promise_what_would_fail() {
    let needs = ("needs_made", Value::from("dir"));
    let mut text = catalog(vec![
        script("plan-obstacle", "a", &[want("v"), needs]),
        script("plan-obstacle", "after", &[want("w")]),
        script("plan-obstacle", "last", &[want("w")]),
    ]);
    text.edges = vec![EdgeDecl::before(id("a"), id("after")), EdgeDecl::before(id("after"), id("last"))];
    let plan = planned(text).await;
    assert_eq!(of(&plan, "a").status.outcome, Outcome::Failed);
    assert_eq!(of(&plan, "a").status.error.as_deref(), Some("dir is missing"));
    assert_eq!(of(&plan, "after").status.outcome, Outcome::Blocked);
    assert_eq!(of(&plan, "last").status.blocked_by, [id("a")]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_knows_what_will_have_been_made_before() {
    let needs = || ("needs_made", Value::from("dir"));
    let mut text = catalog(vec![
        script("plan-made", "dir", &[want("v")]),
        script("plan-made", "inside", &[want("w"), needs()]),
        script("plan-made", "monitor", &[want("w"), needs()]),
    ]);
    text.edges = vec![EdgeDecl::before(id("dir"), id("inside"))];
    text.resources[2].meta = Arc::new(Meta { noop: true, ..Meta::default() });
    let plan = planned(text).await;
    assert_eq!(of(&plan, "inside").status.outcome, Outcome::WouldChange);
    assert!(of(&plan, "inside").is_known());
    assert_eq!(of(&plan, "monitor").status.outcome, Outcome::WouldChange, "nobody will apply it");
}

#[tokio::test(start_paused = true)]
async fn what_only_somebody_makes_of_whom_nothing_is_known_is_unknown() {
    let anything = ("reaches_anything", Value::Bool(true));
    let mut text = catalog(vec![
        script("plan-perhaps", "command", &[want("v"), anything]),
        script("plan-perhaps", "dir", &[want("v")]),
        script("plan-perhaps", "inside", &[want("w"), ("needs_made", Value::from("dir"))]),
    ]);
    text.edges = vec![EdgeDecl::before(id("command"), id("dir"))];
    let plan = planned(text).await;
    assert_eq!(of(&plan, "dir").unknown_until, [id("command")]);
    assert_eq!(of(&plan, "inside").unknown_until, [id("dir")]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_checked_before_a_command_ran_has_not_failed() {
    let anything = ("reaches_anything", Value::Bool(true));
    let mut text = catalog(vec![
        script("plan-undecided", "command", &[want("v"), anything]),
        script("plan-undecided", "after", &[("panics", Value::Bool(true))]),
        script("plan-undecided", "last", &[want("w")]),
    ]);
    text.edges =
        vec![EdgeDecl::before(id("command"), id("after")), EdgeDecl::before(id("after"), id("last"))];
    let plan = planned(text).await;
    for name in ["after", "last"] {
        assert_eq!(of(&plan, name).unknown_until, [id("command")]);
        assert_eq!(of(&plan, name).status.outcome, Outcome::Waiting);
        assert_eq!(of(&plan, name).status.error, None);
    }
}
