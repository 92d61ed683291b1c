//! The vectors of another implementation of the language, where they are on this machine: which of them behave as expected.
//!
//! They lie in `../shared/conformance/mcl` beside the repository, or where HOMEOSTAT_CONFORMANCE says. They are data, not a
//! part of this project. A count below the committed one fails the test; raise [`FLOORS`] when a count has risen.
#![allow(clippy::print_stdout, reason = "the counts are what the test is for")]

mod archive;
mod expected;
#[path = "../common/kinds.rs"]
mod kinds;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use archive::Archive;
use expected::Expected;
use homeostat_lang::modules::{self, FileId, Files, Unreadable};
use homeostat_lang::{format, infer, scope};
use homeostat_model::{Diagnostic, SourceId, SourceMap, Stage};
use kinds::TextKinds;

/// What must be reached of each tier.
const FLOORS: &[(Tier, usize)] =
    &[(Tier::Read, 233), (Tier::Stage, 61), (Tier::Place, 58), (Tier::Formatted, 267)];

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// A program that is right, or wrong in a later stage, is read without complaint.
    Read,
    /// A program that cannot be read is refused in the right stage.
    Stage,
    /// And at the right place.
    Place,
    /// A program in canonical form is left as it is.
    Formatted,
}

struct Case {
    name: String,
    archive: Archive,
    expected: Expected,
}

/// The stages that are judged here; later ones pass.
const JUDGED: &[Stage] = &[Stage::Parse, Stage::Structure, Stage::Interpolation, Stage::Scope, Stage::Type];

#[test]
fn no_fewer_vectors_behave_as_expected_than_did_before() {
    let Some(cases) = cases() else {
        println!("skipped: the vectors are not on this machine");
        return;
    };
    let mut tally = Tally::default();
    for case in &cases {
        judge(case, &mut tally);
    }
    tally.print();
    for (tier, floor) in FLOORS {
        let (passed, _) = tally.counts(*tier);
        assert!(passed >= *floor, "{tier:?}: {passed} pass, {floor} did before");
    }
}

fn judge(case: &Case, tally: &mut Tally) {
    let (sources, diagnostics) = read(&case.archive);
    let first = diagnostics.iter().map(|diagnostic| diagnostic.stage).min();
    match &case.expected {
        Expected::Error { stage, places } if JUDGED.contains(stage) => {
            tally.count(Tier::Stage, case, first == Some(*stage), || format!("{first:?}, not {stage:?}"));
            let found: Vec<_> = diagnostics.iter().filter_map(|found| start(found, &sources)).collect();
            let is_there = found.iter().any(|found| places.contains(found));
            tally.count(Tier::Place, case, is_there, || format!("{found:?}, not {places:?}"));
        }
        Expected::Graph | Expected::Error { .. } => {
            tally.count(Tier::Read, case, diagnostics.is_empty(), || {
                let messages: Vec<_> =
                    diagnostics.iter().map(|found| (&found.message, start(found, &sources))).collect();
                format!("{messages:?}")
            });
        }
    }
    if case.archive.is_not_formatted() {
        return;
    }
    for (name, text) in case.archive.programs().filter(|(name, _)| *name == "main.mcl") {
        let formatted = format::format(text, SourceId(0));
        let is_same = formatted.as_deref().is_ok_and(|formatted| formatted == text);
        tally.count(Tier::Formatted, case, is_same, || {
            let formatted = formatted.as_deref().unwrap_or("(not read)");
            let difference = text.lines().zip(formatted.lines()).find(|(is, becomes)| is != becomes);
            format!("{name}: {difference:?}")
        });
    }
}

/// Reads the program and resolves its names.
fn read(archive: &Archive) -> (SourceMap, Vec<Diagnostic>) {
    let mut sources = SourceMap::new();
    let entry = if archive.files.contains_key("metadata.yaml") { "/" } else { "/main.mcl" };
    let modules = match modules::load(entry, archive, &mut sources) {
        Ok(modules) => modules,
        Err(wrong) => return (sources, vec![*wrong]),
    };
    let (names, mut diagnostics) = scope::resolve(&modules);
    if diagnostics.is_empty() {
        let kinds = TextKinds::parse(include_str!("kinds.txt"));
        diagnostics.extend(infer::infer(&modules, &names, &kinds).1);
    }
    for diagnostic in &mut diagnostics {
        // There, texts of imported files are read when names are resolved.
        let is_imported =
            diagnostic.span.is_some_and(|span| span.source != modules.file(FileId::MAIN).program.source);
        if is_imported && diagnostic.stage < Stage::Scope {
            diagnostic.stage = Stage::Scope;
        }
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.stage, diagnostic.span));
    (sources, diagnostics)
}

impl Files for Archive {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        let text = self.files.get(path.trim_start_matches('/'));
        text.map(|text| text.as_str().into()).ok_or(Unreadable::Missing)
    }

    fn name(&self, path: &str) -> String {
        path.trim_start_matches('/').to_owned()
    }
}

fn start(diagnostic: &Diagnostic, sources: &SourceMap) -> Option<(String, u32, u32)> {
    let span = diagnostic.span?;
    let source = sources.get(span.source)?;
    let at = source.line_column(span.start);
    Some((source.name.to_string(), at.line, at.column))
}

fn cases() -> Option<Vec<Case>> {
    let root = std::env::var_os("HOMEOSTAT_CONFORMANCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/mcl"),
        PathBuf::from,
    );
    let mut paths = Vec::new();
    for suite in fs::read_dir(root).ok()?.flatten().filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(suite.path()).expect("a suite can be listed").flatten() {
            paths.push(file.path());
        }
    }
    paths.sort();
    let case = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a case can be read");
        let archive = Archive::parse(&text);
        let expected = Expected::of(archive.output());
        Case { name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), archive, expected }
    };
    Some(paths.iter().map(case).collect())
}

/// For each tier, how many passed of how many.
#[derive(Default)]
struct Tally(BTreeMap<Tier, (usize, usize)>);

impl Tally {
    fn count(&mut self, tier: Tier, case: &Case, is_right: bool, why: impl FnOnce() -> String) {
        let (passed, all) = self.0.entry(tier).or_default();
        *all += 1;
        if is_right {
            *passed += 1;
        } else {
            println!("{tier:?}: {}: {}", case.name, why());
        }
    }

    fn counts(&self, tier: Tier) -> (usize, usize) {
        self.0.get(&tier).copied().unwrap_or_default()
    }

    fn print(&self) {
        for (tier, (passed, all)) in &self.0 {
            println!("{tier:?}: {passed} of {all}");
        }
    }
}
