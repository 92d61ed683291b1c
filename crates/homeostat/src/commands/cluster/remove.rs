//! `homeostat cluster remove`

use clap::Args;
use homeostat_cluster::identity::HostName;

use super::ask;
use crate::exit::Exit;
use crate::place::Prefix;
use crate::place::desk::ClusterRequest;
use crate::terminal::Terminal;

/// Take another host out of the cluster
///
/// Talks to the running agent of a member. The certificates of that host are refused from then on, and what it offered to
/// others is withdrawn.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Its name
    #[arg(value_name = "HOST")]
    host: HostName,
}

pub(super) fn run(args: RemoveArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let advice = ask(prefix, ClusterRequest::Remove { host: args.host.clone() })?;
    terminal.say(&format!("`{}` is no longer part of the cluster\n", args.host));
    if let Some(advice) = advice {
        terminal.say(&format!("{advice}\n"));
    }
    Ok(Exit::Done)
}
