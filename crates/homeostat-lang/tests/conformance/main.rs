//! The vectors of another implementation of the language, where they are on this machine: which of them behave as expected.
//!
//! They lie in `../shared/conformance/mcl` beside the repository, or where HOMEOSTAT_CONFORMANCE says. They are data, not a
//! part of this project. A count below the committed one fails the test; raise [`FLOORS`] when a count has risen.
#![allow(clippy::print_stdout, reason = "the counts are what the test is for")]

mod answers;
mod archive;
mod automatic;
mod expected;
mod grouped;
#[path = "../common/kinds.rs"]
mod kinds;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use archive::Archive;
use expected::Expected;
use grouped::Grouped;
use homeostat_lang::eval::collector::Unknowns;
use homeostat_lang::eval::flow::Asking;
use homeostat_lang::eval::naive::{self, Answers, Asked, Evaluated, World};
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::format;
use homeostat_lang::modules::{self, Files, Unreadable};
use homeostat_lang::program::{self, Checked};
use homeostat_model::circle::{Before, circles};
use homeostat_model::{Catalog, Diagnostic, ResourceId, SourceId, SourceMap};
use kinds::TextKinds;

/// What must be reached of each tier.
const FLOORS: &[(Tier, usize)] =
    &[(Tier::Graph, 200), (Tier::Stage, 94), (Tier::Place, 87), (Tier::Formatted, 267)];

/// The suite whose graphs an engine has run.
const WITH_ENGINE: &str = "TestAstFunc3";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// A program that is right declares the resources and edges that it should.
    Graph,
    /// A program that is wrong is refused in the right stage.
    Stage,
    /// And at the right place.
    Place,
    /// A program in canonical form is left as it is.
    Formatted,
}

