//! What a run found out is for the next one to go by, if nothing came between them.

use std::path::PathBuf;

use homeostat_engine::{EngineOptions, Mode, Outcome, Stop};
use homeostat_model::Value;

use crate::script::{Rig, catalog, want};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("known")
    }

    fn options(&self) -> EngineOptions {
        EngineOptions { known: Some(self.file()), ..EngineOptions::default() }
    }

    /// A run with one script; what it was told that an earlier one knew.
    async fn run(&self, world: &str, text: &str, stop: Option<Stop>) -> Vec<String> {
        let rig = Rig::start(world, self.options()).await;
        rig.load(catalog(vec![rig.script("a", &[want(text)])])).await;
        if let Some(stop) = stop {
            rig.engine.stop(stop).await;
        }
        rig.world.take_log().into_iter().filter(|line| line.starts_with("recall")).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_declared_the_same_is_told_once_what_the_last_run_knew() {
    let place = Place::new();
    assert!(place.run("known", "x", Some(Stop::Graceful)).await.is_empty());
    assert_eq!(place.run("known", "x", Some(Stop::Graceful)).await, ["recall a wanted x"]);
    assert!(place.run("known", "y", Some(Stop::Graceful)).await.is_empty(), "it is declared differently");
    assert!(place.run("known", "x", Some(Stop::Graceful)).await.is_empty(), "that was two runs ago");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_after_a_run_that_did_not_end_well() {
    for (number, stop) in [None, Some(Stop::Cancel)].into_iter().enumerate() {
        let (place, world) = (Place::new(), format!("known-badly-{number}"));
        place.run(&world, "x", Some(Stop::Graceful)).await;
        assert!(place.file().exists());
        place.run(&world, "x", stop).await;
        assert!(!place.file().exists(), "{stop:?}");
        assert!(place.run(&world, "x", Some(Stop::Graceful)).await.is_empty(), "{stop:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_only_reports_leaves_what_is_known_to_the_next_run() {
    let place = Place::new();
    place.run("known-noop", "x", Some(Stop::Graceful)).await;
    let options = EngineOptions { mode: Mode::Noop, ..place.options() };
    let rig = Rig::start("known-noop", options).await;
    rig.load(catalog(vec![rig.script("a", &[want("x")])])).await;
    rig.engine.stop(Stop::Graceful).await;
    assert_eq!(rig.world.take_log(), ["check a"]);
    assert_eq!(place.run("known-noop", "x", Some(Stop::Graceful)).await, ["recall a wanted x"]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_panics_over_what_it_knows_is_looked_at_like_any_other() {
    for place in ["known", "recall"] {
        let known = Place::new();
        for _ in 0..2 {
            let rig = Rig::start(&format!("known-panics-{place}"), known.options()).await;
            let bad = rig.script("bad", &[want("x"), ("panics_in", Value::from(place))]);
            rig.load(catalog(vec![bad, rig.script("good", &[want("x")])])).await;
            let status = rig.engine.status().await;
            assert!(status.iter().all(|one| one.outcome != Outcome::Failed), "{place}");
            rig.engine.stop(Stop::Graceful).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_as_good_as_nothing() {
    let place = Place::new();
    std::fs::write(place.file(), "homeostat known 1 \u{0}\n and so on").unwrap();
    assert!(place.run("known-torn", "x", Some(Stop::Graceful)).await.is_empty());
    assert_eq!(place.run("known-torn", "x", Some(Stop::Graceful)).await, ["recall a wanted x"]);
}
