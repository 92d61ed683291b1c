//! Handing the large files of a release to a host that gives them to the others.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Context;
use homeostat_cluster::deploys::blobs::holders;
use homeostat_cluster::deploys::{Body, Content, Draft, Hash, Large, Manifest};
use homeostat_cluster::identity::{HostName, Identity};
use homeostat_cluster::tls::{Tls, Whom};

use super::Access;
use crate::agent::address;
use crate::api::{HandOver, hand_over};

/// From here to the hosts.
pub(crate) struct Delivery<'a> {
    access: &'a Access,
    /// None where hosts cannot reach each other.
    identity: Option<&'a Identity>,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(access: &'a Access) -> Self {
        Self { access, identity: access.identity.as_ref() }
    }

    /// How large files get to the hosts.
    pub(crate) fn way(&self) -> Large {
        if self.identity.is_some() { Large::Carried } else { Large::Stored }
    }

    /// Whether what is not here can be had from others, as far as they say. Nothing is released that nobody has.
    pub(crate) async fn can_be_had(&self, draft: &Draft, from: u64) -> anyhow::Result<bool> {
        if !draft.contents().values().any(|content| content.body == Body::Elsewhere) {
            return Ok(true);
        }
        let known = holders(&*self.access.store).await?;
        Ok(known.iter().any(|holder| holder.releases.contains(&from)))
    }

    /// Gives the large files of a release to one host, which all others may ask. Says which one has them.
    pub(crate) async fn deliver(
        &self,
        manifest: &Manifest,
        draft: &Draft,
    ) -> anyhow::Result<Option<HostName>> {
        let Some(identity) = self.identity else { return Ok(None) };
        let carried = manifest.carried();
        let mut large = draft.contents();
        large.retain(|hash, content| carried.contains_key(hash) && content.body != Body::Elsewhere);
        if large.is_empty() {
            return Ok(None);
        }
        let tls = Tls::new(identity).context("the identity of this host cannot be used")?;
        let mut reasons = Vec::new();
        for (host, at) in takers(identity) {
            match deliver_to(&tls, &host, at, &large).await {
                Ok(()) => return Ok(Some(host)),
                Err(error) => reasons.push(format!("`{host}`: {error:#}")),
            }
        }
        anyhow::bail!(
            "release {} waits for its large files, which no host has taken: {}; release it again when one can",
            manifest.number,
            reasons.join("; ")
        )
    }
}

/// This host, if an agent runs on it, and then those that we know.
fn takers(identity: &Identity) -> Vec<(HostName, SocketAddr)> {
    let settings = &identity.settings;
    let own = (settings.host.clone(), settings.agent_address());
    let others = settings.members.iter().filter(|member| member.host != settings.host);
    let others = others.filter_map(|member| Some((member.host.clone(), address(member).ok()?)));
    [own].into_iter().chain(others).collect()
}

async fn deliver_to(
    tls: &Tls,
    host: &HostName,
    at: SocketAddr,
    large: &BTreeMap<Hash, &Content>,
) -> anyhow::Result<()> {
    for content in large.values() {
        match hand_over(tls, at, &Whom::Host(host.clone()), content).await? {
            HandOver::Done => tracing::info!("`{host}` has taken {} bytes ({})", content.bytes, content.hash),
            HandOver::WasThere => tracing::info!("`{host}` has {} already", content.hash),
        }
    }
    Ok(())
}
