//! `homeostat cluster init`

use std::time::SystemTime;

use anyhow::Context;
use clap::Args;
use homeostat_cluster::identity::{
    Authority, ClusterDir, ClusterId, HostName, Identity, SETTINGS_VERSION, Settings,
};

use super::listen::{self, Listen};
use super::{hostname, lock};
use crate::exit::{Exit, refused};
use crate::place::Prefix;
use crate::terminal::Terminal;

/// Make a new cluster with this host as its first member
///
/// Writes an authority and the identity of this host, and returns. The next `run` with the same prefix is the cluster.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The name of this host in the cluster; that of this machine if not given
    #[arg(long, value_name = "NAME")]
    hostname: Option<HostName>,
    /// Where other hosts reach this one: the address, and the first of three ports if not 7420; that of the default route if
    /// not given
    #[arg(long, value_name = "ADDR")]
    listen: Option<Listen>,
}

pub(super) fn run(args: InitArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let host = hostname(args.hostname)?;
    let Listen { address, ports } = args.listen.map_or_else(listen::usual, Ok)?;
    prefix.open()?;
    let _lock = lock(prefix)?;
    let dir = ClusterDir::below(prefix.path());
    if dir.has_identity() {
        return Err(refused(format!("{} holds an identity already", dir.path().display())));
    }
    let now = SystemTime::now();
    let mut settings = Settings {
        version: SETTINGS_VERSION,
        cluster: ClusterId::random(),
        host: host.clone(),
        listen: address,
        ports,
        member: true,
        members: Vec::new(),
        refused: Vec::new(),
    };
    settings.members = vec![settings.own_address()];
    let authority = Authority::create(now).context("cannot make an authority")?;
    let identity = Identity::first(&authority, settings, now).context("cannot make an identity")?;
    dir.create(&identity, Some(&authority.files()), &[])?;
    dir.save_revocations(&authority.revocations(&[], now)?)?;
    dir.set_first(true)?;
    let at = identity.settings.agent_address();
    terminal.say(&format!(
        "`{host}` at {at} is the first host of a new cluster; `homeostat run` with this prefix starts it\n"
    ));
    if !is_in_path("etcd") {
        terminal.say("there is no `etcd` in PATH: install it, the hosts of a cluster share what they share through it\n");
    }
    Ok(Exit::Done)
}

fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
