//! `homeostat cluster leave`

use anyhow::{Context, bail};
use homeostat_cluster::identity::{ClusterDir, Identity};
use homeostat_cluster::tls::{Tls, Whom};

use super::super::runtime;
use super::lock;
use crate::agent::address;
use crate::api::{client, path};
use crate::exit::{Exit, refused};
use crate::place::{self, Prefix};
use crate::terminal::Terminal;

/// Another member takes this host out, then the identity goes.
pub(super) fn run(prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(identity) = place::identity(prefix)? else {
        return Err(refused(format!("the prefix {} is part of no cluster", prefix.path().display())));
    };
    prefix.open()?;
    let _lock = lock(prefix)?;
    runtime()?.block_on(leave(&identity)).context("cannot leave the cluster")?;
    ClusterDir::below(prefix.path()).remove()?;
    terminal.say(&format!("`{}` has left the cluster\n", identity.settings.host));
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
