//! The demonstrations that people know: commands in a chain beside a free one, and files that come back at once.

use std::process::Command;
use std::time::{Duration, Instant};

use super::rig::{Place, tool, wait_until};

/// Over what the same sleeps take in a shell, each as late as this machine makes it. Where nothing else runs it is a twentieth.
const OVER: Duration = Duration::from_millis(700);
/// A busy machine may be late once; it is not late every time.
const TRIES: usize = 4;

#[test]
fn a_chain_of_commands_takes_its_length_and_the_timeout() {
    let place = Place::new();
    let sleep = |name: &str, after: &str| format!("  - {{name: {name}, cmd: sleep 0.8s{after}}}\n");
    let execs = [
        ("exec1", ""),
        ("exec2", ", depend: 'exec[exec1]'"),
        ("exec3", ", depend: 'exec[exec2]'"),
        ("exec4", ""),
    ];
    let execs: String = execs.iter().map(|(name, after)| sleep(name, after)).collect();
    place.write("site.yaml", &format!("graph: demo\nresources:\n  exec:\n{execs}"));
    let least = Duration::from_millis(3 * 800 + 500);
    let over = (0..TRIES)
        .map(|_| {
            let run = place.run(&["--converged-timeout=0.5", "--graphviz=out.dot", "site.yaml"]);
            let done = run.finish().ends_with(0);
            assert!(done.took >= least, "{done:#?}");
            let bare = bare_sleeps();
            println!(
                "{:?} over {least:?}, in a shell {:?} over",
                done.took - least,
                bare.saturating_sub(least)
            );
            done.took.saturating_sub(bare.max(least))
        })
        .find(|over| *over <= OVER);
    assert!(over.is_some(), "over {OVER:?} every time");
    let dot = place.read("out.dot");
    assert_eq!((dot.matches("->").count(), dot.starts_with("digraph")), (2, true), "{dot}");
    if tool("dot", &["-V"]) {
        assert!(tool("dot", &["-Tsvg", "-o/dev/null", place.path("out.dot").to_str().unwrap()]));
    }
}

/// The chain and the timeout as a shell does them.
fn bare_sleeps() -> Duration {
    let started = Instant::now();
    let status =
        Command::new("sh").args(["-c", "sleep 0.8; sleep 0.8; sleep 0.8; sleep 0.5"]).status().unwrap();
    assert!(status.success());
    started.elapsed()
}

#[test]
fn who_asks_how_things_stand_does_not_keep_them_from_being_quiet() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  file:\n  - {name: DIR/f, content: x}\n");
    let files = ["--report=report.json", "--graphviz=out.dot", "--events=events.jsonl"];
    let run = place.run(&[&["--converged-timeout=0.6"], &files[..], &["site.yaml"]].concat());
    let written = || std::fs::metadata(place.path("report.json")).and_then(|report| report.modified()).ok();
    wait_until("the report is written", || written().is_some());
    let done = run.finish().ends_with(0);
    println!("{:?} over", done.took - Duration::from_millis(600));
}

const FILES: &str = "---
graph: mygraph
resources:
  file:
  - {name: file1, path: DIR/f1, content: \"i am f1\\n\", state: exists}
  - {name: file2, path: DIR/f2, content: \"i am f2\\n\", state: exists}
  - {name: file3, path: DIR/f3, content: \"i am f3\\n\", state: exists}
  - {name: file4, path: DIR/f4, state: absent}
";

#[test]
fn a_removed_file_is_back_when_it_is_read() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    place.write("f4", "i should not be here\n");
    let agent = place.run(&["site.yaml"]);
    let is_in_order = || {
        ["f1", "f2", "f3"].iter().all(|name| place.read(name) == format!("i am {name}\n"))
            && !place.path("f4").exists()
    };
    wait_until("all is in order", is_in_order);
    let mut times = Vec::new();
    let mut at_once = 0;
    for _ in 0..8 {
        let start = Instant::now();
        let said =
            Command::new("sh").args(["-c", &place.fill("rm -f DIR/f2 && cat DIR/f2")]).output().unwrap();
        at_once += usize::from(said.stdout == b"i am f2\n");
        wait_until("f2 is back", || place.read("f2") == "i am f2\n");
        times.push(start.elapsed());
        place.write("f4", "i should not be here\n");
        wait_until("f4 is gone", || !place.path("f4").exists());
        // So rarely that nobody takes it for a fight.
        super::rig::pause(Duration::from_millis(1050) - start.elapsed().min(Duration::from_secs(1)));
    }
    times.sort();
    println!(
        "cat found it {at_once} times of {}; back within {:?} at most",
        times.len(),
        times.last().unwrap()
    );
    assert!(is_in_order());
    agent.signal("INT");
    agent.finish().ends_with(130);
}
