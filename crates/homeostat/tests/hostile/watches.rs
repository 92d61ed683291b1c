//! No watches left in the kernel.

use std::time::Duration;

use super::rig::{BINARY, Place, skipped, tool, wait_until, wait_within};

/// Directories that would each need a watch.
const DIRS: usize = 40;
/// Longer than a round of polling.
const POLLED: Duration = Duration::from_secs(150);
/// A user namespace has a limit of its own, so that nobody else has fewer watches meanwhile.
const FEW: &[&str] = &[
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    "echo 12 >/proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"",
];

fn place() -> Option<Place> {
    if !tool(FEW[0], &[&FEW[1..], &["true"]].concat()) {
        skipped("no user namespace with a limit of its own can be made");
        return None;
    }
    let place = Place::new();
    let mut text = "graph: g\nresources:\n  file:\n".to_owned();
    for dir in 0..DIRS {
        place.make_dir(&format!("d{dir}"));
        text.push_str(&format!("  - {{name: DIR/d{dir}/f, content: x}}\n"));
    }
    place.write("site.yaml", &text);
    Some(place)
}

fn is_in_order(place: &Place) -> bool {
    (0..DIRS).all(|dir| place.read(&format!("d{dir}/f")) == "x")
}

#[test]
fn without_watches_left_it_says_so_once_and_goes_on() {
    let Some(place) = place() else { return };
    let agent = place.run_through(FEW, BINARY, &["--report", "report.json", "site.yaml"]);
    wait_until("everything is in order", || is_in_order(&place) && place.path("report.json").exists());
    let said = |text: &str| (agent.out() + &agent.err()).matches(text).count();
    wait_until("it says so", || said("no watches are left") > 0);
    // What is loaded later finds no watch either, and that is known already.
    place.make_dir("later");
    let text = place.read("site.yaml") + "  - {name: DIR/later/f, content: x}\n";
    place.write("site.yaml.new", &text);
    std::fs::rename(place.path("site.yaml.new"), place.path("site.yaml")).unwrap();
    agent.signal("HUP");
    wait_until("the later one is there", || place.read("later/f") == "x");
    assert_eq!(said("no watches are left"), 1, "{}{}", agent.out(), agent.err());
    drop(agent);
}

#[test]
fn without_watches_left_changes_are_found_by_looking() {
    if std::env::var_os("HOMEOSTAT_SLOW").is_none() {
        return skipped("takes longer than a round of polling; HOMEOSTAT_SLOW is not set");
    }
    let Some(place) = place() else { return };
    let _agent = place.run_through(FEW, BINARY, &["site.yaml"]);
    wait_until("everything is in order", || is_in_order(&place));
    for dir in 0..DIRS {
        std::fs::remove_file(place.path(&format!("d{dir}/f"))).unwrap();
    }
    let took = wait_within(POLLED, "everything is in order again", || is_in_order(&place));
    println!("repaired {took:?} later");
}
