//! What a load makes of several inputs, of other formats, and of catalogs that it printed itself.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{Registry, codes, describe, input, load_all, load_with};
use homeostat_frontends::{Format, Input, Loaded, Pool, json_schema, to_json};
use homeostat_model::ResourceId;

fn check(yaml: &str, expect: &str) {
    let loaded = load_all(vec![input("a.yaml", yaml)]);
    assert_eq!(describe(&loaded).trim(), expect.trim());
}

/// Prints the catalog and reads it back.
fn round_trip(loaded: &Loaded) -> Loaded {
    let json = to_json(&loaded.catalog, &[], &loaded.sources).to_string();
    load_all(vec![input("b.json", json)])
}

#[test]
fn several_inputs_are_one_catalog() {
    let first = "graph: one\nresources:\n  noop:\n  - name: a\n    before: noop[b]\n  - name: c\n";
    let second = "graph: two\nresources:\n  noop:\n  - name: b\n  - name: c\n";
    let loaded = load_all(vec![input("1.yaml", first), input("2.yaml", second)]);
    let expect = "graph one\nnoop[a] at 1.yaml:4:5\nnoop[c] at 1.yaml:6:5\nnoop[b] at 2.yaml:4:5\nnoop[a] -> noop[b]\n";
    assert_eq!(describe(&loaded), expect);
}

#[test]
fn a_conflict_between_inputs_shows_both_places() {
    let yaml =
        |comment: &str| format!("graph: g\nresources:\n  noop:\n  - name: a\n    comment: {comment}\n");
    let loaded = load_all(vec![input("1.yaml", yaml("x")), input("2.yaml", yaml("y"))]);
    assert_eq!(codes(&loaded), ["duplicate-resource"]);
    let diagnostic = &loaded.diagnostics[0];
    let places = [diagnostic.span.unwrap(), diagnostic.labels[0].span];
    let places = places.map(|span| loaded.sources.place(span).unwrap());
    assert_eq!(places, ["2.yaml:4:5", "1.yaml:4:5"]);
}

#[test]
fn a_resource_without_anything_is_fine() {
    check("graph: g\nresources:\n  noop:\n  - name: a\n", "graph g\nnoop[a] at a.yaml:4:5");
    check("graph: g\n", "graph g");
    check("---\ngraph: g\nedges:\ncollect: ~\nresources: {}\n...\n", "graph g");
}

#[test]
fn a_key_given_twice_is_found_among_many() {
    for (count, twice) in [(5, 3), (12, 11), (13, 0), (40, 5), (40, 39)] {
        let keys = (0..count).chain([twice]).map(|at| format!("k{at}: x"));
        let env = keys.collect::<Vec<_>>().join(", ");
        let yaml = format!("graph: g\nresources:\n  exec:\n  - name: a\n    env: {{{env}}}\n");
        let loaded = load_all(vec![input("a.yaml", yaml)]);
        assert_eq!(codes(&loaded), ["duplicate-key"], "{count} {twice}");
        let label = loaded.diagnostics[0].labels[0].span;
        let text = &loaded.sources.get(label.source).unwrap().text;
        assert_eq!(text[label.start as usize..label.end as usize], format!("k{twice}"));
    }
}

#[test]
fn two_collects_of_one_export_conflict() {
    let yaml = "graph: g\nresources:\n  file:\n  - name: \"@@f\"\n    path: /a/f\ncollect:\n- {kind: file, pattern: /b}\n- {kind: file, pattern: /c}\n";
    assert_eq!(codes(&load_all(vec![input("a.yaml", yaml)])), ["duplicate-resource"]);
}

#[test]
fn what_is_applied_here_and_offered_is_not_collected_once_more() {
    for collect in ["{kind: file}", "{kind: file, pattern: /c}"] {
        let yaml = format!(
            "graph: g\nresources:\n  file:\n  - {{name: f, path: /a/f, meta: {{export: ['*']}}}}\ncollect:\n- {collect}\n"
        );
        let loaded = load_all(vec![input("a.yaml", yaml)]);
        assert_eq!(codes(&loaded), [""; 0], "{collect}");
        assert_eq!(loaded.catalog.resources.len(), 1);
    }
}

