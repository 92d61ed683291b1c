//! `homeostat cluster authority`

use clap::{Args, Subcommand};

use super::ask;
use crate::exit::Exit;
use crate::place::Prefix;
use crate::place::desk::ClusterRequest;
use crate::terminal::Terminal;

/// Replace the authority that certifies the hosts
#[derive(Debug, Args)]
pub(super) struct AuthorityArgs {
    #[command(subcommand)]
    command: AuthorityCommand,
}

#[derive(Debug, Subcommand)]
enum AuthorityCommand {
    /// Make a new authority; running hosts get new certificates by themselves
    ///
    /// Talks to the running agent of a member. The old authority stays trusted until --drop-older: do that once every host
    /// has new certificates, since a host that has none is not let in any more.
    Renew {
        /// Make no new one: trust only the newest from now on
        #[arg(long)]
        drop_older: bool,
    },
}

pub(super) fn run(args: &AuthorityArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let AuthorityCommand::Renew { drop_older } = args.command;
    if let Some(fingerprint) = ask(prefix, ClusterRequest::RenewAuthority { drop_older })? {
        terminal.print(&format!("{fingerprint}\n"))?;
    }
    Ok(Exit::Done)
}
