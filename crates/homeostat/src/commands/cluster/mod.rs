//! `homeostat cluster`: one file per subcommand.

mod authority;
mod init;
mod join;
mod leave;
mod listen;
mod members;
mod recover;
mod remove;
mod status;
mod token;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use homeostat_cluster::identity::HostName;

use super::runtime;
use crate::exit::{Exit, refused};
use crate::place::desk::{ClusterRequest, Question};
use crate::place::kv::Answer;
use crate::place::socket::Client;
use crate::place::{Lock, Prefix};
use crate::terminal::Terminal;

/// Make, join and leave a cluster
///
/// The first host makes the cluster with `init`; a token of one of its members lets others in. After that, `run` with the
/// same prefix is part of the cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat cluster init                     on the first host, then `homeostat run` there
  homeostat cluster token --uses 10          there, while it runs
  homeostat cluster join - < join-string     on another host, then `homeostat run` there
  homeostat cluster status
  homeostat cluster members --size 3
  homeostat cluster remove web-7

Exit codes:
  0  done
  1  it failed, or the cluster refused it
  2  bad usage; nothing was touched")]
pub(crate) struct ClusterArgs {
    /// Where the identity of this host is: the prefix of `run`
    #[arg(long, value_name = "DIR", global = true)]
    prefix: Option<PathBuf>,
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    Init(init::InitArgs),
    Token(token::TokenArgs),
    Join(join::JoinArgs),
    Leave(leave::LeaveArgs),
    Status(status::StatusArgs),
    Members(members::MembersArgs),
    Remove(remove::RemoveArgs),
    Recover(recover::RecoverArgs),
    Authority(authority::AuthorityArgs),
}

pub(crate) fn run(args: ClusterArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let prefix = Prefix::choose(args.prefix.as_deref())?;
    match args.command {
        ClusterCommand::Init(args) => init::run(args, &prefix, terminal),
        ClusterCommand::Token(args) => token::run(&args, &prefix, terminal),
        ClusterCommand::Join(args) => join::run(args, &prefix, terminal),
        ClusterCommand::Leave(args) => leave::run(&args, &prefix, terminal),
        ClusterCommand::Status(args) => status::run(&args, &prefix, terminal),
        ClusterCommand::Members(args) => members::run(&args, &prefix, terminal),
        ClusterCommand::Remove(args) => remove::run(args, &prefix, terminal),
        ClusterCommand::Recover(args) => recover::run(&args, &prefix, terminal),
        ClusterCommand::Authority(args) => authority::run(&args, &prefix, terminal),
    }
}

/// Asks the agent that runs with a prefix; what it says, if it says something.
fn ask(prefix: &Prefix, request: ClusterRequest) -> anyhow::Result<Option<String>> {
    runtime()?.block_on(async {
        let Some(mut agent) = Client::connect(prefix).await.context("cannot reach the agent")? else {
            bail!("no agent runs with the prefix {}: start `homeostat run`", prefix.path().display());
        };
        match agent.ask(&Question::Cluster(request)).await.context("cannot reach the agent")? {
            Answer::Value(said) => Ok(said),
            Answer::Error(error) => bail!(error),
            Answer::Done | Answer::Entries(_) | Answer::Change(_) => Ok(None),
        }
    })
}

/// The lock on a prefix, for what must not happen while an agent runs.
fn lock(prefix: &Prefix) -> anyhow::Result<Lock> {
    match Lock::take(prefix, "cluster").context("cannot lock the prefix")? {
        Ok(lock) => Ok(lock),
        Err(holder) => Err(refused(format!(
            "the prefix {} is in use by {holder}: stop it first",
            prefix.path().display()
        ))),
    }
}

/// The name that was given, or that of this machine.
fn hostname(given: Option<HostName>) -> anyhow::Result<HostName> {
    match given {
        Some(name) => Ok(name),
        None => {
            let uname = rustix::system::uname();
            let name = uname.nodename().to_string_lossy().parse();
            name.map_err(|error| refused(format!("{error}; choose another with --hostname")))
        }
    }
}
