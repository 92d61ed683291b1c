//! What an operator works with: the store, the cluster that is meant, and his key.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use homeostat_cluster::deploys::{Shelf, Stored, current_roster, releases};
use homeostat_cluster::identity::{ClusterDir, Identity, Operator};
use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, Watching, keys};
use tokio::time::sleep;

use super::{Fleet, KeyFile, default_key};
use crate::exit::refused;
use crate::place::etcd::EtcdArgs;
use crate::place::{self, Prefix, cluster};

/// Between attempts to learn who is an operator.
const AGAIN: Duration = Duration::from_secs(1);

/// Which store, which cluster and which key.
#[derive(Debug, Clone, Args)]
pub(crate) struct OperatorArgs {
    /// The operator's key; operator.key in $XDG_CONFIG_HOME/homeostat if not given
    #[arg(long, value_name = "FILE", global = true)]
    key: Option<PathBuf>,
    /// The prefix of this host, whose cluster is meant and whose operators are known
    #[arg(long, value_name = "DIR", global = true)]
    prefix: Option<PathBuf>,
    /// The name that stands in releases for the cluster, where hosts are part of none
    #[arg(long, value_name = "NAME", global = true, help_heading = "Cluster")]
    fleet: Option<String>,
    #[command(flatten)]
    etcd: EtcdArgs,
}

/// The store with the cluster that is meant.
pub(crate) struct Access {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cluster: String,
    /// Those whom this host trusts after the change with that number, and ourselves.
    pub(crate) operators: (u64, Vec<Operator>),
    /// The same without ourselves, unless this host trusts us; where it trusts nobody, with us.
    trusted: Vec<Operator>,
    /// The greatest number of a release that this host knows of.
    pub(crate) released: u64,
    /// The identity of this host, by which others take large files from it.
    pub(crate) identity: Option<Identity>,
}

impl OperatorArgs {
    /// Where the key is.
    pub(crate) fn key_path(&self) -> anyhow::Result<PathBuf> {
        self.key.clone().map_or_else(default_key, Ok)
    }

    /// The key.
    pub(crate) fn key(&self) -> anyhow::Result<KeyFile> {
        KeyFile::load(&self.key_path()?)
    }

    /// The prefix.
    pub(crate) fn prefix(&self) -> anyhow::Result<Prefix> {
        Prefix::choose(self.prefix.as_deref())
    }

    /// The store and the cluster. Nothing is connected yet.
    pub(crate) fn access(&self) -> anyhow::Result<Access> {
        let prefix = self.prefix()?;
        let identity = place::identity(&prefix)?;
        let meant = Fleet { fleet: self.fleet.clone() }.cluster(identity.as_ref())?;
        let store = match self.etcd.store()? {
            Some(store) => store,
            None => cluster::shared(&prefix)?
                .ok_or_else(|| refused("this host is part of no cluster: name the store with --etcd"))?,
        };
        let dir = ClusterDir::below(prefix.path());
        let (roster, mut operators) = dir.pinned().unwrap_or_default();
        let mut trusted = operators.clone();
        if let Ok(own) = self.key()
            && !operators.iter().any(|known| known.key() == own.operator.key())
        {
            operators.push(own.operator);
        }
        if trusted.is_empty() {
            trusted.clone_from(&operators);
        }
        let released = Shelf::below(prefix.path()).greatest().unwrap_or_else(|error| {
            tracing::warn!(
                "which releases this host knows of cannot be read: {:#}",
                anyhow::Error::from(error)
            );
            0
        });
        Ok(Access { store, cluster: meant, operators: (roster, operators), trusted, released, identity })
    }
}

/// Ends when somebody is no operator any more.
pub(crate) async fn until_disowned(access: &Access, operator: &Operator) {
    loop {
        match while_operator(access, operator).await {
            Ok(None) => return,
            // Whatever it says, or that it is lost: it is looked at again.
            Ok(Some(mut changes)) => drop(changes.recv().await),
            Err(_) => sleep(AGAIN).await,
        }
    }
}

/// Tells of the next change of operators; none where somebody is none.
async fn while_operator(access: &Access, operator: &Operator) -> Result<Option<Watching>, StoreError> {
    let (_, revision) = access.store.range(keys::OPERATORS).await?;
    let known = (access.operators.0, access.trusted.clone());
    let (_, now) = current_roster(&*access.store, &access.cluster, known).await?;
    if !now.iter().any(|known| known.key() == operator.key()) {
        return Ok(None);
    }
    access.store.watch(keys::OPERATORS, revision).await.map(Some)
}

/// The releases in the store, and whose signatures count now.
pub(crate) async fn known(access: &Access) -> Result<(Vec<Stored>, Vec<Operator>), StoreError> {
    let (_, operators) = current_roster(&*access.store, &access.cluster, access.operators.clone()).await?;
    Ok((releases(&*access.store).await?, operators))
}
