//! A sensitive value is nowhere to be seen, whatever happens to it.

use super::place::Place;

const SITE: &str = "---
graph: g
resources:
  file:
  - {name: DIR/out/, state: exists}
  - {name: DIR/out/declared, content: !sensitive hunter2}
  - name: DIR/out/received
    state: exists
    recv: {content: {kind: exec, name: tells, key: output}}
  - name: DIR/out/passed-on
    state: exists
    recv: {content: {kind: value, name: v, key: any}}
  value:
  - {name: v, any: !sensitive hunter2}
  exec:
  - {name: tells, cmd: echo $S, shell: /bin/sh, env: {S: !sensitive hunter2}}
  - {name: fails, cmd: !sensitive 'echo hunter2 >&2; exit 3', shell: /bin/sh, meta: {retry: 0}}
  - {name: missing, cmd: !sensitive /nowhere/hunter2, meta: {retry: 0}}
  - {name: guarded, cmd: 'true', ifcmd: !sensitive hunter2 --now, meta: {retry: 0}}
  kv:
  - {name: k, key: k, value: !sensitive hunter2}
  line:
  - {name: l, file: DIR/lines, state: exists, content: !sensitive password hunter2}
  print:
  - {name: p, msg: !sensitive hunter2}
  msg:
  - {name: m, body: !sensitive hunter2}
";

#[test]
fn a_run_shows_no_secret() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    let plan = ["plan", "--prefix", "DIR/prefix", "site.yaml"];
    for args in [&plan[..], &["plan", "--format", "json", "--prefix", "DIR/prefix", "site.yaml"]] {
        hides(&place, args);
    }
    for format in ["dot", "mermaid", "json", "svg"] {
        hides(&place, &["graph", "--format", format, "site.yaml"]);
    }
    hides(&place, &["check", "site.yaml"]);
    let run =
        ["--once", "-vvv", "--report", "report.json", "--events", "events.json", "--graphviz", "graph.dot"];
    // Once to make everything, once more to change everything, so that the old secret is what is there.
    for _ in 0..2 {
        let done = place.run(&[&run[..], &["site.yaml"]].concat());
        done.ends_with(1);
        for text in [&done.stdout, &done.stderr] {
            assert!(!has_secret(text), "{text}");
        }
        for file in ["report.json", "events.json", "graph.dot"] {
            let text = place.read(file);
            assert!(!text.is_empty() && !has_secret(&text), "{file} {text}");
        }
        let written = place.read("out/declared");
        assert_eq!(
            (place.read("out/received"), place.read("out/passed-on")),
            (written.clone() + "\n", written)
        );
        place.write("site.yaml", &SITE.replace("hunter2", "hunter3"));
    }
    hides(&place, &plan);
}

#[test]
fn a_secret_that_does_not_fit_is_not_quoted() {
    let place = Place::new();
    for (kind, params) in [
        ("file", "mode: !sensitive hunter2"),
        ("file", "owner: root, mode: !sensitive 'u=hunter2'"),
        ("exec", "cwd: !sensitive hunter2"),
        ("exec", "sig: !sensitive hunter2"),
        ("msg", "priority: !sensitive hunter2"),
        ("timer", "interval: !sensitive hunter2"),
    ] {
        place.write("site.yaml", &format!("graph: g\nresources:\n  {kind}:\n  - {{name: /a, {params}}}\n"));
        place.homeostat(&["check", "site.yaml"]).ends_with(2);
        hides(&place, &["check", "site.yaml"]);
        hides(&place, &["check", "--format", "json", "site.yaml"]);
    }
}

#[track_caller]
fn hides(place: &Place, args: &[&str]) {
    let done = place.homeostat(args);
    assert!(!has_secret(&done.stdout) && !has_secret(&done.stderr), "{args:?} {done:#?}");
}

fn has_secret(text: &str) -> bool {
    text.contains("hunter")
}
