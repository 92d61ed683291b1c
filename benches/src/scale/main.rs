//! Many agents on one store: `cargo run --release -p homeostat-benches --bin homeostat-scale -- [--agents N] …`.
//!
//! Each agent is what `homeostat agent` is: a thread with a runtime, a prefix, a file system, an engine and a connection with mutual TLS
//! of its own, to three real etcds. One more host, `origin`, is kept by `homeostat run` and exports a file that all of them collect.
//!
//! Invariants: how long something took is printed and decides nothing; the exit code is 1 when a host did not converge, a file
//! vanished, or a lease was lost.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod certificates;
mod files;
mod fleet;
mod meter;
mod others;
mod phases;
mod release;
mod settings;
mod table;

use std::process::ExitCode;

use settings::Settings;

fn main() -> ExitCode {
    let settings = match Settings::parse(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(why) => {
            eprintln!("error: {why}\n\n{}", settings::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&settings) {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(wrong) => {
            for what in wrong {
                eprintln!("wrong: {what}");
            }
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Measures; says what is not as it must be.
fn run(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(phases::all(settings))
}
