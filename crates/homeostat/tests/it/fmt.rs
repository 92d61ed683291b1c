//! `fmt` writes the canonical form, or says where it is missing, and never touches what it cannot read.

use std::os::unix::fs::PermissionsExt;

use super::place::Place;

const LOOSE: &str = "# why\n$x=[1,2]\n\n\n\ntest   \"a\" { int => 007, }\n";
const CANONICAL: &str = "# why\n$x = [1, 2]\n\ntest \"a\" {\n\tint => 7,\n}\n";

#[test]
fn files_are_written_in_canonical_form_and_keep_their_mode_and_links() {
    let place = Place::new();
    place.write("a.mcl", LOOSE);
    std::fs::set_permissions(place.path("a.mcl"), PermissionsExt::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("a.mcl", place.path("link.mcl")).unwrap();
    place.homeostat(&["fmt", "DIR/link.mcl"]).ends_with(0);
    assert_eq!(place.read("a.mcl"), CANONICAL);
    assert!(place.path("link.mcl").is_symlink());
    let mode = std::fs::metadata(place.path("a.mcl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    place.homeostat(&["fmt", "--check", "DIR/a.mcl"]).ends_with(0);
}

#[test]
fn a_check_shows_the_difference_and_writes_nothing() {
    let place = Place::new();
    place.write("a.mcl", LOOSE);
    let done = place.homeostat(&["fmt", "--check", "DIR/a.mcl"]);
    let shown = &done.ends_with(1).stdout;
    for line in ["-$x=[1,2]\n", "+$x = [1, 2]\n", "+\tint => 7,\n"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(place.read("a.mcl"), LOOSE);
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    let done = Place::new().homeostat_with_stdin(&["fmt", "-"], LOOSE);
    assert_eq!(done.ends_with(0).stdout, CANONICAL);
}

#[test]
fn one_file_that_cannot_be_read_keeps_all_from_being_written() {
    let place = Place::new();
    place.write("good.mcl", LOOSE);
    place.write("bad.mcl", "$x = [\n\t1\n]\n$y = \n");
    let done = place.homeostat(&["fmt", "DIR/good.mcl", "DIR/bad.mcl", "DIR/absent.mcl"]);
    let said = &done.ends_with(2).stderr;
    for part in ["missing-comma", "add a trailing comma", "unreadable", "3 errors"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(place.read("good.mcl"), LOOSE);
}

#[test]
fn data_is_not_taken_for_a_program() {
    let place = Place::new();
    place.write("a.mcl", LOOSE);
    place.write("site.yaml", "graph: g\n");
    let done = place.homeostat(&["fmt", "a.mcl", "site.yaml"]);
    assert!(done.ends_with(2).stderr.contains("fmt is for MCL"), "{done:#?}");
    assert_eq!(place.read("a.mcl"), LOOSE);
}

#[test]
fn a_byte_order_mark_is_space_and_goes() {
    let place = Place::new();
    place.write("a.mcl", &format!("\u{feff}{LOOSE}"));
    place.homeostat(&["check", "a.mcl"]).ends_with(0);
    place.homeostat(&["fmt", "a.mcl"]).ends_with(0);
    assert_eq!(place.read("a.mcl"), CANONICAL);
    place.write("b.mcl", "\u{feff}$x = ü\n");
    let json = place.homeostat(&["check", "--format", "json", "b.mcl"]).ends_with(2).json();
    assert_eq!(json["diagnostics"][0]["start"], serde_json::json!({ "line": 1, "column": 6 }), "{json:#}");
}
