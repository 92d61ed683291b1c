//! Any bytes, as graph YAML or as a JSON catalog: loading ends without a panic, places lie in their text, and what was
//! accepted can be printed and read back. `cargo fuzz run graph_yaml fuzz/corpus/graph_yaml tests/broken`
#![no_main]

#[path = "../../crates/homeostat-frontends/tests/common/mod.rs"]
mod common;

use common::{input, load_all};
use homeostat_frontends::{Loaded, to_json};
use libfuzzer_sys::fuzz_target;

fn places_are_good(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        let labels = diagnostic.labels.iter().map(|label| label.span);
        for span in diagnostic.span.into_iter().chain(labels) {
            let source = loaded.sources.get(span.source).expect("a span names a source");
            let part = source.text.get(span.start as usize..span.end as usize);
            assert!(part.is_some(), "a span lies in its text");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let name = if bytes.first() == Some(&b'{') {
        "a.json"
    } else {
        "a.yaml"
    };
    let loaded = load_all(vec![input(name, bytes)]);
    places_are_good(&loaded);
    if loaded.is_refused() {
        return;
    }
    let json = to_json(&loaded.catalog, &[], &loaded.sources).to_string();
    let again = load_all(vec![input("b.json", json.as_str())]);
    places_are_good(&again);
    assert!(json.contains("$sensitive") || !again.is_refused(), "{json}");
});