#[test]
fn many_resources_may_merge_the_same_defaults() {
    let mut yaml = String::from(
        "graph: g\nresources:\n  file:\n  - &base {name: first, owner: root, group: root, mode: 0644}\n",
    );
    for at in 0..100_000 {
        yaml.push_str(&format!("  - {{<<: *base, name: file{at}}}\n"));
    }
    let loaded = load_all(vec![input("a.yaml", yaml)]);
    assert_eq!(codes(&loaded), [""; 0]);
    assert_eq!(loaded.catalog.resources.len(), 100_001);
}

#[test]
fn an_empty_choice_is_none() {
    let yaml = "graph: g\nresources:\n  file:\n  - name: /a\n    state: ''\n";
    check(yaml, "graph g\nfile[/a] at a.yaml:4:5");
    let yaml = "graph: g\nresources:\n  line:\n  - name: l\n    file: /a\n    state: ''\n";
    assert_eq!(codes(&load_all(vec![input("a.yaml", yaml)])), ["missing-param"]);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    for text in ["", "---\n", "# only a comment\n", "~\n"] {
        assert_eq!(codes(&load_all(vec![input("a.yaml", text)])), ["unknown-format"], "{text:?}");
    }
}

#[test]
fn formats_are_told_by_name_and_content() {
    let graph = "graph: g\n";
    let told = |name: &str, text: &str| codes(&load_all(vec![input(name, text)]));
    for (name, text) in [
        ("a.yaml", graph),
        ("a.YML", graph),
        ("dir.d/file", graph),
        ("a", "{\"resources\": []}"),
        ("a.json", "{\"resources\": []}"),
        ("\u{fffd}.yaml", "\u{feff}graph: g\n"),
        ("a.yaml", "- {id: 1, target: a, interfaces: {}}\n"),
        ("a.yaml", "nodes:\n- {id: 1, target: a, interfaces: }\n"),
    ] {
        assert_eq!(told(name, text), [""; 0], "{name}");
    }
    for (name, text) in [
        ("a.mcl", ""),
        ("module/", ""),
        ("a.yaml", "tosca_definitions_version: x\n"),
        ("a.json", "{\"resources\": [{\"type\": \"File\", \"title\": \"x\"}]}"),
        ("a.json", "{\"catalog_uuid\": \"\"}"),
    ] {
        assert_eq!(told(name, text), ["unsupported-input"], "{name} {text}");
    }
    for (name, text) in [("<stdin>", "hello"), ("a.txt", "x"), ("a.yaml", "- x\n"), ("a.yaml", "x\n")] {
        assert_eq!(told(name, text), ["unknown-format"], "{name} {text}");
    }
}

#[test]
fn a_format_that_the_user_names_is_taken() {
    let named = |text: &str, format| {
        codes(&load_all(vec![Input { name: "<stdin>".into(), bytes: text.into(), format: Some(format) }]))
    };
    assert_eq!(named("graph: g\n", Format::GraphYaml), [""; 0]);
    assert_eq!(named("{\"resources\": []}", Format::Catalog), [""; 0]);
    assert_eq!(named("graph: g\n", Format::Topology), ["unknown-key"]);
    assert_eq!(named("- x\n", Format::GraphYaml), ["wrong-shape"]);
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
}

#[test]
fn utf_16_is_recognized() {
    let loaded = load_all(vec![input("a.yaml", b"\xff\xfeg\0r\0".to_vec())]);
    assert_eq!(codes(&loaded), ["invalid-utf8"]);
    assert!(loaded.diagnostics[0].help.as_ref().unwrap().contains("UTF-16"));
}

#[test]
fn an_unknown_kind_is_reported_once_for_all_inputs() {
    let yaml = "graph: g\nresources:\n  nope: {}\n";
    assert_eq!(codes(&load_all(vec![input("1.yaml", yaml)])), ["unknown-kind"]);
    let yaml = "graph: g\nresources:\n  nope:\n  - name: a\n    x: 1\nedges:\n- {from: \"nope[a]\", to: \"nope[b]\"}\n";
    let loaded = load_all(vec![input("1.yaml", yaml), input("2.yaml", yaml)]);
    assert_eq!(codes(&loaded), ["unknown-kind"]);
}

#[test]
fn a_wrong_resource_can_be_referred_to() {
    let yaml = "graph: g\nresources:\n  file:\n  - name: a\n    recurse: x\n  noop:\n  - name: b\n    depend: file[a]\n";
    assert_eq!(codes(&load_all(vec![input("a.yaml", yaml)])), ["wrong-type"]);
}

