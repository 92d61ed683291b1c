//! Broken programs: each says how many errors it has, and all of them are found. What is said of them is looked at by people,
//! in the snapshot.

use std::fs;
use std::path::Path;

use homeostat_lang::ast;
use homeostat_model::{Diagnostic, SourceMap, Span};

#[test]
fn every_error_of_a_broken_program_is_found_and_none_twice() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut paths: Vec<_> =
        fs::read_dir(dir).expect("it is there").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut said = String::new();
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("it can be read");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wanted: usize = text
            .strip_prefix("# ")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .expect("the first line says how many errors there are");
        let mut sources = SourceMap::new();
        let source = sources.add(name.as_str(), text.as_str());
        let found = ast::parse(&text, source).diagnostics;
        for diagnostic in &found {
            said.push_str(&line(diagnostic, &sources));
        }
        said.push('\n');
        if found.len() != wanted {
            wrong.push(format!("{name}: {} errors, not {wanted}", found.len()));
        }
    }
    insta::assert_snapshot!(said);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn line(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let place = |span: Span| sources.place(span).unwrap_or_default();
    let mut line = format!(
        "{} {}[{}]: {}",
        diagnostic.span.map_or_else(String::new, place),
        diagnostic.stage.as_str(),
        diagnostic.code,
        diagnostic.message,
    );
    if let Some(at) = &diagnostic.at {
        line.push_str(&format!(" ^ {at}"));
    }
    for label in &diagnostic.labels {
        line.push_str(&format!(" ({}: {})", place(label.span), label.text));
    }
    if let Some(help) = &diagnostic.help {
        line.push_str(&format!(" = {help}"));
    }
    line + "\n"
}
