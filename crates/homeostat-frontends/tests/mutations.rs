//! Whatever a text looks like: loading ends, does not panic, and every place lies in its text.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::LazyLock;

use common::{input, load_all};
use homeostat_frontends::{Loaded, to_json};
use proptest::prelude::*;

static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(seeds);

fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    for directory in [root.join("tests/cases"), root.join("../../tests/broken")] {
        let mut paths: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .collect();
        paths.sort();
        seeds.extend(paths.iter().map(|path| std::fs::read(path).unwrap()));
    }
    seeds
}

#[derive(Debug, Clone)]
enum Mutation {
    Remove(usize, usize),
    Insert(usize, &'static str),
    Flip(usize, u8),
    Copy(usize, usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let bits = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\t",
        "&a ",
        "*a",
        "!sensitive ",
        "!!int ",
        "<<: *a",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "#",
        " #",
        "~",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "@@",
        "$",
        "\u{e9}",
        "\u{feff}",
        "\r\n",
        "? ",
        ",",
        "\\u",
        "0x",
        ".inf",
        "\u{85}",
        "\u{2028}",
    ]);
    prop_oneof![
        (any::<usize>(), 0usize..20).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<usize>(), bits).prop_map(|(at, text)| Mutation::Insert(at, text)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (any::<usize>(), any::<usize>(), 0usize..60)
            .prop_map(|(from, to, count)| Mutation::Copy(from, to, count)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: Mutation) {
    let length = bytes.len();
    match mutation {
        Mutation::Remove(at, count) => {
            let at = at % (length + 1);
            bytes.drain(at..(at + count).min(length));
        }
        Mutation::Insert(at, text) => {
            let at = at % (length + 1);
            bytes.splice(at..at, text.bytes());
        }
        Mutation::Flip(at, bits) if length > 0 => bytes[at % length] ^= bits & 0x1f,
        Mutation::Flip(..) => {}
        Mutation::Copy(from, to, count) => {
            let from = from % (length + 1);
            let copy: Vec<u8> = bytes[from..(from + count).min(length)].to_vec();
            let to = to % (length + 1);
            bytes.splice(to..to, copy);
        }
    }
}

fn places_are_good(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        let labels = diagnostic.labels.iter().map(|label| label.span);
        for span in diagnostic.span.into_iter().chain(labels) {
            let text = &loaded.sources.get(span.source).unwrap().text;
            let range = span.start as usize..span.end as usize;
            assert!(text.get(range.clone()).is_some(), "{range:?} of {} in {text:?}", diagnostic.code);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_load_or_are_refused(
        seed in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 1..8),
    ) {
        let mut bytes = seed.get(&SEEDS).clone();
        for mutation in mutations {
            mutate(&mut bytes, mutation);
        }
        let loaded = load_all(vec![input("a.yaml", bytes)]);
        places_are_good(&loaded);
        if !loaded.is_refused() {
            let json = to_json(&loaded.catalog, &[], &loaded.sources).to_string();
            let again = load_all(vec![input("b.json", json.clone())]);
            places_are_good(&again);
            let redacted = json.contains("$sensitive");
            prop_assert!(redacted || !again.is_refused(), "{json} {:?}", again.diagnostics);
        }
    }

    #[test]
    fn mutated_catalogs_load_or_are_refused(mutations in prop::collection::vec(mutation(), 1..6)) {
        let yaml = include_bytes!("cases/basics.yaml").to_vec();
        let loaded = load_all(vec![input("a.yaml", yaml)]);
        let mut json = to_json(&loaded.catalog, &[], &loaded.sources).to_string().into_bytes();
        for mutation in mutations {
            mutate(&mut json, mutation);
        }
        places_are_good(&load_all(vec![input("b.json", json)]));
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), json in any::<bool>()) {
        let name = if json { "a.json" } else { "a.yaml" };
        places_are_good(&load_all(vec![input(name, bytes)]));
    }
}
