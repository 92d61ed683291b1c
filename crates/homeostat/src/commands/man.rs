//! `homeostat man`: for whoever packages us.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::cli;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// Write the man pages
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct ManArgs {
    /// Where to write a page for each command; without it the first page is printed
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    match &args.dir {
        Some(dir) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            clap_mangen::generate_to(cli::command(), dir).context("cannot write the man pages")?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(cli::command()).render(&mut page)?;
            terminal.print(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Exit::Done)
}
