//! The members: which hosts run etcd, and how that changes by itself.
//!
//! [`Membership::start`] on every host: it follows who the members are and keeps an [`EtcdStore`] speaking to them. On a host
//! that may be a member it also offers that, runs etcd while it has a seat, and, when elected, changes the members one step at
//! a time. [`begin`] makes the first member, [`recover`] goes on from the last one.
//!
//! Invariants: the members as etcd has them are the truth, and the roster in the store follows them; only the elected one
//! changes either; every step is in the store before it is taken.

mod auth;
mod care;
mod config;
mod elect;
mod elector;
mod govern;
mod log;
mod lone;
mod look;
mod lookout;
mod overview;
mod plan;
mod process;
pub(crate) mod records;
mod seat;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::keys;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use auth::{add_host, add_member, allow_service, demote, let_in, remove_host};
pub use config::{Candidacy, MemberTimes, MembersConfig};
use elector::Elector;
pub use lone::{LoneError, RECOVER_WARNING, begin, recover};
use lookout::{Sight, follow};
pub use overview::{Overview, overview};
pub use plan::{SIZE_DEFAULT, SIZE_MAX, Step};
pub use process::{ProgramError, Running};
pub use records::{Ability, Offer, Roster, Seat};
pub use seat::Condition;
use seat::Seating;
pub use server::{Server, ServerTls};

use crate::etcd::{EtcdStore, OptionsError};
use crate::pace::Backoff;

/// What a host is in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It asks the members.
    Client,
    /// It is about to be a member.
    Learner,
    /// It runs a server that has a vote.
    Member,
}

/// The members as this host knows them. Each value is the latest; whoever waits for changes waits on its channel.
#[derive(Debug)]
pub struct Membership {
    /// The members; none until they are known.
    pub roster: watch::Receiver<Option<Roster>>,
    /// How the server of this host does.
    pub condition: watch::Receiver<Condition>,
    /// Who is elected.
    pub elected: watch::Receiver<Option<String>>,
    /// For a person, on the elected one: the change that is being made, or what it waits for.
    pub doing: watch::Receiver<Option<String>>,
    /// Whether the server of this host has no space and could not make any.
    pub is_full: watch::Receiver<bool>,
    host: String,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Where members were when this host last heard of them: where to begin, beside what was said when it joined.
pub fn known_urls(dir: &Path) -> Vec<String> {
    records::load::<Roster>(&roster_at(dir)).map(|roster| roster.client_urls()).unwrap_or_default()
}

fn roster_at(dir: &Path) -> PathBuf {
    dir.join("members")
}

/// The channels on which the parts of a membership speak to each other.
struct Channels {
    roster: watch::Sender<Option<Roster>>,
    condition: watch::Sender<Condition>,
    elected: watch::Sender<Option<String>>,
    doing: watch::Sender<Option<String>>,
    is_full: watch::Sender<bool>,
    /// Counts how often all that is known of the members was read.
    reads: watch::Sender<u64>,
}

impl Membership {
    /// Follows the members, keeps the store speaking to them, and takes part if this host may be one. A server that `begin`
    /// started goes on.
    pub fn start(
        config: MembersConfig,
        store: Arc<EtcdStore>,
        begun: Option<Running>,
    ) -> Result<Self, OptionsError> {
        let channels = Channels {
            roster: watch::Sender::new(None),
            condition: watch::Sender::new(Condition::Off),
            elected: watch::Sender::new(None),
            doing: watch::Sender::new(None),
            is_full: watch::Sender::new(false),
            reads: watch::Sender::new(0),
        };
        let stop = CancellationToken::new();
        let mut membership = Self {
            roster: channels.roster.subscribe(),
            condition: channels.condition.subscribe(),
            elected: channels.elected.subscribe(),
            doing: channels.doing.subscribe(),
            is_full: channels.is_full.subscribe(),
            host: config.host.clone(),
            stop: stop.clone(),
            tasks: JoinSet::new(),
        };
        if let Some(candidacy) = config.candidacy.clone() {
            membership.take_part(&config, candidacy, &store, begun, &channels)?;
        }
        let dir = config.dir;
        let Channels { roster, elected, reads, .. } = channels;
        membership.until_stopped({
            let store = store.clone();
            async move { follow_roster(&store, &dir, &roster, &reads).await }
        });
        membership.until_stopped(async move { follow_elected(&store, &elected).await });
        Ok(membership)
    }

    /// What this host is.
    pub fn role(&self) -> Role {
        role(self.roster.borrow().as_ref(), &self.host)
    }

    /// Ends everything, the server of this host too; the host stays the member that it is.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    fn take_part(
        &mut self,
        config: &MembersConfig,
        candidacy: Candidacy,
        store: &Arc<EtcdStore>,
        begun: Option<Running>,
        channels: &Channels,
    ) -> Result<(), OptionsError> {
        let Candidacy { server, zone } = candidacy;
        let offer = Offer {
            host: config.host.clone(),
            peer_url: server.peer_urls.first().cloned().unwrap_or_default(),
            client_url: server.client_urls.first().cloned().unwrap_or_default(),
            zone,
            ability: Ability::Able,
        };
        let own = store.administration().of(&offer.client_url)?;
        let quota_bytes = server.quota_bytes;
        let seating = Seating {
            host: config.host.clone(),
            dir: config.dir.clone(),
            server,
            begun,
            own: own.clone(),
            restart: config.times.restart,
            look: config.times.care,
            roster: self.roster.clone(),
            condition: channels.condition.clone(),
        };
        // It ends by itself, after its server.
        self.tasks.spawn(seating.keep(self.stop.clone()));
        let (offering, condition) = (store.clone(), self.condition.clone());
        let reads = channels.reads.subscribe();
        self.until_stopped(async move { make_offer(&offering, offer, condition, reads).await });
        let (interval, condition, is_full) =
            (config.times.care, self.condition.clone(), channels.is_full.clone());
        self.until_stopped(async move { care::care(&own, quota_bytes, interval, condition, &is_full).await });
        let elector = Elector {
            host: config.host.clone(),
            store: store.clone(),
            times: config.times.clone(),
            roster: self.roster.clone(),
            doing: channels.doing.clone(),
            stop: self.stop.clone(),
        };
        self.tasks.spawn(elector.serve());
        Ok(())
    }

