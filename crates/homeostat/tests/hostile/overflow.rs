//! More changes than the kernel keeps.

use super::rig::{Place, wait_until};

const MANAGED: usize = 200;
/// Each makes several events.
const OTHERS: usize = 20_000;

#[test]
fn after_lost_events_everything_is_as_declared() {
    let place = Place::new();
    let mut text =
        "graph: g\nresources:\n  file:\n  - {name: DIR/deep/a/b/c, content: x}\n  - {name: DIR/dir/gone, state: absent}\n"
            .to_owned();
    for file in 0..MANAGED {
        text.push_str(&format!("  - {{name: DIR/dir/{file}, content: content {file}}}\n"));
    }
    place.write("site.yaml", &text);
    place.make_dir("dir");
    place.make_dir("deep/a/b");
    let is_in_order = || {
        (0..MANAGED).all(|file| place.read(&format!("dir/{file}")) == format!("content {file}"))
            && place.read("deep/a/b/c") == "x"
            && !place.path("dir/gone").exists()
    };
    let agent = place.run(&["-q", "site.yaml"]);
    wait_until("everything is in order", is_in_order);
    agent.signal("STOP");
    for other in 0..OTHERS {
        place.write(&format!("dir/other-{other}"), "");
        std::fs::remove_file(place.path(&format!("dir/other-{other}"))).unwrap();
    }
    let kept = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    assert!(kept.trim().parse::<usize>().unwrap() < OTHERS, "the queue holds all of it");
    // None of this is reported any more.
    for file in 0..MANAGED {
        match file % 3 {
            0 => place.write(&format!("dir/{file}"), "something else"),
            1 => std::fs::remove_file(place.path(&format!("dir/{file}"))).unwrap(),
            _ => {}
        }
    }
    place.write("dir/gone", "back");
    // Even the directories themselves are others.
    std::fs::rename(place.path("deep/a"), place.path("deep/old")).unwrap();
    place.make_dir("deep/a/b");
    agent.signal("CONT");
    let took = wait_until("everything is in order again", is_in_order);
    println!("in order {took:?} later");
    // And it still watches, the new directory too.
    place.write("dir/5", "something else");
    std::fs::remove_file(place.path("deep/a/b/c")).unwrap();
    wait_until("later changes are repaired", is_in_order);
}
