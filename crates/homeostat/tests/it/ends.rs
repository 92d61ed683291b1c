//! How a run ends.

use std::time::{Duration, Instant};

use super::place::{Place, wait_until};

const SLOW: &str = "graph: slow\nresources:\n  exec:\n  - {name: slow, shell: /bin/sh, cmd: 'touch DIR/begun; sleep 1; touch DIR/done'}\n";
const LONG: &str =
    "graph: long\nresources:\n  exec:\n  - {name: long, shell: /bin/sh, cmd: 'touch DIR/begun; sleep 300'}\n";
/// How long that takes, about.
const LONG_TIME: Duration = Duration::from_secs(250);
const FINE: &str = "graph: fine\nresources:\n  noop:\n  - name: a\n";

fn begun(place: &Place) {
    wait_until("the command runs", || place.path("begun").exists());
}

#[test]
fn a_first_interrupt_lets_what_is_applied_finish() {
    let place = Place::new();
    place.write("site.yaml", SLOW);
    let agent = place.start_run(&["--report", "report.json", "site.yaml"]);
    begun(&place);
    agent.signal("INT");
    let done = agent.finish();
    assert!(done.ends_with(130).stderr.contains("^C cancels"), "{done:#?}");
    assert!(place.path("done").exists());
    assert_eq!(place.json("report.json")["result"], "interrupted");
}

#[test]
fn a_second_interrupt_cancels_it() {
    let place = Place::new();
    place.write("site.yaml", LONG);
    let agent = place.start_run(&["site.yaml"]);
    begun(&place);
    let start = Instant::now();
    agent.signal("INT");
    // The first must be taken before the second comes, or they are one.
    wait_until("the first is taken", || start.elapsed() > Duration::from_millis(200));
    agent.signal("INT");
    agent.finish().ends_with(130);
    assert!(start.elapsed() < LONG_TIME);
}

#[test]
fn a_termination_before_settling_is_told_from_one_after() {
    let place = Place::new();
    place.write("site.yaml", SLOW);
    let agent = place.start_run(&["site.yaml"]);
    begun(&place);
    agent.signal("TERM");
    let done = agent.finish();
    let said = &done.ends_with(143).stderr;
    assert!(said.contains("is finished first") && !said.contains("^C"), "{done:#?}");
    place.write("site.yaml", FINE);
    let agent = place.start_run(&["--report", "report.json", "site.yaml"]);
    wait_until("it is settled", || place.path("report.json").exists());
    agent.signal("TERM");
    agent.finish().ends_with(0);
}

#[test]
fn a_termination_in_the_middle_of_a_repair_comes_after_settling() {
    let place = Place::new();
    let slow = "graph: g\nresources:\n  exec:\n  - {name: slow, shell: /bin/sh, cmd: 'touch DIR/begun; sleep 1; touch DIR/made', creates: DIR/made}\n";
    place.write("site.yaml", slow);
    place.write("made", "");
    let agent = place.start_run(&["--report", "report.json", "site.yaml"]);
    wait_until("it is settled", || place.path("report.json").exists());
    std::fs::remove_file(place.path("made")).unwrap();
    begun(&place);
    agent.signal("TERM");
    agent.finish().ends_with(0);
    assert!(place.path("made").exists(), "what was begun is finished");
    assert_eq!(place.json("report.json")["result"], "converged");
}

#[test]
fn the_longest_time_to_run_is_kept() {
    let place = Place::new();
    place.write("site.yaml", LONG);
    let start = Instant::now();
    place.run(&["--max-runtime", "0.5", "--report", "report.json", "site.yaml"]).ends_with(124);
    assert!(start.elapsed() < LONG_TIME);
    let report = place.json("report.json");
    assert_eq!(report["result"], "timeout");
    assert_eq!(report["totals"]["resources"], 1);
}

#[test]
fn quiet_for_long_enough_is_the_end() {
    let place = Place::new();
    place.write("site.yaml", FINE);
    let start = Instant::now();
    place.run(&["--converged-timeout", "0.3", "site.yaml"]).ends_with(0);
    let took = start.elapsed();
    eprintln!("ended after {took:?}");
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

#[test]
fn no_resources_are_settled_at_once() {
    let place = Place::new();
    place.write("site.yaml", "graph: empty\nresources: {}\n");
    place.run(&["--once", "site.yaml"]).ends_with(0);
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_run() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  file:\n  - {name: DIR/a, content: x}\n");
    let command =
        place.fill("set -o pipefail; \"$0\" run --prefix DIR/prefix --once --events - DIR/site.yaml | true");
    let done = std::process::Command::new("bash")
        .args(["-c", &command, env!("CARGO_BIN_EXE_homeostat")])
        .status()
        .unwrap();
    assert!(done.success());
    assert_eq!(place.read("a"), "x");
}
