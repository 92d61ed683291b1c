//! How long a text of many resources takes to become a catalog: `cargo run --release --example load_speed -- 10000`.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fmt::Write;
use std::time::Instant;

use common::{input, load_all};
use homeostat_frontends::to_json;

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let mut yaml = String::from("graph: many\nresources:\n  file:\n");
    for at in 0..count {
        let block = format!(
            "  - name: /tmp/many/file{at}\n    path: /tmp/many/file{at}\n    content: \"hello number {at}\\n\"\n    state: exists\n"
        );
        yaml.push_str(&block);
    }
    yaml.push_str("edges:\n");
    for at in 1..count / 10 {
        let before = at - 1;
        let written = writeln!(
            yaml,
            "- from: {{kind: file, name: /tmp/many/file{before}}}\n  to: {{kind: file, name: /tmp/many/file{at}}}"
        );
        written.expect("a string takes everything");
    }
    let mut json = String::new();
    for _ in 0..5 {
        let inputs = vec![input("many.yaml", yaml.as_str())];
        let start = Instant::now();
        let loaded = load_all(inputs);
        let elapsed = start.elapsed();
        assert!(!loaded.is_refused());
        let size = yaml.len();
        println!("yaml: {count} resources, {size} bytes: {elapsed:?}");
        json = to_json(&loaded.catalog, &[], &loaded.sources).to_string();
    }
    for _ in 0..3 {
        let inputs = vec![input("many.json", json.as_str())];
        let start = Instant::now();
        let loaded = load_all(inputs);
        let elapsed = start.elapsed();
        assert!(!loaded.is_refused());
        println!("json: {count} resources, {} bytes: {elapsed:?}", json.len());
    }
}
