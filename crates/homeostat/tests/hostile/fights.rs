//! Another program that wants something else of the same file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::rig::{Place, pause, wait_until};

/// Writes what it wants whenever it finds what we want, until it is dropped.
struct Rival {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rival {
    fn start(path: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let fight = move || {
            while !is_over.load(Ordering::Relaxed) {
                if std::fs::read(&path).is_ok_and(|text| text == b"ours") {
                    std::fs::write(&path, "theirs").unwrap();
                }
                pause(Duration::from_millis(1));
            }
        };
        Self { over, thread: Some(std::thread::spawn(fight)) }
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn a_fight_over_a_file_is_told_once_and_slowed_down_and_others_go_on() {
    let place = Place::new();
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  file:\n  - {name: DIR/dir/fought, content: ours}\n  \
         - {name: DIR/dir/other, content: ours}\n",
    );
    place.make_dir("dir");
    let agent = place.run(&["--events", "events.jsonl", "site.yaml"]);
    wait_until("both are there", || place.read("dir/fought") == "ours" && place.read("dir/other") == "ours");
    let id = place.fill("file[DIR/dir/fought]");
    let repairs =
        || place.events("events.jsonl", "changed").iter().filter(|event| event["id"] == *id).count();
    let rival = Rival::start(place.path("dir/fought"));
    let took = wait_until("it is told", || !place.events("events.jsonl", "flapping").is_empty());
    println!("told after {took:?}, {} repairs", repairs());
    // While it is slowed down, others are repaired as ever.
    let (before, start, mut slowest) = (repairs(), Instant::now(), Duration::ZERO);
    while start.elapsed() < Duration::from_secs(6) {
        std::fs::remove_file(place.path("dir/other")).unwrap();
        slowest = slowest.max(wait_until("it is repaired", || place.read("dir/other") == "ours"));
        // Rarely enough that this is no fight as well.
        pause(Duration::from_millis(1200));
    }
    let more = repairs() - before;
    drop(rival);
    let within = start.elapsed();
    println!("{more} more repairs within {within:?}; of others at most {slowest:?}");
    assert!(more >= 1 && u64::try_from(more).unwrap() <= within.as_secs(), "{more}");
    let told = place.events("events.jsonl", "flapping");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["id"], *id);
    // In the end we win.
    wait_until("it is as declared", || place.read("dir/fought") == "ours");
    assert_eq!(agent.out().matches("flapping file[").count(), 1);
}
