//! The command line as data: parser, help, man pages, completions and the reference all come from here.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::front::Format;

/// Keep hosts in the state that was declared.
#[derive(Debug, Parser)]
#[command(
    name = "homeostat",
    version,
    about = "Keeps a host in the state that was declared, and repairs it when something changes",
    after_help = "Exit codes: 0 in order, 1 not in order, 2 nothing was touched: bad usage or bad input.\n\
                  Try `homeostat doc` for the kinds of resources, `homeostat doc file` for one of them.",
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The whole command line, for whoever documents it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<commands::run::RunArgs>),
    Plan(commands::plan::PlanArgs),
    Check(commands::check::CheckArgs),
    Graph(commands::graph::GraphArgs),
    Fmt(commands::fmt::FmtArgs),
    Test(commands::test::TestArgs),
    Module(commands::module::ModuleArgs),
    Doc(commands::doc::DocArgs),
    Schema(commands::schema::SchemaArgs),
    Completions(commands::completions::CompletionsArgs),
    Kv(commands::kv::KvArgs),
    Agent(Box<commands::agent::AgentArgs>),
    Cluster(Box<commands::cluster::ClusterArgs>),
    Deploy(Box<commands::deploy::DeployArgs>),
    Deploys(commands::deploys::DeploysArgs),
    Operator(commands::operator::OperatorCommandArgs),
    Hosts(commands::hosts::HostsArgs),
    Status(commands::status::StatusArgs),
    Man(commands::man::ManArgs),
}

/// How much is said, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Say more; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say only what failed
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Form of log lines, which go to standard error
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColorWhen,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum ColorWhen {
    #[default]
    Auto,
    Always,
    Never,
}

/// Who this host is and what to read; the same for every command that takes inputs.
#[derive(Debug, Clone, Args)]
pub(crate) struct InputArgs {
    /// What to read: a program (.mcl, or a directory with a module), graph YAML (.yaml, .yml) or a catalog (.json); `-` is
    /// standard input. Several inputs make one catalog
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<std::path::PathBuf>,
    /// What standard input holds
    #[arg(long, value_name = "FORMAT", value_parser = input_format())]
    pub(crate) input_format: Option<Format>,
    /// Who we are, for inputs that select their hosts; the name of this machine if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
}

/// The formats by the names that the front ends give them.
fn input_format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::as_str)).try_map(|name| name.parse::<Format>())
}

/// A decimal number of seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number)
        .map_err(|_| "not a number of seconds that can be waited for".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declarations_fit_together() {
        command().debug_assert();
    }

    #[test]
    fn seconds_are_decimal_and_never_negative() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for text in ["-1", "x", "NaN", "inf", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
