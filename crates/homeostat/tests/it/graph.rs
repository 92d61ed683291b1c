//! The graph in its formats.

use super::place::Place;

const SITE: &str = "---
graph: site
resources:
  file:
  - name: /srv/app/
    state: exists
  - name: /srv/app/app.conf
    content: x
    notify: exec[reload]
  exec:
  - name: reload
    cmd: 'true'
    creates: /srv/app/loaded
  noop:
  - name: 'a \"quoted\" <name>'
edges:
- name: e1
  from: {kind: exec, name: reload}
  to: {kind: noop, name: 'a \"quoted\" <name>'}
";

fn graph(format: &str) -> String {
    let place = Place::new();
    place.write("site.yaml", SITE);
    place.homeostat(&["graph", "--format", format, "site.yaml"]).ends_with(0).stdout.clone()
}

#[test]
fn dot() {
    insta::assert_snapshot!(graph("dot"));
}

#[test]
fn mermaid() {
    insta::assert_snapshot!(graph("mermaid"));
}

#[test]
fn json() {
    insta::assert_snapshot!(graph("json"));
}

#[test]
fn a_picture_has_everything_in_it() {
    let svg = graph("svg");
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    for text in ["/srv/app/app.conf", "reload", "a &quot;quoted&quot; &lt;name&gt;"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn the_json_form_is_read_back_to_the_same_graph() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    let first = place.homeostat(&["graph", "--format", "json", "site.yaml"]).ends_with(0).json();
    place.write("site.json", &first.to_string());
    let mut second = place.homeostat(&["graph", "--format", "json", "site.json"]).ends_with(0).json();
    for (resource, original) in
        second["resources"].as_array_mut().unwrap().iter_mut().zip(first["resources"].as_array().unwrap())
    {
        resource["origin"] = original["origin"].clone();
    }
    assert_eq!(first, second);
}

#[test]
fn automatic_edges_can_be_left_out() {
    let place = Place::new();
    place.write("site.yaml", SITE);
    assert!(graph("dot").contains("dashed"));
    let without = place.homeostat(&["graph", "--no-autoedges", "site.yaml"]).ends_with(0).stdout.clone();
    assert!(!without.contains("dashed"), "{without}");
}
