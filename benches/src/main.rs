//! Measures Homeostat against yardsticks: `cargo run --release -p homeostat-benches -- [--quick] [--json] [NAME…]`.
//!
//! Invariants: every figure stands beside its yardstick, both from this run; a yardstick makes the system calls that the kind
//! makes and nothing more. What it prints and the exit code are all it leaves behind.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod bare;
mod fileset;
mod repairing;
mod report;
mod rows;
mod running;

use std::process::ExitCode;

use report::{Report, Row};

/// What one call of this program was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Fewer resources and shorter waits.
    pub(crate) quick: bool,
    /// How often each figure is taken.
    pub(crate) runs: usize,
}

/// A benchmark by name.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Settings, &mut dyn FnMut(Row)) -> anyhow::Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "create", about: "create N small files", run: rows::files::create },
    Bench { name: "again", about: "run again with nothing to do", run: rows::files::again },
    Bench { name: "process", about: "the same as a whole process, and its start", run: rows::process::all },
    Bench { name: "repair", about: "repair one deleted or changed file", run: rows::repair::all },
    Bench { name: "load", about: "load one change of 100,000 resources", run: rows::load::all },
    Bench { name: "idle", about: "100,000 watched files, and nothing happens", run: rows::idle::all },
    Bench { name: "chain", about: "four commands, three of them in a chain", run: rows::chain::all },
    Bench { name: "edges", about: "automatic edges of a tree of 10,000 files", run: rows::edges::all },
    Bench { name: "language", about: "an MCL program of 10,000 resources", run: rows::language::all },
    Bench { name: "batch", about: "a batch out of 1,000 ready packages", run: rows::batch::all },
];

const USAGE: &str = "usage: homeostat-benches [--quick] [--json] [--runs N] [NAME…]\n\nnames:";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// What this program was called for: what was asked, or to be measured by another one of it.
fn run(args: Vec<String>) -> anyhow::Result<bool> {
    if let [child, rest @ ..] = args.as_slice() {
        let run_child: fn(&[String]) -> anyhow::Result<()> = match child.as_str() {
            rows::idle::CHILD => rows::idle::run_child,
            rows::language::CHILD => rows::language::run_child,
            _ => return measure(args),
        };
        return run_child(rest).map(|()| true);
    }
    measure(args)
}

/// Says whether every budget holds.
fn measure(args: Vec<String>) -> anyhow::Result<bool> {
    let mut settings = Settings { quick: false, runs: 5 };
    let (mut json, mut chosen) = (false, Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => settings.quick = true,
            "--json" => json = true,
            "--runs" => {
                let runs = args.next().and_then(|runs| runs.parse().ok()).filter(|runs| *runs > 0);
                settings.runs = runs.ok_or_else(|| anyhow::anyhow!("--runs takes a number above zero"))?;
            }
            "--help" | "-h" => {
                println!("{USAGE}");
                BENCHES.iter().for_each(|bench| println!("  {:<8} {}", bench.name, bench.about));
                return Ok(true);
            }
            name => match BENCHES.iter().find(|bench| bench.name == name) {
                Some(bench) => chosen.push(bench),
                None => anyhow::bail!("there is no benchmark `{name}`; --help names them all"),
            },
        }
    }
    if chosen.is_empty() {
        chosen.extend(BENCHES);
    }
    let mut report = Report::new(json);
    report.begin();
    for bench in chosen {
        (bench.run)(&settings, &mut |row| report.add(row))?;
    }
    Ok(report.end())
}
