//! What `run` does and says.

use super::place::{Place, wait_until};

const FILES: &str = "---
graph: files
resources:
  file:
  - name: DIR/out/
    state: exists
  - name: DIR/out/f1
    content: one
  - name: DIR/out/f2
    content: two
  - name: DIR/out/f3
    state: absent
";

#[test]
fn it_makes_what_is_declared_and_reports_it() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    place.write("out/f3", "to go");
    let done = place.run(&["--once", "--report", "report.json", "site.yaml"]);
    done.ends_with(0);
    assert_eq!((place.read("out/f1"), place.read("out/f2")), ("one".into(), "two".into()));
    assert!(!place.path("out/f3").exists());
    assert_eq!(done.stdout.lines().filter(|line| line.starts_with("changed ")).count(), 3, "{done:#?}");
    let report = place.json("report.json");
    assert_eq!(report["version"], 1);
    assert_eq!(report["host"], "test");
    assert_eq!(report["inputs"], serde_json::json!(["site.yaml"]));
    assert_eq!(report["result"], "converged");
    assert_eq!(
        report["totals"],
        serde_json::json!({ "resources": 4, "unchanged": 1, "changed": 3, "failed": 0, "blocked": 0, "waiting": 0, "would_change": 0, "skipped": 0 })
    );
    for key in ["started", "duration_ms", "converged_after_ms"] {
        assert!(!report[key].is_null(), "{key} {report}");
    }
    let f1 = report["resources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == place.fill("DIR/out/f1"))
        .unwrap();
    assert_eq!((&f1["kind"], &f1["outcome"], &f1["applies"]), (&"file".into(), &"changed".into(), &1.into()));
    for key in ["id", "changes", "checks", "refreshes", "started_ms", "ended_ms", "error", "blocked_by"] {
        assert!(f1.get(key).is_some(), "{key} {f1}");
    }
}

#[test]
fn what_is_in_order_is_not_mentioned() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    place.run(&["--once", "site.yaml"]).ends_with(0);
    let again = place.run(&["--once", "--report", "report.json", "site.yaml"]);
    assert_eq!(again.ends_with(0).stdout, "");
    assert_eq!(place.json("report.json")["totals"]["unchanged"], 4);
}

#[test]
fn a_second_run_reads_no_file_that_is_as_the_first_one_left_it_and_misses_no_change() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    place.run(&["--once", "site.yaml"]).ends_with(0);
    let is = || std::fs::metadata(place.path("out/f1")).unwrap();
    let left = is();
    place.run(&["--once", "site.yaml"]).ends_with(0);
    assert_eq!(is().accessed().unwrap(), left.accessed().unwrap(), "where reading is noted, it was not read");

    // The size and the time of the content are as they were.
    place.write("out/f1", "eno");
    let file = std::fs::File::open(place.path("out/f1")).unwrap();
    file.set_modified(left.modified().unwrap()).unwrap();
    let again = place.run(&["--once", "site.yaml"]);
    assert_eq!(again.ends_with(0).stdout.matches("changed file").count(), 1, "{again:?}");
    assert_eq!(place.read("out/f1"), "one");
}

#[test]
fn a_run_that_is_killed_leaves_nothing_for_the_next_one_to_go_by() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    place.run(&["--once", "site.yaml"]).ends_with(0);
    assert!(place.path("prefix/known").exists());
    let agent = place.start_run(&["--events", "events", "site.yaml"]);
    wait_until("it has settled", || place.read("events").contains("\"settled\""));
    agent.signal("KILL");
    assert_ne!(agent.finish().code, Some(0));
    assert!(!place.path("prefix/known").exists());
}

#[test]
fn what_changes_is_repaired() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    let agent = place.start_run(&["site.yaml"]);
    wait_until("the files are there", || place.read("out/f2") == "two" && place.read("out/f1") == "one");
    std::fs::remove_file(place.path("out/f1")).unwrap();
    wait_until("f1 is back", || place.read("out/f1") == "one");
    place.write("out/f2", "changed by hand");
    wait_until("f2 is repaired", || place.read("out/f2") == "two");
    agent.signal("TERM");
    agent.finish().ends_with(0);
}

#[test]
fn noop_changes_nothing_and_is_no_failure() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    let done = place.run(&["--once", "--noop", "--report", "report.json", "site.yaml"]);
    assert!(done.ends_with(0).stdout.contains("would change file["), "{done:#?}");
    assert!(!place.path("out").exists());
    assert_eq!(place.json("report.json")["totals"]["would_change"], 3);
}

#[test]
fn events_are_json_lines_of_one_form() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    let done = place.run(&["--once", "--events", "-", "site.yaml"]);
    let events = done.ends_with(0).json_lines();
    assert!(events.iter().any(|event| event["event"] == "settled"), "{events:?}");
    let changed: Vec<_> = events.iter().filter(|event| event["event"] == "changed").collect();
    assert_eq!(changed.len(), 3, "{events:?}");
    for event in &events {
        for key in ["time", "host", "id", "event", "origin", "cause", "severity", "duration_us"] {
            assert!(event.get(key).is_some(), "{key} {event}");
        }
    }
    place.run(&["--once", "--events", "events.jsonl", "site.yaml"]).ends_with(0);
    let first = place.read("events.jsonl").lines().count();
    place.run(&["--once", "--events", "events.jsonl", "site.yaml"]).ends_with(0);
    assert!(place.read("events.jsonl").lines().count() > first, "events are appended");
}

