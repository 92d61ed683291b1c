//! One file per command: its arguments and what it does with them.

pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod doc;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod kv;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod schema;

use anyhow::Context;
use clap::ValueEnum;

use crate::cli::Command;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// Does what was asked for.
pub(crate) fn run(command: Command, terminal: &Terminal) -> anyhow::Result<Exit> {
    match command {
        Command::Run(args) => run::run(*args, terminal),
        Command::Plan(args) => plan::run(args, terminal),
        Command::Check(args) => check::run(args, terminal),
        Command::Graph(args) => graph::run(args, terminal),
        Command::Doc(args) => doc::run(&args, terminal),
        Command::Fmt(args) => fmt::run(&args, terminal),
        Command::Schema(args) => schema::run(&args, terminal),
        Command::Completions(args) => completions::run(&args, terminal),
        Command::Kv(args) => kv::run(args, terminal),
        Command::Cluster(args) => cluster::run(*args, terminal),
        Command::Man(args) => man::run(&args, terminal),
    }
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    #[default]
    Text,
    Json,
}

/// A runtime for commands that wait for something.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// JSON with a line end, indented for those who read it.
pub(crate) fn pretty(json: &serde_json::Value) -> String {
    format!("{json:#}\n")
}
