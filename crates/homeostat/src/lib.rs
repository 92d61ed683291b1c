//! The binary: commands, the run in the foreground, and everything that a terminal sees.
//!
//! Owns the command line, the views of the event stream, the prefix with its lock and socket, and the reading and following
//! of inputs. Only this crate knows clap, terminals and signals. It decides nothing about resources: it reads inputs, hands
//! catalogs to the engine and shows what comes back.
//!
//! Start reading at [`cli`] for what can be asked for, and at `agent` for what `run` does.

mod agent;
pub mod allocator;
mod api;
mod catalog;
pub mod cli;
mod commands;
mod diagnostics;
mod engine;
mod exit;
mod fleet;
mod front;
pub mod hosted;
mod inputs;
mod mcl;
mod modules;
mod picture;
mod place;
pub mod reference;
mod said;
mod terminal;
mod views;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::terminal::Terminal;

/// Reads the arguments and does what they ask for.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let terminal = Terminal::new(&cli.output);
    terminal.start_logs();
    match commands::run(cli.command, &terminal) {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error, &terminal).into(),
    }
}

/// A line that a command sends to an agent, read and written again; none where it is no question. For tests that take any bytes.
pub fn socket_line_written_again(line: &[u8]) -> Option<Vec<u8>> {
    place::socket::written_again(line)
}

/// What `git` lists of a commit and says of its contents, read: paths with what is in them; none where it is not understood. For tests
/// that take any bytes.
pub fn commit_told(listed: &[u8], answer: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    modules::commit_told(listed, answer)
}

/// Help goes to standard output and ends well; bad usage to standard error with exit code 2.
fn refuse(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    match error.print().and_then(|()| io::stdout().flush()) {
        Err(unwritten) if !error.use_stderr() && unwritten.kind() != io::ErrorKind::BrokenPipe => {
            // Standard error may be as full.
            writeln!(io::stderr(), "error: {}", terminal::cannot_print(&unwritten)).ok();
            ExitCode::FAILURE
        }
        Ok(()) | Err(_) => code.into(),
    }
}
