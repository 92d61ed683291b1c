//! The examples of this repository do what they show, and a plan foretells it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;

use super::place::Place;

#[test]
fn a_plan_of_each_example_foretells_its_run() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 10);
    for path in names {
        foretells(&path);
    }
}

/// Puts an example into a place, where it makes what it makes; gives its name there and the text that says what it shows.
fn put(path: &Path, place: &Place, at: &str) -> (String, String) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_str().unwrap();
            put(&entry, place, &format!("{at}/{name}"));
        }
        let main = std::fs::read_to_string(path.join("main.mcl")).unwrap_or_default();
        return (at.to_owned(), main);
    }
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("/tmp/homeostat-demo", "DIR/demo").replace("sleep 10s", "sleep 0.1");
    place.write(at, &text);
    (at.to_owned(), place.fill(&text))
}

fn foretells(path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let place = Place::new();
    std::fs::create_dir(place.path("demo")).unwrap();
    let site = path.extension().map_or("site", |kind| if kind == "mcl" { "site.mcl" } else { "site.yaml" });
    let (site, text) = put(path, &place, site);
    let site = &*site;
    if path.is_dir() {
        place.homeostat(&["test", site]).ends_with(0);
    }
    let unknown_allowed: BTreeSet<&str> = text
        .lines()
        .find_map(|line| line.strip_prefix("# plan-unknown:"))
        .unwrap_or_else(|| panic!("{name}: no line `# plan-unknown:`"))
        .split([' ', ','])
        .filter(|id| !id.is_empty())
        .collect();
    let plan =
        place.homeostat(&["plan", "--prefix", "DIR/prefix", "--hostname", "web1", "--format", "json", site]);
    assert!(matches!(plan.code, Some(0 | 1)), "{name} {plan:#?}");
    let plan = plan.json();
    place
        .homeostat(&[
            "run",
            "--prefix",
            "DIR/prefix",
            "--hostname",
            "web1",
            "--once",
            "--report",
            "report.json",
            site,
        ])
        .ends_with(0);
    let report = place.json("report.json");
    for planned in plan["resources"].as_array().unwrap() {
        let id = planned["id"].as_str().unwrap();
        let ran = find(&report, id);
        if planned.get("unknown_until").is_some() {
            assert!(unknown_allowed.contains(id), "{name}: {id} is unknown");
            continue;
        }
        let would = planned["outcome"] == "would_change" && planned["changes"].as_array().is_some();
        let did = ran["outcome"] == "changed" || ran["outcome"] == "would_change";
        let refreshed = ran["refreshes"].as_u64() > Some(0);
        let would_refresh = planned["would_refresh"] == true;
        assert_eq!(would || would_refresh, did || refreshed, "{name}: {id}\n{planned:#}\n{ran:#}");
    }
}

fn find<'a>(report: &'a Json, id: &str) -> &'a Json {
    let resources = report["resources"].as_array().unwrap();
    resources.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("{id} is not in the report"))
}
