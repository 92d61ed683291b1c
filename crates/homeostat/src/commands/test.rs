//! `homeostat test`

use std::path::PathBuf;

use clap::Args;
use homeostat_lang::testing::Outcome;
use homeostat_model::suggest::printable;
use homeostat_model::{Diagnostic, SourceMap};
use serde_json::{Value as Json, json};

use super::{TextOrJson, pretty};
use crate::catalog;
use crate::diagnostics;
use crate::exit::{Exit, refused};
use crate::inputs::why_unreadable;
use crate::mcl::{Suite, find_tests};
use crate::terminal::{Paint, Terminal};

/// Run unit tests of configuration
///
/// A file `*_test.mcl` has tests: what is given of the world, what is included, and which resources are expected then. Nothing is
/// executed, and nothing is asked of this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat test
  homeostat test site_test.mcl --name port

Exit codes:
  0  everything is as expected
  1  something is not
  2  bad usage or bad input")]
pub(crate) struct TestArgs {
    /// Files of tests, or directories with such files somewhere in them
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Only tests with this in their names
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// For people or for tools
    #[arg(long, value_enum, default_value_t)]
    format: TextOrJson,
}

/// How a test ended.
struct Ended {
    file: String,
    name: String,
    unmet: Vec<Diagnostic>,
}

pub(crate) fn run(args: &TestArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut sources = SourceMap::new();
    let mut wrong = Vec::new();
    let mut ended = Vec::new();
    for path in files(args)? {
        let suite = match Suite::read(&path, &mut sources) {
            Ok(suite) => suite,
            Err(found) => {
                wrong.extend(found);
                continue;
            }
        };
        let is_wanted = |name: &str| args.name.as_ref().is_none_or(|part| name.contains(part.as_str()));
        for test in suite.tests.iter().filter(|test| is_wanted(&test.name)) {
            let unmet = match suite.run(test, &mut sources) {
                Outcome::Ok => Vec::new(),
                Outcome::Failed(unmet) => unmet,
                // What all tests of a file share is said once.
                Outcome::Refused(found) => {
                    let is_new = |one: &Diagnostic| !wrong.contains(one);
                    let found: Vec<Diagnostic> = found.into_iter().filter(is_new).collect();
                    wrong.extend(found);
                    continue;
                }
            };
            ended.push(Ended { file: path.to_string_lossy().into_owned(), name: test.name.clone(), unmet });
        }
    }
    show(args.format, &ended, &wrong, &sources, terminal)?;
    if !wrong.is_empty() {
        return match args.format {
            TextOrJson::Json => Ok(Exit::Refused),
            TextOrJson::Text => Err(refused(diagnostics::counts(&wrong))),
        };
    }
    match ended.iter().all(|test| test.unmet.is_empty()) {
        _ if ended.is_empty() => Err(refused("there is no such test")),
        true => Ok(Exit::Done),
        false => Ok(Exit::NotInOrder),
    }
}

fn files(args: &TestArgs) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in &args.paths {
        let found = find_tests(path).map_err(|error| {
            refused(format!("cannot read `{}`: {}", path.display(), why_unreadable(&error)))
        })?;
        files.extend(found.into_iter().filter(|file| !files.contains(file)).collect::<Vec<_>>());
    }
    match files.is_empty() {
        true => Err(refused("there are no files `*_test.mcl` here")),
        false => Ok(files),
    }
}

fn show(
    format: TextOrJson,
    ended: &[Ended],
    wrong: &[Diagnostic],
    sources: &SourceMap,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    match format {
        TextOrJson::Json => terminal.print(&pretty(&to_json(ended, wrong, sources)))?,
        TextOrJson::Text => {
            catalog::show(wrong, sources, terminal);
            for test in ended {
                catalog::show(&test.unmet, sources, terminal);
            }
            terminal.print(&lines(ended, terminal.paint_out(), terminal.is_quiet()))?;
        }
    }
    Ok(())
}

/// A line for each test below the name of its file, and the counts.
fn lines(ended: &[Ended], paint: Paint, is_quiet: bool) -> String {
    let mut text = String::new();
    let mut file = None;
    for test in ended.iter().filter(|test| !is_quiet || !test.unmet.is_empty()) {
        if file != Some(&test.file) {
            text.push_str(&format!("{}\n", printable(&test.file)));
            file = Some(&test.file);
        }
        let result = if test.unmet.is_empty() { paint.green("ok    ") } else { paint.red("FAILED") };
        text.push_str(&format!("  {result}  {}\n", printable(&test.name)));
    }
    let failed = ended.iter().filter(|test| !test.unmet.is_empty()).count();
    let plural = if ended.len() == 1 { "" } else { "s" };
    if !ended.is_empty() && (!is_quiet || failed > 0) {
        text.push_str(&format!(
            "{} test{plural}: {} ok, {failed} failed\n",
            ended.len(),
            ended.len() - failed
        ));
    }
    text
}

fn to_json(ended: &[Ended], wrong: &[Diagnostic], sources: &SourceMap) -> Json {
    let found = |found: &[Diagnostic]| diagnostics::to_json(found, sources)["diagnostics"].clone();
    let tests = ended.iter().map(|test| {
        let result = if test.unmet.is_empty() { "ok" } else { "failed" };
        json!({ "file": test.file, "name": test.name, "result": result, "diagnostics": found(&test.unmet) })
    });
    json!({ "tests": tests.collect::<Vec<_>>(), "diagnostics": found(wrong) })
}