#[test]
fn a_parameter_that_is_received_is_not_missing() {
    // No kind here requires a parameter that it can receive, so one is made.
    struct Demanding(homeostat_model::KindSchema, Registry);
    impl homeostat_frontends::Kinds for Demanding {
        fn schema(&self, kind: &str) -> Option<&homeostat_model::KindSchema> {
            if kind == "print" { Some(&self.0) } else { self.1.schema(kind) }
        }
        fn names(&self) -> Vec<&str> {
            self.1.names()
        }
    }
    let registry = Registry::new();
    let mut print = homeostat_frontends::Kinds::schema(&registry, "print").unwrap().clone();
    print.params[0].required = true;
    let kinds = Demanding(print, registry);
    let cx = homeostat_frontends::Context { kinds: &kinds, hostname: "a", pool: Pool::ThisHost };
    let load = |recv: &str| {
        let yaml =
            format!("graph: g\nresources:\n  value:\n  - name: v\n    any: 1\n  print:\n  - name: p\n{recv}");
        codes(&homeostat_frontends::load(vec![input("a.yaml", yaml)], &cx))
    };
    assert_eq!(load("    recv: {msg: {kind: value, name: v, key: any}}\n"), [""; 0]);
    assert_eq!(load(""), ["missing-param"]);
}

#[test]
fn with_a_shared_pool_collected_names_are_taken_on_trust() {
    let yaml = "graph: g\nresources:\n  noop:\n  - name: a\n    depend: [\"file[there]\", \"exec[there]\"]\n  file:\n  - name: \"@@mine\"\ncollect:\n- kind: file\n";
    let loaded = load_with(vec![input("a.yaml", yaml)], "a", Pool::Shared);
    assert_eq!(codes(&loaded), ["unknown-resource"]);
    assert!(loaded.diagnostics[0].message.contains("exec[there]"));
    assert_eq!(loaded.catalog.resources.len(), 1, "nothing was collected");
    let loaded = load_with(vec![input("a.yaml", yaml)], "a", Pool::ThisHost);
    assert_eq!(codes(&loaded), ["unknown-resource", "unknown-resource"]);
}

#[test]
fn commands_are_collected_where_the_host_is_named() {
    let yaml = |from: &str| {
        format!(
            "graph: g\nresources:\n  exec:\n  - name: \"@@x\"\n    cmd: date\ncollect:\n- {{kind: exec, from: {from}}}\n"
        )
    };
    let count = |from: &str| load_all(vec![input("a.yaml", yaml(from))]).catalog.resources.len();
    assert_eq!((count("[b, a]"), count("a"), count("[b]"), count("~")), (1, 1, 0, 0));
}

#[test]
fn what_is_printed_is_read_back() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let loaded = load_all(vec![input(path.to_str().unwrap(), std::fs::read(&path).unwrap_or_default())]);
        // A secret is redacted, and JSON has no keys but text.
        let is_lossy = ["sensitive.yaml", "untyped_keys.yaml"].iter().any(|name| path.ends_with(name));
        if loaded.is_refused() || is_lossy {
            continue;
        }
        count += 1;
        let again = round_trip(&loaded);
        let (one, other) = (&loaded.catalog, &again.catalog);
        assert!(!again.is_refused(), "{}\n{}", path.display(), describe(&again));
        assert_eq!(one.name, other.name);
        let digests = |catalog: &homeostat_model::Catalog| -> Vec<_> {
            catalog.resources.iter().map(|resource| (resource.id.clone(), resource.digest())).collect()
        };
        assert_eq!(digests(one), digests(other), "{}", path.display());
        let edges = |catalog: &homeostat_model::Catalog| -> Vec<_> {
            catalog
                .edges
                .iter()
                .map(|edge| (edge.from.clone(), edge.to.clone(), edge.notify, edge.label.clone()))
                .collect()
        };
        assert_eq!(edges(one), edges(other));
        assert_eq!(one.sends.len(), other.sends.len());
        assert_eq!(one.exports.len(), other.exports.len());
        let json = |loaded: &Loaded| to_json(&loaded.catalog, &[], &homeostat_model::SourceMap::new());
        assert_eq!(json(&loaded), json(&again));
    }
    assert!(count >= 8, "only {count} cases could be printed");
}