struct Case {
    name: String,
    /// It was run by an engine that does several resources in one operation.
    is_grouped: bool,
    archive: Archive,
    expected: Expected,
}

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
    let Outcome { sources, diagnostics, lines } = run(case);
    let first = diagnostics.iter().map(|diagnostic| diagnostic.stage).min();
    let messages =
        || -> Vec<_> { diagnostics.iter().map(|found| (&found.message, start(found, &sources))).collect() };
    match &case.expected {
        Expected::Error { stage, places } => {
            tally.count(Tier::Stage, case, first == Some(*stage), || {
                format!("{first:?}, not {stage:?}: {:?}", messages())
            });
            let found: Vec<_> = diagnostics.iter().filter_map(|found| start(found, &sources)).collect();
            let is_there = found.iter().any(|found| places.contains(found));
            tally.count(Tier::Place, case, is_there, || format!("{found:?}, not {places:?}"));
        }
        Expected::Graph => {
            let mut expected: Vec<&str> = case.archive.output().lines().collect();
            // What parameters an engine gave them by default is not for the language to say.
            expected.retain(|line| line.contains("Vertex: ") || line.starts_with("Edge: "));
            expected.sort_unstable();
            let is_right = diagnostics.is_empty() && lines == expected;
            tally.count(Tier::Graph, case, is_right, || match diagnostics.is_empty() {
                true => {
                    let missing: Vec<_> =
                        expected.iter().filter(|line| !lines.iter().any(|l| l == *line)).collect();
                    let extra: Vec<_> =
                        lines.iter().filter(|line| !expected.contains(&line.as_str())).collect();
                    format!("missing {missing:?}, extra {extra:?}")
                }
                false => format!("{:?}", messages()),
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

/// What became of a program.
struct Outcome {
    sources: SourceMap,
    /// By stages, and by places.
    diagnostics: Vec<Diagnostic>,
    lines: Vec<String>,
}

/// Reads the program, checks and evaluates it.
fn run(case: &Case) -> Outcome {
    let mut sources = SourceMap::new();
    let (mut diagnostics, lines) = match evaluated(case, &mut sources) {
        Ok(lines) => (Vec::new(), lines),
        Err(wrong) => (wrong, Vec::new()),
    };
    diagnostics.sort_by_key(|diagnostic| (diagnostic.stage, diagnostic.span));
    Outcome { sources, diagnostics, lines }
}

fn evaluated(case: &Case, sources: &mut SourceMap) -> Result<Vec<String>, Vec<Diagnostic>> {
    let archive = &case.archive;
    let entry = if archive.files.contains_key("metadata.yaml") { "/" } else { "/main.mcl" };
    let modules = modules::load(entry, archive, sources).map_err(|wrong| vec![*wrong])?;
    let kinds = TextKinds::parse(include_str!("kinds.txt"));
    let checked = program::check(modules, &kinds)?;
    let output = naive::evaluate(&checked, World { kinds: &kinds, hostname: "", answers: archive });
    let asked: Vec<String> = incremental(checked, archive);
    let mut hidden: Vec<_> = output.pieces.resources.iter().filter(|resource| resource.meta.hidden).collect();
    // There, equal ones that follow each other are one.
    hidden.dedup_by_key(|resource| (resource.id.clone(), resource.digest()));
    let hidden = hidden.iter().map(|resource| format!("Vertex: {}[{}]", resource.id.kind, resource.id.name));
    let hidden: Vec<String> = hidden.collect();
    match Evaluated::of(output) {
        Evaluated::Failed(wrong) => Err(wrong),
        Evaluated::Partial(mut catalog, _) | Evaluated::Complete(mut catalog) => {
            let lines = lines(&catalog, hidden.clone());
            let open: Vec<&String> = lines.iter().filter(|line| !hidden.contains(line)).collect();
            assert!(
                asked.iter().filter(|line| !hidden.contains(line)).eq(open),
                "both ways say the same: {asked:?}, {lines:?}"
            );
            // Whoever takes the catalog refuses what leads back to where it began.
            let circles = circles(catalog.edges.iter().map(Before::from));
            if !circles.is_empty() {
                return Err(circles);
            }
            automatic::add(&mut catalog);
            match case.is_grouped {
                true => {
                    let mut lines = [Grouped::of(&catalog).lines(), hidden].concat();
                    lines.sort();
                    Ok(lines)
                }
                false => Ok(self::lines(&catalog, hidden)),
            }
        }
    }
}

/// The same by evaluation that follows changes.
fn incremental(checked: Checked, archive: &Archive) -> Vec<String> {
    let kinds = Arc::new(TextKinds::parse(include_str!("kinds.txt")));
    let mut evaluator = Evaluator::new(Program::new(checked, kinds, "".into()), Unknowns::Wait);
    let mut catalog = Catalog::default();
    loop {
        if let Some(delta) = evaluator.settle() {
            catalog.resources.extend(delta.set);
            catalog.edges.extend(delta.set_edges);
        }
        let askings = evaluator.take_askings();
        if askings.is_empty() {
            return lines(&catalog, Vec::new());
        }
        for asking in askings {
            let Asking::Begin(id, request) = asking else { continue };
            if let Some(answer) = archive.answer(&Asked { request, call: 0 }) {
                evaluator.answer(id, answer);
            }
        }
    }
}

/// A catalog as the vectors write it. What is hidden may be there besides what is not.
fn lines(catalog: &Catalog, hidden: Vec<String>) -> Vec<String> {
    let shown = |id: &ResourceId| format!("{}[{}]", id.kind, id.name);
    let open = catalog.resources.iter().filter(|resource| !resource.meta.hidden);
    let mut lines: Vec<String> = open.map(|resource| format!("Vertex: {}", shown(&resource.id))).collect();
    lines.extend(hidden);
    // What is collected is not there: nobody exports.
    let there: HashSet<&ResourceId> = catalog.resources.iter().map(|resource| &resource.id).collect();
    let is_there = |id: &ResourceId| there.contains(id);
    let edges: Vec<_> =
        catalog.edges.iter().filter(|edge| is_there(&edge.from) && is_there(&edge.to)).collect();
    lines.extend(edges.into_iter().map(|edge| {
        let edge = format!("{} -> {}", shown(&edge.from), shown(&edge.to));
        format!("Edge: {edge} # {edge}")
    }));
    lines.sort();
    lines
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
        let is_grouped = path.parent().is_some_and(|suite| suite.ends_with(WITH_ENGINE));
        let text = fs::read_to_string(path).expect("a case can be read");
        let archive = Archive::parse(&text);
        let expected = Expected::of(archive.output());
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Case { name, is_grouped, archive, expected }
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
