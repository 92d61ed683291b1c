//! A member asks to be elected, and governs when it is.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::store::keys;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::config::MemberTimes;
use super::elect;
use super::govern::{Governor, Memory};
use super::lookout::{Sight, follow};
use super::records::Roster;
use super::{Role, auth, role};
use crate::etcd::EtcdStore;
use crate::pace::Backoff;

/// Asks to be elected while this host is a member, and governs when it is.
pub(super) struct Elector {
    pub(super) host: String,
    pub(super) store: Arc<EtcdStore>,
    pub(super) times: MemberTimes,
    pub(super) roster: watch::Receiver<Option<Roster>>,
    pub(super) doing: watch::Sender<Option<String>>,
    pub(super) stop: CancellationToken,
}

impl Elector {
    /// Until it is stopped.
    pub(super) async fn serve(mut self) {
        while !self.stop.is_cancelled() {
            let host = self.host.clone();
            let is_member = |roster: &Option<Roster>| role(roster.as_ref(), &host) == Role::Member;
            tokio::select! {
                Ok(_) = self.roster.wait_for(is_member) => {}
                () = self.stop.cancelled() => return,
            }
            let mut roster = self.roster.clone();
            let unseated = async { drop(roster.wait_for(|roster| !is_member(roster)).await) };
            tokio::select! {
                () = self.term() => {}
                () = unseated => {}
            }
            self.doing.send_replace(None);
        }
    }

    /// From being elected to the end of that.
    async fn term(&self) {
        let campaign = elect::campaign(&self.store, &self.host, self.times.mandate);
        let Some(mandate) = self.stop.run_until_cancelled(campaign).await else { return };
        tracing::info!("this host is elected: it changes the members when that is needed");
        let present = watch::Sender::new(None);
        let changed = watch::Sender::new(0);
        let governor = Governor {
            store: &self.store,
            mandate,
            times: &self.times,
            present: present.subscribe(),
            changed: changed.subscribe(),
            doing: &self.doing,
            memory: Memory::default(),
        };
        let count = |_: Sight| changed.send_modify(|times| *times += 1);
        tokio::select! {
            () = mandate.hold(&self.store) => {}
            () = governor.govern() => {}
            () = self.share() => {}
            () = follow_presence(&self.store, &present) => {}
            () = follow(&self.store, keys::MEMBERS, count) => {}
            () = follow(&self.store, keys::CLUSTER_SIZE, count) => {}
            () = self.stop.cancelled() => {}
        }
        mandate.lay_down(&self.store).await;
        tracing::info!("this host is no longer elected");
    }
}

impl Elector {
    /// Lets hosts read what a later version shares; never returns. Members of before do not take it back.
    async fn share(&self) {
        let etcd = self.store.administration();
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        while let Err(refusal) = auth::share(&etcd).await {
            tracing::debug!("what hosts may read cannot be looked at: {refusal}");
            sleep(backoff.next()).await;
        }
        pending().await
    }
}

/// Which hosts are there: those with a summary, which goes with their lease.
async fn follow_presence(store: &EtcdStore, present: &watch::Sender<Option<BTreeSet<Arc<str>>>>) {
    follow(store, keys::HOSTS, |sight| {
        let update = |known: &mut Option<BTreeSet<Arc<str>>>| match sight {
            Sight::All(entries) => {
                let all = Some(entries.into_iter().map(|entry| entry.key).collect());
                std::mem::replace(known, all) != *known
            }
            Sight::Changes(changes) => changes.into_iter().fold(false, |changed, change| {
                let keys = known.get_or_insert_default();
                let differs = match change.value {
                    Some(_) => keys.insert(change.key),
                    None => keys.remove(&change.key),
                };
                changed || differs
            }),
        };
        present.send_if_modified(update);
    })
    .await;
}
