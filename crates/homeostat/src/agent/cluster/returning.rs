//! A host that was away until its certificates had ended: it asks members for new ones, without showing who it is. What it gets is of
//! use only to who has its key.
//!
//! A member makes its own where no other one can be asked, since it has the key of the authority: else a cluster that was off for a
//! month would never run again. The store is told of them when it is there.

use std::time::SystemTime;

use anyhow::Context;
use homeostat_cluster::identity::{Identity, Key, Settings};
use homeostat_cluster::join::{Granted, MESSAGE_VERSION, Refusal, Return};
use homeostat_cluster::tls::Whom;
use tokio::time::sleep;

use super::keeper::{BACKOFF, Keeper, longer};
use super::{Cluster, address};
use crate::api::client::{self, AskError};
use crate::api::path;

impl Keeper {
    /// Returns at once where nothing has ended; else when there are new certificates.
    pub(super) async fn come_back(&self) {
        let mut wait = BACKOFF.0;
        while let Some(ended) = self.cluster.ended() {
            match self.try_to_come_back().await {
                Ok(()) => return self.cluster.tell_ended(None),
                Err(error) => {
                    let why = format!("the certificates of this host ended on {ended}: {error:#}");
                    tracing::error!("{why}");
                    self.cluster.tell_ended(Some(why));
                }
            }
            sleep(longer(&mut wait)).await;
        }
    }

    async fn try_to_come_back(&self) -> anyhow::Result<()> {
        let identity = self.cluster.identity();
        let request = Key::from_pem(&identity.key)?.signing_request()?;
        let us = identity.settings.host.clone();
        let asked = Return { version: MESSAGE_VERSION, host: us.clone(), request };
        let mut reasons = Vec::new();
        for member in identity.settings.members.iter().filter(|member| member.host != us) {
            match ask(&self.cluster, address(member)?, &asked).await {
                // A member gets a new authority with its key by an ordinary renewal, which comes next.
                Ok(granted) if self.cluster.registrar().is_ok() => {
                    return self.take_granted(Granted { trusted: identity.trusted.clone(), ..granted });
                }
                Ok(granted) => return self.take_granted(granted),
                Err(error) if is_final(&error) => {
                    return Err(error.context(format!("`{}` does not renew them", member.host)));
                }
                Err(error) => reasons.push(format!("`{}`: {error:#}", member.host)),
            }
        }
        let Ok(registrar) = self.cluster.registrar() else {
            anyhow::bail!("no member renews them: {}", reasons.join("; "));
        };
        tracing::warn!("no other member can be asked: this one renews its own certificates");
        let new = Identity::renewed(&registrar.authority(), &identity, SystemTime::now())?;
        let Settings { members, refused, .. } = new.settings;
        let (certificates, trusted) = (new.certificates, new.trusted);
        self.take_granted(Granted { certificates, trusted, authority: None, members, refused })
    }
}

pub(super) async fn ask(
    cluster: &Cluster,
    at: std::net::SocketAddr,
    asked: &Return,
) -> anyhow::Result<Granted> {
    let stream = cluster.tls().connect_as_stranger(at, &Whom::Member).await.context("it cannot be asked")?;
    Ok(client::ask(stream, path::RETURN, asked).await?)
}

/// Whether all members would say the same.
fn is_final(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<AskError>(),
        Some(AskError::Refused(Refusal::UnknownHost(_) | Refusal::NotAuthorized | Refusal::AwayTooLong(_)))
    )
}
