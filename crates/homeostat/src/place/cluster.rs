//! The store of the cluster that a prefix is part of.

use std::sync::Arc;

use anyhow::Context;
use homeostat_cluster::EtcdStore;
use homeostat_cluster::identity::{ClusterDir, Settings};
use homeostat_cluster::members;
use homeostat_engine::Store;

use super::Prefix;
use crate::exit::refused;

/// The store as this host sees it. Nothing is connected yet: that it is away is no reason not to start.
pub(crate) fn store(dir: &ClusterDir, settings: &Settings) -> anyhow::Result<Arc<EtcdStore>> {
    // Those who were members last, those who may be, and on the first host itself.
    let mut urls = members::known_urls(dir.path());
    let own = settings.member.then(|| settings.own_address());
    let others = settings.members.iter().cloned().chain(own).map(|member| member.client);
    urls.extend(others);
    urls.sort();
    urls.dedup();
    let store = EtcdStore::new(dir.store_options(urls)).context("the store of the cluster cannot be used");
    Ok(Arc::new(store.map_err(|error| refused(format!("{error:#}")))?))
}

/// The store that commands use where no agent runs: none if the prefix is part of no cluster.
pub(crate) fn shared(prefix: &Prefix) -> anyhow::Result<Option<Arc<dyn Store>>> {
    match super::identity(prefix)? {
        Some(identity) => {
            let dir = ClusterDir::below(prefix.path());
            Ok(Some(store(&dir, &identity.settings)?))
        }
        None => Ok(None),
    }
}