#[test]
fn automatic_edges_are_printed_and_not_read() {
    let yaml = "graph: g\nresources:\n  noop:\n  - name: a\n    before: noop[b]\n  - name: b\n  - name: c\n";
    let loaded = load_all(vec![input("a.yaml", yaml)]);
    let id = |name: &str| ResourceId::new("noop", name);
    let auto = [(id("a"), id("b")), (id("b"), id("c"))];
    let json = to_json(&loaded.catalog, &auto, &loaded.sources);
    let edges = serde_json::json!([
        { "from": "noop[a]", "to": "noop[b]", "notify": false, "auto": false },
        { "from": "noop[b]", "to": "noop[c]", "notify": false, "auto": true },
    ]);
    assert_eq!(json["edges"], edges);
    assert_eq!(json["resources"][0]["origin"], "a.yaml:4:5");
    let again = load_all(vec![input("b.json", json.to_string())]);
    assert_eq!(again.catalog.edges.len(), 1);
}

#[test]
fn a_redacted_catalog_is_refused() {
    let yaml = "graph: g\nresources:\n  file:\n  - name: a\n    content: !sensitive hunter2\n";
    let loaded = load_all(vec![input("a.yaml", yaml)]);
    let json = to_json(&loaded.catalog, &[], &loaded.sources).to_string();
    assert!(!json.contains("hunter2"));
    assert_eq!(codes(&load_all(vec![input("b.json", json)])), ["redacted-value"]);
}

#[test]
fn what_is_wrong_with_a_json_catalog_is_pointed_at() {
    let json = r#"{"resources": [{"kind": "file", "name": "a", "params": {"contnet": "x", "recurse": "yes"}, "met": {}},
      {"kind": "fiel", "name": "a"}, {"name": "b"}], "edges": [{"from": "file[a]", "to": "file[c]"}, {"from": "x"}],
      "sends": [{"from": "exec[x]", "key": "stdot", "to": "exec[y]", "param": "cmd"}], "extra": 1}"#;
    let loaded = load_all(vec![input("a.json", json)]);
    let mut found = codes(&loaded);
    found.sort_unstable();
    let mut expected = vec![
        "unknown-param",
        "wrong-type",
        "unknown-key",
        "unknown-kind",
        "missing-key",
        "unknown-resource",
        "invalid-reference",
        "missing-key",
        "cannot-send",
        "cannot-receive",
        "unknown-key",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", describe(&loaded));
    assert!(loaded.diagnostics.iter().all(|diagnostic| diagnostic.span.is_some()));
    assert_eq!(codes(&load_all(vec![input("a.json", "{\"resources\": [}")])), ["syntax"]);
    assert_eq!(codes(&load_all(vec![input("a.json", "[]")])), ["wrong-shape"]);
}

#[test]
fn the_json_schema_has_every_kind_and_no_dangling_reference() {
    let schema = json_schema(&Registry::new());
    assert_eq!(schema["properties"]["resources"]["properties"].as_object().unwrap().len(), 12);
    let text = schema.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(schema.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn the_json_schema_takes_what_is_read_as_text_and_the_names_of_old() {
    let schema = json_schema(&Registry::new());
    let exec = &schema["$defs"]["exec"]["properties"];
    for name in ["timeout", "pollint", "state"] {
        assert_eq!(exec[name]["deprecated"], true, "{name}");
    }
    let takes = |pointer: &str, ty: &str| {
        let types = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        types.as_array().is_some_and(|types| types.contains(&ty.into()))
    };
    for pointer in ["/properties/graph/type", "/$defs/file/properties/mode/type"] {
        assert!(takes(pointer, "number") && takes(pointer, "string"), "{pointer}");
    }
    let from = &schema["properties"]["collect"]["items"]["properties"]["from"]["anyOf"];
    assert!(from[0]["type"].as_array().unwrap().contains(&"string".into()));
}

#[test]
fn the_files_of_old_load() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/graph-yaml");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        println!("skipped: there are no vectors in {}", directory.display());
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let loaded = load_all(vec![input(path.to_str().unwrap(), std::fs::read(&path).unwrap())]);
        let errors: Vec<_> = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
        assert!(errors.iter().all(|error| error.code == "unknown-kind"), "{}", describe(&loaded));
        let mut messages: Vec<_> = errors.iter().map(|error| &error.message).collect();
        messages.dedup();
        assert_eq!(messages.len(), errors.len(), "{}", path.display());
    }
}
