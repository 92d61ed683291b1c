//! Each `cases/*.yaml` gives what `cases/*.out` says. `UPDATE_CASES=1 cargo test` writes the latter anew; read the change.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{describe, input, load_all};

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_case_gives_what_is_written_down() {
    let mut different = Vec::new();
    let paths = cases();
    assert!(paths.len() > 15);
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = describe(&load_all(vec![input(name, std::fs::read(&path).unwrap())]));
        let expected = path.with_extension("out");
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&expected, &found).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != found {
            different.push(format!("{name} gives\n{found}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