#[test]
fn a_failure_blocks_what_comes_after_it_and_nothing_else() {
    let place = Place::new();
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  exec:\n  - {name: bad, cmd: 'false', meta: {retry: 0}}\n  file:\n  \
         - {name: DIR/after, content: x, depend: 'exec[bad]'}\n  - {name: DIR/beside, content: x}\n",
    );
    let done = place.run(&["--once", "--report", "report.json", "site.yaml"]);
    done.ends_with(1);
    assert!(place.path("beside").exists() && !place.path("after").exists());
    let report = place.json("report.json");
    assert_eq!(report["result"], "failed");
    assert_eq!((&report["totals"]["failed"], &report["totals"]["blocked"]), (&1.into(), &1.into()));
    assert!(done.stdout.contains("failed exec[bad]"), "{done:#?}");
    assert!(done.stdout.contains("by exec[bad]"), "{done:#?}");
}

#[test]
fn what_is_free_runs_beside_a_chain() {
    let place = Place::new();
    // The chain ends only while the free one runs, and the free one only after the chain.
    let exec = |name: &str, cmd: &str, after: &str| {
        format!("  - {{name: {name}, shell: /bin/sh, cmd: '{cmd}'{after}}}\n")
    };
    let wait_for = |file: &str| format!("until test -e DIR/{file}; do sleep 0.05; done");
    place.write(
        "site.yaml",
        &format!(
            "graph: g\nresources:\n  exec:\n{}{}{}{}",
            exec("a", &wait_for("free-began"), ""),
            exec("b", "sleep 0.3", ", depend: \"exec[a]\""),
            exec("c", "touch DIR/chain-ended", ", depend: \"exec[b]\""),
            exec("free", &format!("touch DIR/free-began; {}", wait_for("chain-ended")), "")
        ),
    );
    place.run(&["--converged-timeout", "0", "site.yaml"]).ends_with(0);
}

#[test]
fn a_second_run_with_the_same_prefix_is_refused_and_names_the_first() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    let first = place.start_run(&["site.yaml"]);
    wait_until("the first runs", || place.read("out/f2") == "two");
    let second = place.run(&["--once", "site.yaml"]);
    assert!(second.ends_with(2).stderr.contains(&first.pid().to_string()), "{second:#?}");
}

#[test]
fn the_graph_is_written_after_each_load() {
    let place = Place::new();
    place.write("site.yaml", FILES);
    place.run(&["--once", "--graphviz", "graph.dot", "site.yaml"]).ends_with(0);
    let dot = place.read("graph.dot");
    assert!(dot.starts_with("digraph") && dot.contains("dashed"), "{dot}");
}

#[test]
fn paths_are_below_the_root() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  file:\n  - {name: /in-root, content: x}\n");
    std::fs::create_dir(place.path("root")).unwrap();
    place.run(&["--once", "--root", "DIR/root", "site.yaml"]).ends_with(0);
    assert_eq!(place.read("root/in-root"), "x");
}

#[test]
fn another_host_is_left_alone() {
    let place = Place::new();
    place.write(
        "site.yaml",
        "graph: all\nresources:\n  file:\n  - {name: DIR/all, content: x}\n---\ngraph: web\nhosts: [web*]\nresources:\n  file:\n  - {name: DIR/web, content: x}\n",
    );
    place.run(&["--once", "site.yaml"]).ends_with(0);
    assert!(place.path("all").exists() && !place.path("web").exists());
}

#[test]
fn what_is_taken_out_between_runs_is_undone_where_it_asks_for_it() {
    let place = Place::new();
    place.write("had", "before");
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  file:\n  - {name: DIR/had, content: after, meta: {reverse: true}}\n  \
         - {name: DIR/new, content: x, meta: {reverse: true}}\n",
    );
    place.run(&["--once", "site.yaml"]).ends_with(0);
    assert_eq!((place.read("had"), place.read("new")), ("after".into(), "x".into()));
    place.write("site.yaml", "graph: g\nresources:\n  noop:\n  - name: x\n");
    place.run(&["--once", "site.yaml"]).ends_with(0);
    assert_eq!(place.read("had"), "before");
    assert!(!place.path("new").exists());
}

#[test]
fn a_run_that_settles_once_counts_its_attempts_and_promises_none_after_the_last() {
    let place = Place::new();
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  exec:\n  - {name: bad, cmd: 'false', meta: {delay: 10}}\n",
    );
    let done = place.run(&["--once", "--report", "report.json", "site.yaml"]);
    let lines: Vec<&str> = done.ends_with(1).stdout.lines().filter(|line| line.contains("failed")).collect();
    let promises: Vec<bool> = lines.iter().map(|line| line.contains("again in")).collect();
    assert_eq!(promises, [true, true, false], "{done:#?}");
    assert_eq!(place.json("report.json")["resources"][0]["applies"], 3);
}

#[test]
fn a_test_resource_checks_what_it_receives() {
    let site = |expected: &str| {
        format!(
            "graph: g\nresources:\n  test:\n  - {{name: a, sendvalue: x}}\n  - {{name: b, expectrecv: [{expected}], \
             meta: {{retry: 0}}, recv: {{str: {{kind: test, name: a, key: hello}}}}}}\n"
        )
    };
    let place = Place::new();
    place.write("site.yaml", &site("str"));
    place.run(&["--once", "site.yaml"]).ends_with(0);
    place.write("site.yaml", &site("int"));
    let done = place.run(&["--once", "site.yaml"]);
    assert!(done.ends_with(1).stdout.contains("it was to receive int, and received str"), "{done:#?}");
}
