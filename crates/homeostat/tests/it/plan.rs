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
