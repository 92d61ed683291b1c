//! Chores of this repository: the generated reference, and what CI checks beside the tests.

mod reference;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Chores of this repository")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Write docs/reference from the declarations in the code
    Reference {
        /// Only say whether it is up to date
        #[arg(long)]
        check: bool,
    },
    /// Write the man pages
    Man {
        /// Where to
        dir: PathBuf,
    },
    /// Check what compilers do not
    Tidy,
}

fn main() -> ExitCode {
    let root = root();
    let done = match Cli::parse().chore {
        Chore::Reference { check: false } => reference::write(&root).map(|()| Vec::new()),
        Chore::Reference { check: true } => reference::check(&root),
        Chore::Man { dir } => reference::man(&dir).map(|()| Vec::new()),
        Chore::Tidy => tidy::check(&root),
    };
    match done {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            for complaint in &complaints {
                say(complaint);
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}
