//! Times of files that lie far ahead or far back.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::rig::{Place, wait_until};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn times() -> [SystemTime; 3] {
    [UNIX_EPOCH + Duration::from_secs(1), SystemTime::now() + YEAR * 200, SystemTime::now() - YEAR * 20]
}

fn set_time(place: &Place, name: &str, time: SystemTime) {
    let file = File::options().write(true).open(place.path(name)).unwrap();
    file.set_times(FileTimes::new().set_modified(time).set_accessed(time)).unwrap();
}

const SITE: &str = "graph: g\nresources:\n  file:\n  - {name: DIR/dir/f, content: right, mode: '0644'}\n";

#[test]
fn changes_are_repaired_whatever_time_a_file_says_it_has() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    for time in times() {
        place.write("dir/f", "before");
        set_time(&place, "dir/f", time);
        let agent = place.run(&["site.yaml"]);
        wait_until("the first is repaired", || place.read("dir/f") == "right");
        // A time alone is no change, and what comes after it is one.
        set_time(&place, "dir/f", time);
        place.write("dir/f", "wrong");
        set_time(&place, "dir/f", time);
        wait_until("it is repaired", || place.read("dir/f") == "right");
        std::fs::remove_file(place.path("dir/f")).unwrap();
        wait_until("it is back", || place.read("dir/f") == "right");
        drop(agent);
    }
}

#[test]
fn a_change_that_hides_behind_its_size_and_time_is_repaired() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    place.make_dir("dir");
    let agent = place.run(&["site.yaml"]);
    wait_until("it is there", || place.read("dir/f") == "right");
    for wrong in ["wrong", "thgir"] {
        let time = std::fs::metadata(place.path("dir/f")).unwrap().modified().unwrap();
        place.write("dir/f", wrong);
        set_time(&place, "dir/f", time);
        wait_until("it is repaired", || place.read("dir/f") == "right");
    }
    drop(agent);
}

#[test]
fn what_was_made_in_the_future_is_not_made_again_and_again() {
    let place = Place::new();
    place.write("source", "x");
    set_time(&place, "source", times()[0]);
    place.write("made", "x");
    set_time(&place, "made", times()[1]);
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  exec:\n  - {name: make, shell: /bin/sh, cmd: 'echo ran >> DIR/ran; cp DIR/source DIR/made', creates: DIR/made, mtimes: [DIR/source]}\n",
    );
    place.run(&["--once", "site.yaml"]).finish().ends_with(0);
    assert!(!place.path("ran").exists());
    set_time(&place, "source", times()[1] + YEAR);
    place.run(&["--once", "site.yaml"]).finish().ends_with(0);
    assert_eq!(place.read("ran"), "ran\n");
}
