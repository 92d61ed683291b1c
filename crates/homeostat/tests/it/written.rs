//! What is written for others: to the right place, or not at all, and never in silence.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitStatus, Stdio};

use super::place::Place;

const SITE: &str = "graph: g\nresources:\n  file:\n  - {name: DIR/a, content: x}\n";

/// Where nothing can be written.
const FULL: &str = "/dev/full";

/// A command whose standard output is full.
fn into_full(place: &Place, args: &[&str]) -> (ExitStatus, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_homeostat"))
        .args(args)
        .current_dir(place.path(""))
        .stdin(Stdio::null())
        .stdout(File::options().write(true).open(FULL).unwrap())
        .output()
        .unwrap();
    (done.status, String::from_utf8(done.stderr).unwrap())
}

#[test]
fn no_output_goes_over_an_input_or_another_output() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    place.write("site.mcl", "import \"./other/\"\nprint \"a\" {\n\tmsg => \"x\",\n}\n");
    place.write("other/main.mcl", "print \"b\" {\n\tmsg => \"x\",\n}\n");
    std::os::unix::fs::symlink("site.yaml", place.path("link.yaml")).unwrap();
    let before = place.everything();
    for args in [
        &["--report", "site.yaml", "site.yaml"] as &[&str],
        &["--report", "DIR/site.yaml", "./site.yaml"],
        &["--graphviz", "link.yaml", "site.yaml"],
        &["--events", "site.yaml", "link.yaml"],
        &["--report", "other/main.mcl", "site.mcl"],
        &["--events", "out", "--report", "DIR/out", "site.yaml"],
        &["--graphviz", "out", "--report", "./out", "site.yaml"],
        &["--report", "-", "site.yaml"],
        &["--graphviz", "-", "site.yaml"],
    ] {
        let done = place.run(&[&["--once"], args].concat());
        assert_eq!(done.code, Some(2), "{args:?} {done:#?}");
    }
    assert_eq!(place.everything(), before);
    assert_eq!(place.read("site.yaml"), place.fill(SITE));
    place.run(&["--once", "--events", "/dev/null", "--report", "/dev/null", "site.yaml"]).ends_with(0);
}

#[test]
fn an_output_that_cannot_be_written_is_named_once_and_the_run_does_not_end_well() {
    for flag in ["--report", "--events"] {
        let place = Place::new();
        place.write("site.yaml", SITE);
        let done = place.run(&["--once", flag, FULL, "site.yaml"]);
        assert_eq!(done.ends_with(1).stderr.matches(FULL).count(), 1, "{flag} {done:#?}");
        assert_eq!(place.read("a"), "x", "it does its work all the same");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_no_verdict() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    let run = ["run", "--once", "--prefix", "prefix", "site.yaml"];
    for (args, code) in [
        (&["plan", "--prefix", "nowhere", "site.yaml"] as &[&str], 2),
        (&["check", "site.yaml"], 2),
        (&["graph", "site.yaml"], 2),
        (&["--help"], 1),
        (&run, 1),
    ] {
        let (status, stderr) = into_full(&place, args);
        assert_eq!(status.code(), Some(code), "{args:?} {stderr}");
        assert_eq!(stderr.matches("cannot write to standard output").count(), 1, "{args:?} {stderr}");
    }
}

#[test]
fn help_for_a_reader_that_goes_away_is_no_error() {
    let done = Command::new("bash")
        .args(["-c", "set -o pipefail; \"$0\" run --help | true", env!("CARGO_BIN_EXE_homeostat")])
        .status()
        .unwrap();
    assert!(done.success());
}

#[test]
fn who_only_looks_refuses_the_prefix_that_a_run_refuses() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    std::fs::create_dir(place.path("prefix")).unwrap();
    std::fs::set_permissions(place.path("prefix"), Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("dangling")).unwrap();
    let plan = place.homeostat(&["plan", "--prefix", "DIR/prefix", "site.yaml"]);
    assert!(plan.ends_with(2).stderr.contains("can be read by others"), "{plan:#?}");
    let run = place.homeostat(&["run", "--once", "--prefix", "DIR/dangling", "site.yaml"]);
    assert!(run.ends_with(2).stderr.contains("leads nowhere"), "{run:#?}");
}
