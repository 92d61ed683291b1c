//! Findings about inputs, for people and for tools.

use super::place::Place;

const BAD: &str = "---
graph: bad
resources:
  file:
  - name: /tmp/a
    contnet: hello
  - name: /tmp/b
    state: gone
  fiel:
  - name: /tmp/c
edges:
- name: e1
  from: {kind: file, name: /tmp/a}
  to: {kind: file, name: /tmp/nowhere}
";

#[test]
fn every_error_of_a_file_is_shown_at_its_place() {
    let place = Place::new();
    place.write("site.yaml", BAD);
    let done = place.homeostat(&["check", "site.yaml"]);
    insta::assert_snapshot!(done.ends_with(2).stderr);
    assert_eq!(done.stdout, "");
}

#[test]
fn tools_get_the_same_as_json() {
    let place = Place::new();
    place.write("site.yaml", BAD);
    for command in [&["check"] as &[&str], &["graph"], &["plan", "--prefix", "DIR/prefix"]] {
        let args = [command, &["--format", "json", "site.yaml"]].concat();
        let json = place.homeostat(&args).ends_with(2).json();
        let found = json["diagnostics"].as_array().unwrap();
        let places: Vec<String> = found
            .iter()
            .map(|one| {
                format!(
                    "{} {}:{}",
                    one["code"].as_str().unwrap(),
                    one["start"]["line"],
                    one["start"]["column"]
                )
            })
            .collect();
        assert!(places.contains(&"unknown-param 6:5".to_owned()), "{places:?}");
        for one in found {
            for key in ["code", "severity", "stage", "message", "file", "start", "end", "labels", "help"] {
                assert!(one.get(key).is_some(), "{key} {one}");
            }
            assert_eq!(one["file"], "site.yaml");
        }
    }
}

#[test]
fn what_is_in_order_is_said_in_one_line() {
    let place = Place::new();
    place
        .write("site.yaml", "graph: g\nresources:\n  noop:\n  - {name: a, before: 'noop[b]'}\n  - name: b\n");
    let done = place.homeostat(&["check", "site.yaml"]);
    assert_eq!(done.ends_with(0).stdout, "in order: 2 resources, 1 edge (0 automatic)\n");
    let json = place.homeostat(&["check", "--format", "json", "site.yaml"]).ends_with(0).json();
    assert_eq!(json, serde_json::json!({ "diagnostics": [] }));
}

#[test]
fn a_command_without_a_guard_is_warned_of_and_no_error() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  exec:\n  - {name: a, cmd: echo}\n");
    let done = place.homeostat(&["check", "site.yaml"]);
    assert!(done.ends_with(0).stderr.contains("warning[unguarded-exec]"), "{done:#?}");
}

#[test]
fn several_inputs_are_one_catalog_and_standard_input_is_one_of_them() {
    let place = Place::new();
    place.write("a.yaml", "graph: a\nresources:\n  noop:\n  - name: a\n");
    place.write("b.yaml", "graph: b\nresources:\n  noop:\n  - name: b\n    depend: noop[a]\n");
    let done = place.homeostat(&["check", "a.yaml", "b.yaml"]);
    assert!(done.ends_with(0).stdout.contains("2 resources, 1 edge"), "{done:#?}");
    let stdin = "graph: c\nresources:\n  noop:\n  - name: c\n";
    let done = place.homeostat_with_stdin(&["check", "a.yaml", "-", "--input-format", "yaml"], stdin);
    assert!(done.ends_with(0).stdout.contains("2 resources"), "{done:#?}");
}

#[test]
fn only_what_is_shown_is_counted() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nhosts: other\n---\ngraph: h\nresources:\n  noop:\n  - nam: a\n");
    let done = place.homeostat(&["check", "--hostname", "this", "site.yaml"]);
    let last = done.ends_with(2).stderr.lines().last().unwrap_or_default();
    assert!(!last.contains("note"), "{done:#?}");
    let done = place.homeostat(&["check", "-v", "--hostname", "this", "site.yaml"]);
    assert!(done.ends_with(2).stderr.contains("1 note"), "{done:#?}");
}

#[test]
fn what_cannot_be_read_names_its_file_for_tools() {
    for name in ["missing.yaml", "missing.mcl"] {
        let done = Place::new().homeostat(&["check", "--format", "json", name]);
        let json = done.ends_with(2).json();
        assert_eq!(json["diagnostics"][0]["code"], "unreadable", "{json:#}");
        assert_eq!(json["diagnostics"][0]["file"], name, "{json:#}");
    }
}
