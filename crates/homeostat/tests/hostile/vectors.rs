//! The graph files of 2016, where they lie beside this repository, as they are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::rig::{BINARY, Place, skipped};

/// Each file is one graph; long chains of ten-second sleeps are cut off, unless there is time.
const CUT_OFF: &str = "12";
const KINDS: &[&str] = &["file", "exec", "timer", "noop", "print", "msg", "value", "kv", "line", "test"];

struct Vector {
    name: String,
    text: String,
}

fn vectors() -> Option<Vec<Vector>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = ["../shared/conformance/graph-yaml", "../../shared/conformance/graph-yaml"];
    let Some(dir) = places.iter().map(|place| root.join(place)).find(|dir| dir.is_dir()) else {
        skipped("there is no ../shared/conformance/graph-yaml");
        return None;
    };
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    assert!(!paths.is_empty());
    let read = |path: PathBuf| Vector {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    Some(paths.into_iter().map(read).collect())
}

impl Vector {
    /// The kinds below `resources`, which all files write one indented by two.
    fn kinds(&self) -> BTreeSet<&str> {
        let below = self.text.lines().skip_while(|line| *line != "resources:").skip(1);
        let lines = below.take_while(|line| line.starts_with(' '));
        lines
            .filter(|line| !line.starts_with("   ") && !line.starts_with("  -"))
            .filter_map(|line| line.trim().strip_suffix(':'))
            .collect()
    }

    fn unknown(&self) -> Vec<&str> {
        self.kinds().into_iter().filter(|kind| !KINDS.contains(kind)).collect()
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().map(|line| line.trim().trim_start_matches("- "));
        lines
            .filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
            .map(|text| text.trim_matches('"'))
    }

    /// Where its paths lead to, in a root of its own.
    fn make_parents(&self, place: &Place) {
        place.make_dir("root/tmp");
        let patterns = self.values("pattern").filter(|path| path.starts_with('/'));
        for path in self.values("path").chain(self.values("source")).chain(patterns) {
            let below = format!("root{}", path.trim_end_matches('/'));
            place.make_dir(Path::new(&below).parent().unwrap().to_str().unwrap());
        }
        for source in self.values("source").filter(|path| path.ends_with('/')) {
            place.make_dir(&format!("root{source}"));
        }
    }

    fn is_long(&self) -> bool {
        self.text.contains("sleep 1")
    }
}

#[test]
fn graphs_with_kinds_of_this_version_run() {
    let Some(vectors) = vectors() else { return };
    let cut_off = if std::env::var_os("HOMEOSTAT_SLOW").is_some() { "60" } else { CUT_OFF };
    let (mut started, mut whole) = (Vec::new(), 0);
    for vector in vectors.iter().filter(|vector| vector.unknown().is_empty()) {
        let place = Place::new();
        vector.make_parents(&place);
        place.write("site.yaml", &vector.text);
        let mut args = vec!["--root", "DIR/root", "--root-exec=host", "--once", "--max-runtime", cut_off];
        // It says noop itself; a mistake there must not cost this machine.
        if vector.text.contains("rm -rf") {
            args.push("--noop");
        }
        args.extend(["--report", "report.json", "site.yaml"]);
        let run = place.run(&args);
        started.push((vector, place, run));
    }
    assert!(started.len() >= 20);
    let all = started.len();
    for (vector, place, run) in started {
        let done = run.finish_within(Duration::from_secs(300));
        let is_cut_off = done.code == Some(124) && vector.is_long();
        assert!(done.code == Some(0) || is_cut_off, "{}: {done:#?}", vector.name);
        let report = place.json("report.json");
        assert_eq!(report["totals"]["failed"], 0, "{}: {report:#}", vector.name);
        whole += usize::from(!is_cut_off);
        if !vector.text.contains("noop: true") && !vector.text.contains("state: absent") {
            for path in vector.values("path") {
                assert!(place.path(&format!("root{path}")).exists(), "{}: {path}", vector.name);
            }
        }
    }
    println!("{all} graphs ran, {whole} of them to the end");
}

#[test]
fn graphs_with_other_kinds_are_refused_with_each_kind_named_once() {
    let Some(vectors) = vectors() else { return };
    let mut refused = 0;
    for vector in &vectors {
        let unknown = vector.unknown();
        if unknown.is_empty() {
            continue;
        }
        let place = Place::new();
        place.write("site.yaml", &vector.text);
        let run = [
            "run",
            "--prefix",
            "DIR/prefix",
            "--root",
            "DIR/root",
            "--root-exec=host",
            "--once",
            "site.yaml",
        ];
        place.make_dir("root");
        let done = place.start(BINARY, &run).finish().ends_with(2);
        assert_eq!(done.err.matches("error[").count(), unknown.len(), "{}: {}", vector.name, done.err);
        for kind in unknown {
            assert_eq!(done.err.matches(&format!("`{kind}`")).count(), 1, "{}: {}", vector.name, done.err);
        }
        assert!(
            !place.path("prefix").exists() && std::fs::read_dir(place.path("root")).unwrap().next().is_none()
        );
        refused += 1;
    }
    println!("{refused} graphs were refused");
}
