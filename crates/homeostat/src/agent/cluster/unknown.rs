//! A host that was removed while it was away, or lost the store in that moment: the store does not say why it takes it no longer, so members
//! are asked whether they know it.

use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::identity::Key;
use homeostat_cluster::join::{MESSAGE_VERSION, Refusal, Return};
use tokio::sync::watch;
use tokio::time::timeout;

use super::keeper::longer;
use super::returning::ask;
use super::{Cluster, address};
use crate::api::client::AskError;

/// About so long a store may be away without that. The pauses between questions begin with it and double, so that hosts which wait for a
/// store that is away are no burden to its members.
const PAUSE: Duration = Duration::from_secs(20);
/// What is said then.
const UNKNOWN: &str = "the members know nothing of this host: it was removed from the cluster, or the store lost it; \
                       join again with a new token";

/// Asks while nobody can be read there, or it is away, until it is known; never returns.
pub(super) async fn notice(cluster: Arc<Cluster>, unread: watch::Receiver<bool>) {
    let away = cluster.own.as_ref().map_or_else(|| watch::channel(false).1, |own| own.store.away());
    let mut lost = Lost(unread, away);
    loop {
        lost.until(true).await;
        let mut wait = PAUSE;
        let mut is_told = false;
        let mut pause = longer(&mut wait);
        // Until it is back.
        while timeout(pause, lost.until(false)).await.is_err() {
            pause = longer(&mut wait);
            // Who was told by the store, or whose certificates have ended, knows already.
            if !is_told && cluster.trouble().is_none() && is_unknown(&cluster).await {
                tracing::error!("{UNKNOWN}");
                cluster.tell_ended(Some(UNKNOWN.into()));
                is_told = true;
            }
        }
        if is_told {
            cluster.tell_ended(None);
        }
    }
}

/// Two reasons to hold the store for lost.
struct Lost(watch::Receiver<bool>, watch::Receiver<bool>);

impl Lost {
    /// Whoever tells of one of them no longer says nothing new of it.
    async fn until(&mut self, wanted: bool) {
        let Self(one, other) = self;
        while (*one.borrow_and_update() || *other.borrow_and_update()) != wanted {
            tokio::select! {
                Ok(()) = one.changed() => {}
                Ok(()) = other.changed() => {}
                else => std::future::pending().await,
            }
        }
    }
}

/// Whether a member says so. It is asked for certificates for a key that it cannot know, so that there are none for a host that it knows.
async fn is_unknown(cluster: &Cluster) -> bool {
    let identity = cluster.identity();
    let us = &identity.settings.host;
    let Ok(request) = Key::generate().and_then(|key| key.signing_request()) else { return false };
    let asked = Return { version: MESSAGE_VERSION, host: us.clone(), request };
    for member in identity.settings.members.iter().filter(|member| member.host != *us) {
        let Ok(at) = address(member) else { continue };
        let Err(error) = ask(cluster, at, &asked).await else { return false };
        match error.downcast_ref() {
            Some(AskError::Refused(Refusal::UnknownHost(_))) => return true,
            // It is known, by another key.
            Some(AskError::Refused(Refusal::NotAuthorized)) => return false,
            Some(_) | None => {}
        }
    }
    false
}