    fn until_stopped(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }
}

fn role(roster: Option<&Roster>, host: &str) -> Role {
    match roster.and_then(|roster| roster.of(host)) {
        None => Role::Client,
        Some(seat) if seat.votes => Role::Member,
        Some(_) => Role::Learner,
    }
}

/// Keeps the store speaking to those who are members, now and after the next start.
async fn follow_roster(
    store: &EtcdStore,
    dir: &Path,
    told: &watch::Sender<Option<Roster>>,
    reads: &watch::Sender<u64>,
) {
    let mut is_strange = false;
    follow(store, keys::CLUSTER_MEMBERS, |sight| {
        if matches!(sight, Sight::All(_)) {
            reads.send_modify(|reads| *reads += 1);
        }
        let Some(Some(stored)) = stored_of(sight, keys::CLUSTER_MEMBERS) else { return };
        let Some(roster) = read_roster(&stored, &mut is_strange) else { return };
        if let Err(error) = store.set_urls(roster.client_urls()) {
            tracing::warn!("the members cannot be followed: {error}");
        }
        let saved = seat::make_private(dir).and_then(|()| records::save(&roster_at(dir), &roster));
        if let Err(error) = saved {
            tracing::warn!("who the members are is not kept for the next start: {error}");
        }
        told.send_replace(Some(roster));
    })
    .await;
}

async fn follow_elected(store: &EtcdStore, elected: &watch::Sender<Option<String>>) {
    follow(store, keys::CLUSTER_ELECTED, |sight| {
        if let Some(host) = value_of(sight, keys::CLUSTER_ELECTED) {
            elected.send_replace(host);
        }
    })
    .await;
}

/// None where it is of a later version: then those that were known last are asked, and that is said once.
fn read_roster(stored: &[u8], is_strange: &mut bool) -> Option<Roster> {
    let roster = records::decode::<Roster>(stored);
    if !std::mem::replace(is_strange, roster.is_none()) && roster.is_none() {
        tracing::warn!(
            "who the members are is said in a form that this version does not know: those that were known last are asked"
        );
    }
    roster
}

/// What a sight says of one key: nothing, or its value, if it has one that can be read.
fn value_of<T: serde::de::DeserializeOwned>(sight: Sight, key: &str) -> Option<Option<T>> {
    stored_of(sight, key).map(|stored| stored.and_then(|stored| records::decode(&stored)))
}

fn stored_of(sight: Sight, key: &str) -> Option<Option<Arc<[u8]>>> {
    Some(match sight {
        Sight::All(entries) => entries.into_iter().find(|entry| *entry.key == *key).map(|entry| entry.value),
        Sight::Changes(changes) => changes.into_iter().rfind(|changed| *changed.key == *key)?.value,
    })
}

/// Keeps in the store what this host offers as a member. All is read again when the store went back, so the offer is looked at then.
async fn make_offer(
    store: &EtcdStore,
    mut offer: Offer,
    mut condition: watch::Receiver<Condition>,
    mut reads: watch::Receiver<u64>,
) {
    let key = keys::member(&offer.host);
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        offer.ability = condition.borrow_and_update().ability();
        let form = records::encode(&offer);
        let done = match store.get(&key).await {
            Ok(Some(entry)) if *entry.value == *form => Ok(0),
            Ok(_) => store.put(&key, &form, None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::debug!("what this host offers is not told yet: {error}");
            sleep(backoff.next()).await;
            continue;
        }
        backoff.reset();
        let goes_on = tokio::select! {
            changed = condition.wait_for(|condition| condition.ability() != offer.ability) => changed.is_ok(),
            changed = reads.changed() => changed.is_ok(),
        };
        if !goes_on {
            return;
        }
    }
}

/// Takes back what a host offered, so that it is let go as a member and not asked again: before it is demoted or removed.
pub async fn withdraw(store: &EtcdStore, host: &str) -> Result<(), homeostat_engine::store::StoreError> {
    let offer = homeostat_engine::store::Operation::Delete(keys::member(host).into());
    store.transaction(vec![], vec![offer]).await.map(drop)
}

/// How many members there are to be; an even number means the next smaller odd one.
pub async fn set_size(store: &EtcdStore, size: usize) -> Result<(), homeostat_engine::store::StoreError> {
    let form = records::encode(&size.clamp(1, SIZE_MAX));
    store.put(keys::CLUSTER_SIZE, &form, None).await.map(drop)
}

/// For how many seconds a member may be away before it is replaced.
pub async fn set_grace(store: &EtcdStore, seconds: u64) -> Result<(), homeostat_engine::store::StoreError> {
    store.put(keys::CLUSTER_GRACE, &records::encode(&seconds), None).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_in_a_later_form_are_passed_over_and_that_is_said_once() {
        let known = records::encode(&Roster::default());
        let later = [&[2], &known[1..]].concat();
        let mut is_strange = false;
        for (stored, roster) in [(&later, None), (&known, Some(Roster::default())), (&later, None)] {
            assert_eq!(read_roster(stored, &mut is_strange), roster);
            assert_eq!(is_strange, roster.is_none());
        }
    }
}
