//! `homeostat fmt`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use homeostat_lang::format;
use homeostat_lang::syntax::Mode;
use homeostat_lang::testing::SUFFIX;
use homeostat_model::suggest::printable;
use homeostat_model::{Diagnostic, SourceId, SourceMap};
use similar::TextDiff;

use crate::catalog;
use crate::diagnostics;
use crate::exit::{Exit, refused};
use crate::inputs::{is_stdin, read_text, replace};
use crate::terminal::Terminal;

/// Bring MCL files into canonical form
///
/// Spaces, indentation, line ends and the form of numbers become what they are everywhere; comments and everything that
/// means something stay. If one of the files cannot be read, none is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat fmt site.mcl
  homeostat fmt --check *.mcl
  homeostat fmt - < site.mcl

Exit codes:
  0  done; with --check: all of them are in canonical form
  1  with --check: some are not
  2  bad input; nothing was written")]
pub(crate) struct FmtArgs {
    /// Files to format; `-` formats standard input to standard output
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Write nothing; show what would be different
    #[arg(long)]
    pub(super) check: bool,
}

pub(crate) fn run(args: &FmtArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut sources = SourceMap::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut formatted = Vec::new();
    for path in &args.files {
        expect_program(path)?;
        match format_one(path, &mut sources) {
            Ok((source, text)) => formatted.push((path, source, text)),
            Err(wrong) => found.extend(wrong),
        }
    }
    if !found.is_empty() {
        catalog::show(&found, &sources, terminal);
        return Err(refused(format!("{}; nothing was written", diagnostics::counts(&found))));
    }
    let mut exit = Exit::Done;
    for (path, source, after) in &formatted {
        let before = sources.get(*source).map_or("", |source| &source.text);
        let is_canonical = before == after;
        if args.check && !is_canonical {
            exit = Exit::NotInOrder;
            terminal.print(&difference(&path.to_string_lossy(), before, after))?;
        } else if !args.check && is_stdin(path) {
            terminal.print(after)?;
        } else if !args.check && !is_canonical {
            replace(path, after.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
    }
    Ok(exit)
}

/// Data would only be shown as a program full of errors.
fn expect_program(path: &Path) -> anyhow::Result<()> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("yaml" | "yml" | "json") => Err(refused(format!(
            "fmt is for MCL: `{}` is no program; nothing was written",
            printable(&path.to_string_lossy())
        ))),
        _ => Ok(()),
    }
}

fn format_one(path: &Path, sources: &mut SourceMap) -> Result<(SourceId, String), Vec<Diagnostic>> {
    let source = read_text(path, sources).map_err(|unread| vec![*unread])?;
    let text = sources.get(source).map(|source| source.text.clone()).unwrap_or_default();
    let formatted = match format::format(&text, source) {
        // What is a program in spite of its name stays one.
        Err(_) if path.to_string_lossy().ends_with(SUFFIX) => format::format_as(&text, source, Mode::Tests),
        formatted => formatted,
    };
    Ok((source, formatted?))
}

/// What would be different, as `diff -u` says it.
fn difference(name: &str, before: &str, after: &str) -> String {
    let name = printable(name);
    let diff = TextDiff::from_lines(before, after);
    let hunks = diff.unified_diff().header(&name, &format!("{name} (canonical)")).to_string();
    hunks.lines().map(|line| printable_line(line) + "\n").collect()
}

/// Tabs are kept: they are what it is about.
fn printable_line(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}
