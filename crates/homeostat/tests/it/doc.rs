//! What the binary knows about itself.

use super::place::Place;

#[test]
fn every_listed_name_is_explained() {
    let place = Place::new();
    let list = place.homeostat(&["doc"]).ends_with(0).stdout.clone();
    let names: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    assert!(
        names.contains(&"noop") && names.contains(&"meta") && names.contains(&"unknown-param"),
        "{names:?}"
    );
    for name in names {
        let done = place.homeostat(&["doc", name]);
        assert!(done.ends_with(0).stdout.starts_with("# "), "{name}");
    }
}

#[test]
fn a_slip_of_the_finger_is_answered_with_a_suggestion() {
    let done = Place::new().homeostat(&["doc", "unknown-parm"]);
    assert!(done.ends_with(2).stderr.contains("did you mean `unknown-param`?"), "{done:#?}");
}

#[test]
fn functions_are_explained_by_themselves_and_by_modules() {
    let place = Place::new();
    let split = place.homeostat(&["doc", "strings.split"]).ends_with(0).stdout.clone();
    assert!(split.contains("strings.split(a str, sep str) []str") && split.contains("  # [\"a\""), "{split}");
    let module = place.homeostat(&["doc", "strings"]).ends_with(0).stdout.clone();
    assert!(module.contains("import \"strings\"") && module.contains("## to_upper"), "{module}");
    // A kind and a module.
    let both = place.homeostat(&["doc", "test"]).ends_with(0).stdout.clone();
    assert!(both.contains("# Parameters") && both.contains("import \"test\""), "{both}");
    let absent = place.homeostat(&["doc", "golang/runtime.version"]).ends_with(0).stdout.clone();
    assert!(absent.contains("Not here: "), "{absent}");
}

#[test]
fn a_function_is_found_by_a_part_of_its_name() {
    let place = Place::new();
    let done = place.homeostat(&["doc", "strings.splt"]);
    assert!(done.ends_with(2).stderr.contains("did you mean `strings.split`?"), "{done:#?}");
    let done = place.homeostat(&["doc", "has_prefix"]);
    assert!(done.ends_with(2).stderr.contains("`golang/strings.has_prefix` or"), "{done:#?}");
    let done = place.homeostat(&["doc", "nothing-at-all-like-this"]);
    assert!(done.ends_with(2).stderr.contains("`homeostat doc` lists them"), "{done:#?}");
}

#[test]
fn the_schema_is_json_with_every_kind() {
    let schema = Place::new().homeostat(&["schema"]).ends_with(0).json();
    assert!(schema.to_string().contains("noop"), "{schema}");
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let done = Place::new().homeostat(&["completions", shell]);
        assert!(done.ends_with(0).stdout.contains("graph"), "{shell}");
    }
}

#[test]
fn man_pages_are_written_for_each_command() {
    let place = Place::new();
    place.homeostat(&["man", "--dir", "DIR/man"]).ends_with(0);
    assert!(place.read("man/homeostat-run.1").contains("converged"), "{:?}", place.everything());
}
