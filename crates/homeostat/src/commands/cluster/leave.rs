//! `homeostat cluster leave`

use anyhow::{Context, bail};
use clap::Args;
use homeostat_cluster::identity::{ClusterDir, Identity};
use homeostat_cluster::tls::{Tls, Whom};

use super::super::runtime;
use super::lock;
use crate::agent::address;
use crate::api::{client, path};
use crate::exit::{Exit, refused};
use crate::place::{self, Prefix};
use crate::terminal::Terminal;

/// Take this host out of the cluster, and remove its identity
///
/// The agent must not run; another member must be reached.
#[derive(Debug, Args)]
pub(super) struct LeaveArgs {
    /// Remove the identity also when no member agrees: this host was removed already, or the cluster is gone
    #[arg(long)]
    force: bool,
}

/// Another member takes this host out, then the identity goes.
pub(super) fn run(args: &LeaveArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(identity) = place::identity(prefix)? else {
        return Err(refused(format!("the prefix {} is part of no cluster", prefix.path().display())));
    };
    prefix.open()?;
    let _lock = lock(prefix)?;
    match runtime()?.block_on(leave(&identity)).context("cannot leave the cluster") {
        Ok(()) => {}
        Err(error) if args.force => tracing::warn!("{error:#}"),
        Err(error) => return Err(error),
    }
    ClusterDir::below(prefix.path()).remove()?;
    terminal.say(&format!("`{}` is no longer part of the cluster\n", identity.settings.host));
    Ok(Exit::Done)
}

async fn leave(identity: &Identity) -> anyhow::Result<()> {
    let tls = Tls::new(identity)?;
    let mut reasons = Vec::new();
    for member in identity.settings.members.iter().filter(|member| member.host != identity.settings.host) {
        let asked = async {
            let stream = tls.connect(address(member)?, &Whom::Member).await?;
            anyhow::Ok(client::ask::<()>(stream, path::LEAVE, &()).await?)
        };
        match asked.await {
            Ok(()) => return Ok(()),
            Err(error) => reasons.push(format!("`{}`: {error:#}", member.host)),
        }
    }
    if reasons.is_empty() {
        bail!("no other member is known: the cluster would be lost");
    }
    bail!(reasons.join("; "))
}
