//! Programs that can be read and are wrong all the same: each says by which codes, and every one of its errors is found. What
//! is said of them is looked at by people, in the snapshot.

#[path = "common/kinds.rs"]
mod kinds;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homeostat_lang::eval::collector::Unknowns;
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::modules::{self, Files, Unreadable};
use homeostat_lang::program;
use homeostat_model::{Diagnostic, SourceMap, Span};
use kinds::TextKinds;

struct Directory(PathBuf);

impl Files for Directory {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        let text = fs::read_to_string(self.0.join(path.trim_start_matches('/')));
        text.map(Arc::from).map_err(|_| Unreadable::Missing)
    }

    fn name(&self, path: &str) -> String {
        path.trim_start_matches('/').to_owned()
    }
}

#[test]
fn every_error_of_a_wrong_program_is_found_and_none_twice() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused");
    let kinds = Arc::new(TextKinds::parse(include_str!("conformance/kinds.txt")));
    let mut names: Vec<String> = fs::read_dir(&dir)
        .expect("it is there")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".mcl"))
        .collect();
    names.sort();
    let directory = Directory(dir);
    let (mut said, mut wrong) = (String::new(), Vec::new());
    for name in names {
        let text = directory.read(&name).expect("it can be read");
        let wanted: Vec<&str> = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# codes: "))
            .expect("the first line says the codes")
            .split(", ")
            .collect();
        let mut sources = SourceMap::new();
        let found = found(&format!("/{name}"), &directory, &mut sources, &kinds);
        for diagnostic in &found {
            said.push_str(&line(diagnostic, &sources));
        }
        said.push('\n');
        let mut codes: Vec<&str> = found.iter().map(|diagnostic| diagnostic.code).collect();
        codes.sort_unstable();
        if codes != wanted {
            wrong.push(format!("{name}: {codes:?}, not {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{said}");
    for internal in ["?0", "?1", "Var(", "TypeVar", "ExprId", "K::"] {
        assert!(!said.contains(internal), "{internal} is nothing to people:\n{said}");
    }
    insta::assert_snapshot!(said);
}

fn found(entry: &str, files: &dyn Files, sources: &mut SourceMap, kinds: &Arc<TextKinds>) -> Vec<Diagnostic> {
    let modules = match modules::load(entry, files, sources) {
        Ok(modules) => modules,
        Err(wrong) => return vec![*wrong],
    };
    let (checked, mut found) = match program::check(modules, &**kinds) {
        Ok(checked) => (checked, Vec::new()),
        Err(refused) => match refused.rest {
            Some(rest) => (*rest, refused.found),
            None => return refused.found,
        },
    };
    let program = Program::new(checked, kinds.clone(), "here".into());
    let mut evaluator = Evaluator::new(program, Unknowns::LeaveOut);
    evaluator.settle();
    found.extend(evaluator.diagnostics());
    found
}

fn line(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let place = |span: Span| sources.place(span).unwrap_or_default();
    let (stage, code) = (diagnostic.stage.as_str(), diagnostic.code);
    let at = diagnostic.span.map_or_else(String::new, place);
    let mut line = format!("{at} {stage}[{code}]: {}", diagnostic.message);
    for label in &diagnostic.labels {
        line.push_str(&format!(" ({}: {})", place(label.span), label.text));
    }
    if let Some(help) = &diagnostic.help {
        line.push_str(&format!(" = {help}"));
    }
    line + "\n"
}
