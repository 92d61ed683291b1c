//! The broken inputs of this repository are refused, with the codes that they name, and touch nothing.

use std::collections::BTreeSet;
use std::path::Path;

use super::place::Place;

#[test]
fn broken_inputs_are_refused_with_their_codes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/broken");
    let place = Place::new();
    let before = place.everything();
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension == "md") {
            continue;
        }
        count += 1;
        let shown = path.display().to_string();
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
        let Some(codes) = first.strip_prefix("# codes:") else {
            continue;
        };
        let wanted: BTreeSet<&str> =
            codes.split([',', ' ']).map(str::trim).filter(|code| !code.is_empty()).collect();
        let json =
            place.homeostat(&["check", "--hostname", "test", "--format", "json", &shown]).ends_with(2).json();
        let found: BTreeSet<&str> = json["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["severity"] == "error")
            .map(|one| one["code"].as_str().unwrap())
            .collect();
        assert_eq!(found, wanted, "{shown}");
        place.run(&["--once", &shown]).ends_with(2);
    }
    assert!(count > 10);
    assert_eq!(place.everything(), before);
    assert!(!Path::new("/tmp/broken").exists());
}
