//! `homeostat cluster members`

use clap::Args;
use homeostat_cluster::members::SIZE_MAX;

use super::super::{TextOrJson, ask_agent, pretty, runtime};
use super::{ask, status};
use crate::exit::Exit;
use crate::place::Prefix;
use crate::place::about::About;
use crate::place::desk::ClusterRequest;
use crate::terminal::Terminal;

/// Show the members of the cluster's store, or say how many there are to be and when one is replaced
///
/// Asks the agent that runs with the same prefix; to change something, that of a member.
#[derive(Debug, Args)]
pub(super) struct MembersArgs {
    /// Have so many members, from 1 to 9; an even number means the next smaller odd one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::try_from(SIZE_MAX).unwrap_or(i64::MAX)))]
    size: Option<u8>,
    /// Replace a member that is away for longer than so many seconds; 120 if nobody said
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    grace: Option<u32>,
    /// For people, or as JSON
    #[arg(long, value_enum, default_value_t)]
    format: TextOrJson,
}

pub(super) fn run(args: &MembersArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    if let Some(size) = args.size {
        ask(prefix, ClusterRequest::Size { members: size.into() })?;
    }
    if let Some(seconds) = args.grace {
        ask(prefix, ClusterRequest::Grace { seconds: seconds.into() })?;
    }
    let report = runtime()?.block_on(ask_agent(prefix, About::Cluster))?;
    match args.format {
        TextOrJson::Json => terminal.print(&pretty(&report["members"]))?,
        TextOrJson::Text => terminal.print(&status::members(&report["members"]))?,
    }
    Ok(Exit::Done)
}
