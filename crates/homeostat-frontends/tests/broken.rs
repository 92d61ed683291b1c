//! Broken files give the codes that their first line says, and nothing else.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{codes, input, load_all};
use homeostat_frontends::{MAX_DEPTH, MAX_INPUT_BYTES};

/// Found when the graph is built, and not here; of a topology no host has the whole graph.
const OF_THE_ENGINE: &[&str] = &["cycle"];

#[test]
fn every_broken_file_says_what_is_wrong_with_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/broken");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        count += 1;
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let first = text.trim_start_matches('\u{feff}').lines().next().unwrap();
        let expected: BTreeSet<&str> = first
            .strip_prefix("# codes: ")
            .unwrap_or_else(|| panic!("{name} does not say its codes"))
            .split(", ")
            .filter(|code| name.starts_with("topology") || !OF_THE_ENGINE.contains(code))
            .collect();
        let loaded = load_all(vec![input(name, bytes)]);
        let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
        let found: BTreeSet<&str> = errors.clone().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(errors.clone().count(), expected.len(), "{name}: {:#?}", loaded.diagnostics);
        for error in errors {
            assert!(error.span.is_some(), "{name} has an error without a place");
        }
    }
    assert!(count >= 50, "only {count} broken files");
}

#[test]
fn an_input_beyond_the_limit_is_not_looked_at() {
    let loaded = load_all(vec![input("large.yaml", vec![b' '; MAX_INPUT_BYTES + 1])]);
    assert_eq!(codes(&loaded), ["too-large"]);
}

#[test]
fn deep_nesting_is_refused_and_what_is_allowed_is_read() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!("graph: deep\nresources:\n  value:\n  - name: a\n    any: {open}{close}\n")
    };
    // The document, the resources, the list and the resource are around it.
    let deepest = MAX_DEPTH as usize - 4;
    assert_eq!(codes(&load_all(vec![input("a.yaml", nested(deepest))])), [""; 0]);
    for depth in [deepest + 1, 1000, 100_000] {
        assert_eq!(codes(&load_all(vec![input("a.yaml", nested(depth))])), ["too-deep"], "{depth}");
    }
    let indented: String = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(codes(&load_all(vec![input("a.yaml", indented)])), ["too-deep"]);
}

#[test]
fn a_file_of_garbage_has_a_bounded_number_of_findings() {
    let mut text = String::from("graph: garbage\nresources:\n  noop:\n");
    for at in 0..20_000 {
        text.push_str(&format!("  - name: n{at}\n    bad: 1\n"));
    }
    let loaded = load_all(vec![input("a.yaml", text)]);
    assert_eq!(loaded.diagnostics.len(), 10_001);
    assert_eq!(loaded.diagnostics.last().unwrap().code, "more-findings");
}
