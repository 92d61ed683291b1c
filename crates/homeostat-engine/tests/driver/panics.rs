//! A kind that panics, wherever that is, fails its vertex and nothing else.

use std::sync::Arc;

use homeostat_engine::{EngineOptions, Outcome, plan};
use homeostat_model::Value;
use homeostat_model::catalog::SendDecl;

use crate::script::{Paper, Rig, catalog, host, id, registry, script, want};

const IN_A_RUN: [&str; 5] = ["watches", "provides", "needs", "batch_key", "prefetch_key"];

fn panics_in(place: &str) -> (&'static str, Value) {
    ("panics_in", Value::from(place))
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_what_the_graph_asks_fails_the_vertex_and_nothing_else() {
    for place in IN_A_RUN {
        let rig = Rig::start(&format!("panics-{place}"), EngineOptions::default()).await;
        let bad = |text: &str| rig.script("bad", &[want(text), panics_in(place)]);
        let good = rig.script("good", &[want("x")]);
        rig.load(catalog(vec![bad("x"), good.clone()])).await;
        // Declared anew, it is compared with what it was, and in the end it goes.
        rig.load(catalog(vec![bad("y"), good.clone()])).await;
        let status = rig.engine.status().await;
        assert_eq!(status[0].outcome, Outcome::Failed, "{place}");
        assert!(status[0].error.as_ref().unwrap().contains(&format!("the script says so: {place}")));
        assert_eq!(status[1].outcome, Outcome::Changed, "{place}");
        rig.load(catalog(vec![good])).await;
        assert_eq!(rig.engine.status().await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_vertex_that_panicked_is_watched_once_it_can_be() {
    for place in IN_A_RUN {
        let rig = Rig::start(&format!("panics-once-{place}"), EngineOptions::default()).await;
        rig.load(catalog(vec![rig.script("a", &[want("x"), panics_in(place)])])).await;
        assert_eq!(rig.bell.armed(), 0, "{place}");
        rig.load(catalog(vec![rig.script("a", &[want("x")])])).await;
        assert_eq!(rig.engine.status().await[0].outcome, Outcome::Changed, "{place}");
        assert_eq!(rig.bell.armed(), 1, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_panics_instead_of_saying_whether_it_is_unchanged_is_checked() {
    let rig = Rig::start("panics-unchanged", EngineOptions::default()).await;
    rig.load(catalog(vec![rig.script("a", &[want("x"), panics_in("is_unchanged")])])).await;
    rig.world.set("a", "broken");
    rig.bell.ring("a");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(rig.world.get("a").as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_watched_once_what_it_received_fits() {
    let rig = Rig::start("fits-later", EngineOptions::default()).await;
    let load = async |text: &str| {
        let mut both = catalog(vec![rig.script("a", &[want(text)]), rig.script("b", &[])]);
        let (from, to) = (id("a"), id("b"));
        both.sends = vec![SendDecl { from, key: "text".into(), to, param: "panics_in".into(), origin: None }];
        rig.load(both).await;
    };
    load("watches").await;
    assert_eq!(rig.bell.armed(), 1);
    load("nowhere").await;
    // What failed often is not tried again at once.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(rig.bell.armed(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_what_a_plan_asks_ends_no_plan() {
    for place in ["looks", "reach"] {
        let directory = tempfile::tempdir().unwrap();
        let world = format!("panics-plan-{place}");
        let text = catalog(vec![script(&world, "a", &[want("x"), panics_in(place)])]);
        let options = EngineOptions::default();
        let plan = plan(text, options, registry(), host(&directory), Arc::new(Paper::default())).await;
        assert_eq!(plan.unwrap().resources.len(), 1, "{place}");
    }
}
