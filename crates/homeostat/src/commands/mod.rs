//! One file per command: its arguments and what it does with them.

pub(crate) mod agent;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod deploys;
pub(crate) mod doc;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod hosts;
pub(crate) mod kv;
pub(crate) mod man;
pub(crate) mod module;
pub(crate) mod operator;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod test;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::Value as Json;

use crate::cli::Command;
use crate::exit::{Exit, refused};
use crate::place::Prefix;
use crate::place::about::{About, Told};
use crate::place::desk::Question;
use crate::place::socket::Client;
use crate::terminal::Terminal;

/// Does what was asked for.
pub(crate) fn run(command: Command, terminal: &Terminal) -> anyhow::Result<Exit> {
    match command {
        Command::Run(args) => run::run(*args, terminal),
        Command::Plan(args) => verdict(plan::run(args, terminal)),
        Command::Check(args) => verdict(check::run(args, terminal)),
        Command::Graph(args) => verdict(graph::run(args, terminal)),
        Command::Doc(args) => doc::run(&args, terminal),
        Command::Fmt(args) if args.check => verdict(fmt::run(&args, terminal)),
        Command::Fmt(args) => fmt::run(&args, terminal),
        Command::Module(args) => module::run(args, terminal),
        Command::Test(args) => verdict(test::run(&args, terminal)),
        Command::Schema(args) => schema::run(&args, terminal),
        Command::Completions(args) => completions::run(&args, terminal),
        Command::Kv(args) => kv::run(args, terminal),
        Command::Agent(args) => agent::run(*args, terminal),
        Command::Deploy(args) => deploy::run(*args, terminal),
        Command::Deploys(args) => deploys::run(args, terminal),
        Command::Operator(args) => operator::run(args, terminal),
        Command::Cluster(args) => cluster::run(*args, terminal),
        Command::Hosts(args) => hosts::run(args, terminal),
        Command::Status(args) => status::run(&args, terminal),
        Command::Man(args) => man::run(&args, terminal),
    }
}

/// Of a command that changes nothing, and whose exit code says what it found: an error is not one of its findings.
fn verdict(found: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    found.map_err(|error| refused(format!("{error:#}")))
}

/// An agent that can start, of a command that keeps a host.
pub(crate) fn prepare(command: Command, terminal: &Terminal) -> anyhow::Result<run::Prepared> {
    match command {
        Command::Run(args) => run::prepare(*args, None, terminal),
        Command::Agent(args) => agent::prepare(*args, terminal),
        _ => Err(refused("only `run` and `agent` keep a host")),
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

/// Asks the agent of a prefix.
pub(crate) async fn ask_agent(prefix: &Prefix, about: About) -> anyhow::Result<Json> {
    let connected = Client::connect(prefix).await.context("cannot reach the agent")?;
    let Some(mut agent) = connected else {
        bail!("no agent runs with the prefix {}", prefix.path().display());
    };
    match agent.ask(&Question::About(about)).await.context("cannot reach the agent")? {
        Told::Told(json) => Ok(json),
        Told::Error(error) => bail!(error),
    }
}

/// JSON with a line end, indented for those who read it.
pub(crate) fn pretty(json: &serde_json::Value) -> String {
    format!("{json:#}\n")
}

/// Rows below each other, each column as wide as it has to be.
fn columns<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}
