//! Releases from an operator's side: the key, the cluster that is meant, what goes into a release, and how it gets on.

mod access;
mod delivery;
mod key;
mod pack;
mod progress;

use std::sync::Arc;

use clap::Args;
use homeostat_cluster::deploys::blobs::{Depot, Patience, Peers};
use homeostat_cluster::deploys::{Party, Shelf};
use homeostat_cluster::identity::{ClusterDir, Identity};
use homeostat_engine::Store;

pub(crate) use access::{Access, OperatorArgs, known, until_disowned};
pub(crate) use delivery::Delivery;
pub(crate) use key::{KeyFile, default_key};
pub(crate) use pack::pack;
pub(crate) use progress::{Ended, Look, running, until_everywhere};

use crate::agent::{Cluster, Releases};
use crate::api::AgentCourier;
use crate::exit::refused;
use crate::place::Prefix;

/// The hosts that take releases of one origin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Fleet {
    /// The name that stands in releases for the cluster, where hosts are part of none: the same on all that share an etcd
    #[arg(long, value_name = "NAME")]
    fleet: Option<String>,
}

impl Fleet {
    /// What stands in releases: the cluster of this host, or the name that was given.
    pub(crate) fn cluster(&self, identity: Option<&Identity>) -> anyhow::Result<String> {
        match (identity, &self.fleet) {
            (Some(_), Some(_)) => {
                Err(refused("this host is part of a cluster, which needs no other name: leave --fleet out"))
            }
            (Some(identity), None) => Ok(identity.settings.cluster.as_str().to_owned()),
            (None, Some(name)) if !name.is_empty() && name.len() <= 200 => Ok(name.clone()),
            (None, Some(_)) => Err(refused("the name of a fleet has 1 to 200 bytes")),
            (None, None) => Err(refused(
                "this host is part of no cluster: say with --fleet what releases are for, or join a cluster",
            )),
        }
    }
}

/// The releases of an agent. Large files come from other hosts where it is part of a cluster.
pub(crate) fn releases(
    prefix: &Prefix,
    cluster: String,
    host: Arc<str>,
    store: Arc<dyn Store>,
    depot: Depot,
    own: Option<&Arc<Cluster>>,
) -> anyhow::Result<Releases> {
    let dir = ClusterDir::below(prefix.path());
    let operators = dir.operators().map_err(|error| refused(format!("{:#}", anyhow::Error::from(error))))?;
    if operators.is_empty() {
        tracing::warn!("no operator is trusted here, so nothing can be released: `homeostat operator trust`");
    }
    let peers = own.map(|own| Peers {
        own: own.address(),
        courier: Arc::new(AgentCourier(own.clone())),
        patience: Patience::default(),
    });
    // An etcd that somebody else runs has rules of its own.
    let may_lead = own.is_none_or(|own| own.may_be_member());
    let shelf = Shelf::below(prefix.path());
    let party = Party { store, host, cluster, dir, shelf, depot, peers, may_lead };
    Releases::open(party).map_err(|error| refused(format!("{:#}", anyhow::Error::from(error))))
}
