//! Plans: what would change, and nothing does.

use super::place::Place;

const SITE: &str = "---
graph: g
resources:
  file:
  - name: DIR/out/
    state: exists
  - name: DIR/out/a
    content: |
      one
      two
    notify: print[changed]
  - name: DIR/same
    content: same
  print:
  - name: changed
    refresh_only: true
";

#[test]
fn a_plan_changes_nothing_and_says_what_would() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    place.write("same", "same");
    let before = place.everything();
    let done = place.homeostat(&["plan", "--prefix", "DIR/prefix", "site.yaml"]);
    done.ends_with(1);
    assert_eq!(place.everything(), before);
    assert!(done.stdout.contains(&place.fill("file[DIR/out/a]")), "{done:#?}");
    assert!(!done.stdout.contains(&place.fill("file[DIR/same]")), "{done:#?}");
    assert!(done.stdout.contains("print[changed]: would refresh"), "{done:#?}");
}

#[test]
fn a_plan_of_what_is_in_order_ends_with_0() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    place.write("same", "same");
    place.run(&["--once", "site.yaml"]).ends_with(0);
    place.homeostat(&["plan", "--prefix", "DIR/prefix", "site.yaml"]).ends_with(0);
}

#[test]
fn a_plan_has_the_form_of_a_report() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    let json = place
        .homeostat(&["plan", "--prefix", "DIR/prefix", "--format", "json", "site.yaml"])
        .ends_with(1)
        .json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["totals"]["would_change"], 3, "{json:#}");
}

/// Each of these fails in a run; what is declared to be made before does not.
const DOOMED: &str = "---
graph: g
resources:
  file:
  - name: DIR/dir
    content: a directory is there
  - name: DIR/owned
    content: x
    owner: nobody-has-this-name
  - name: DIR/missing/deeper/file
    content: x
  - name: DIR/made/
    state: exists
  - name: DIR/made/file
    content: x
  - name: DIR/all/the/way/
    state: exists
    recurse: true
  - name: DIR/all/the/way/file
    content: x
  - name: DIR/full/
    state: absent
  - name: DIR/plain/below
    content: x
  - name: DIR/plain/far/below/
    state: exists
    recurse: true
  - name: DIR/nowhere-link/below
    content: x
  - name: DIR/was-plain/
    state: exists
    force: true
  - name: DIR/was-plain/below
    content: x
  line:
  - name: no directory
    file: DIR/plain/line
    content: x
    state: exists
    meta: {retry: 0}
  - name: nowhere
    file: DIR/nowhere/file
    content: x
    state: exists
    meta: {retry: 0}
  exec:
  - name: no-such-program-anywhere
    meta: {retry: 0}
  - name: unknown user
    cmd: 'true'
    user: nobody-has-this-name
    meta: {retry: 0}
  - name: no directory
    cmd: 'true'
    cwd: DIR/none
    meta: {retry: 0}
  - name: its directory is made
    cmd: 'true'
    cwd: DIR/made
  - name: make a program
    cmd: install -m 755 -D /bin/true DIR/bin/made
    creates: DIR/bin/made
  - name: made before
    cmd: DIR/bin/made
    depend: exec[make a program]
";

#[test]
fn a_plan_fails_where_the_run_will_and_says_the_same() {
    let place = Place::new();
    place.write("site.yaml", DOOMED);
    std::fs::create_dir(place.path("dir")).unwrap();
    std::fs::create_dir(place.path("full")).unwrap();
    place.write("full/entry", "");
    place.write("plain", "");
    place.write("was-plain", "");
    std::os::unix::fs::symlink("nowhere", place.path("nowhere-link")).unwrap();
    let text = place.homeostat(&["plan", "--prefix", "DIR/prefix", "site.yaml"]);
    let said_of = |id: &str| text.stdout.matches(&place.fill(id)).count();
    assert_eq!(said_of(" file[DIR/missing/deeper/file]: "), 1, "{text:#?}");
    assert!(text.stdout.contains("@@ -0,0 +1 @@\n    +x\n    \\ No newline at end of file\n"), "{text:#?}");
    let plan = place.homeostat(&["plan", "--prefix", "DIR/prefix", "--format", "json", "site.yaml"]);
    let plan = plan.ends_with(3).json();
    place.run(&["--once", "--report", "report.json", "site.yaml"]).ends_with(1);
    let report = place.json("report.json");
    assert_eq!(plan["totals"]["failed"], 12, "{plan:#}");
    for planned in plan["resources"].as_array().unwrap() {
        let mut ran = report["resources"].as_array().unwrap().iter();
        let ran = ran.find(|ran| ran["id"] == planned["id"]).unwrap();
        assert_eq!(planned["error"], ran["error"], "{planned:#} {ran:#}");
        assert_eq!(planned["outcome"] == "failed", ran["outcome"] == "failed", "{planned:#} {ran:#}");
    }
}
