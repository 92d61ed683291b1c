//! Bad usage is refused with exit code 2, and nothing is touched.

use super::place::Place;

const FINE: &str = "graph: g\nresources:\n  noop:\n  - name: a\n";

#[test]
fn bad_usage_is_refused() {
    let place = Place::new();
    place.write("site.yaml", FINE);
    let before = place.everything();
    for args in [
        &[] as &[&str],
        &["nonsense"],
        &["run"],
        &["run", "--nonsense", "site.yaml"],
        &["run", "--converged-timeout", "-1", "site.yaml"],
        &["run", "--converged-timeout", "soon", "site.yaml"],
        &["run", "--once", "--converged-timeout", "1", "site.yaml"],
        &["run", "--max-runtime", "NaN", "site.yaml"],
        &["run", "--parallel", "0", "site.yaml"],
        &["run", "--sema", "0", "site.yaml"],
        &["run", "--root", "DIR/nowhere", "site.yaml"],
        &["run", "--root", "DIR/site.yaml", "site.yaml"],
        &["run", "--hostname", "a/b", "site.yaml"],
        &["run", "--report", "DIR", "site.yaml"],
        &["run", "--report", "DIR/nowhere/report.json", "site.yaml"],
        &["run", "--graphviz", "DIR/nowhere/graph.dot", "site.yaml"],
        &["run", "--events", "DIR", "site.yaml"],
        &["run", "--events", "DIR/nowhere/events.jsonl", "site.yaml"],
        &["run", "--prefix", "DIR/site.yaml", "site.yaml"],
        &["kv", "--prefix", "DIR/site.yaml", "get", "key"],
        &["run", "--hostname", "", "site.yaml"],
        &["run", "--input-format", "yaml", "site.yaml"],
        &["run", "--input-format", "nonsense", "-"],
        &["run", "-"],
        &["run", "-", "-", "--input-format", "yaml"],
        &["run", "--cluster-converged", "site.yaml"],
        &["run", "--etcd", "https://a:2379", "site.yaml"],
        &["run", "--etcd-ca", "ca.pem", "site.yaml"],
        &["check", "--format", "xml", "site.yaml"],
        &["graph", "--format", "xml", "site.yaml"],
        &["plan", "--format", "xml", "site.yaml"],
        &["doc", "nonsense"],
        &["completions", "nonsense"],
        &["kv"],
        &["kv", "get"],
        &["kv", "put", "", "x"],
    ] {
        let done = place.homeostat(args);
        assert_eq!(done.code, Some(2), "{args:?} {done:#?}");
        assert!(!done.stderr.is_empty() && done.stdout.is_empty(), "{args:?} {done:#?}");
    }
    assert_eq!(place.everything(), before);
}

#[test]
fn bad_input_is_refused_before_a_prefix_is_made() {
    let place = Place::new();
    place.write("bad.yaml", "graph: g\nresources:\n  noop:\n  - nam: a\n");
    place.write(
        "cycle.yaml",
        "graph: g\nresources:\n  noop:\n  - {name: a, before: 'noop[b]'}\n  - {name: b, before: 'noop[a]'}\n",
    );
    let before = place.everything();
    for input in ["bad.yaml", "cycle.yaml", "nowhere.yaml", "."] {
        place.run(&["--once", input]).ends_with(2);
        place.homeostat(&["plan", "--prefix", "DIR/prefix", input]).ends_with(2);
        place.homeostat(&["check", input]).ends_with(2);
        place.homeostat(&["graph", input]).ends_with(2);
    }
    assert_eq!(place.everything(), before);
}

#[test]
fn a_prefix_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("site.yaml", FINE);
    std::fs::create_dir(place.path("prefix")).unwrap();
    std::fs::set_permissions(place.path("prefix"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let done = place.run(&["--once", "site.yaml"]);
    assert!(done.ends_with(2).stderr.contains("can be read by others"), "{done:#?}");
    assert_eq!(std::fs::read_dir(place.path("prefix")).unwrap().count(), 0);
}

#[test]
fn help_is_no_error_and_says_how() {
    let place = Place::new();
    for command in ["run", "plan", "check", "graph", "doc", "schema", "completions", "kv"] {
        let done = place.homeostat(&[command, "--help"]);
        done.ends_with(0);
        assert!(done.stdout.contains("Usage: homeostat") && done.stdout.contains("Example"), "{command}");
    }
    place.homeostat(&["--version"]).ends_with(0);
}

#[test]
fn colours_follow_the_flag() {
    let place = Place::new();
    place.write("bad.yaml", "graph: g\nresources:\n  noop:\n  - nam: a\n");
    assert!(!place.homeostat(&["check", "bad.yaml"]).stderr.contains('\u{1b}'));
    assert!(place.homeostat(&["check", "--color", "always", "bad.yaml"]).stderr.contains('\u{1b}'));
}
