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
mod elect;
mod govern;
mod log;
mod lone;
mod lookout;
mod plan;
mod process;
mod records;
mod seat;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::keys;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use auth::{add_host, add_member, allow_service, demote, remove_host};
use govern::{Governor, Memory};
pub use lone::{LoneError, RECOVER_WARNING, begin, recover};
use lookout::{Sight, follow};
pub use plan::{SIZE_DEFAULT, SIZE_MAX, Step};
pub use process::{ProgramError, Server, ServerTls};
pub use records::{Ability, Offer, Roster, Seat};
pub use seat::Condition;
use seat::Seating;

use crate::etcd::{EtcdStore, OptionsError};
use crate::pace::Backoff;

/// Which host this is, and whether it may be a member.
#[derive(Debug, Clone)]
pub struct MembersConfig {
    /// The name of this host: the common name of its certificate.
    pub host: String,
    /// Where its part is kept: `cluster` below the prefix.
    pub dir: PathBuf,
    /// None for a host that is never a member.
    pub candidacy: Option<Candidacy>,
    /// How long things may take.
    pub times: MemberTimes,
}

/// What a host that may be a member brings.
#[derive(Debug, Clone)]
pub struct Candidacy {
    /// The server that it would run.
    pub server: Server,
    /// Where it is: members spread over zones.
    pub zone: String,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct MemberTimes {
    /// How long a member may be away before it is replaced.
    pub grace: Duration,
    /// How long a learner may take.
    pub learner: Duration,
    /// How long a host that did not get on is not asked again.
    pub rest: Duration,
    /// How long the elected one stays elected without a sign of life.
    pub mandate: Duration,
    /// Between looks of the elected one at members that all are well.
    pub look: Duration,
    /// Between looks of a member at its own server.
    pub care: Duration,
    /// Between defragmentations of two members.
    pub tidy: Duration,
    /// Between starts of a server that ends: from the first to the second.
    pub restart: (Duration, Duration),
}

impl Default for MemberTimes {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(120),
            learner: Duration::from_secs(120),
            rest: Duration::from_secs(600),
            mandate: Duration::from_secs(10),
            look: Duration::from_secs(10),
            care: Duration::from_secs(30),
            tidy: Duration::from_secs(600),
            restart: (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }
}

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
}

impl Membership {
    /// Follows the members, keeps the store speaking to them, and takes part if this host may be one.
    pub fn start(config: MembersConfig, store: Arc<EtcdStore>) -> Result<Self, OptionsError> {
        let channels = Channels {
            roster: watch::Sender::new(None),
            condition: watch::Sender::new(Condition::Off),
            elected: watch::Sender::new(None),
            doing: watch::Sender::new(None),
            is_full: watch::Sender::new(false),
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
            membership.take_part(&config, candidacy, &store, &channels)?;
        }
        let dir = config.dir;
        let Channels { roster, elected, .. } = channels;
        membership.until_stopped({
            let store = store.clone();
            async move { follow_roster(&store, &dir, &roster).await }
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
            own: own.clone(),
            restart: config.times.restart,
            roster: self.roster.clone(),
            condition: channels.condition.clone(),
        };
        // It ends by itself, after its server.
        self.tasks.spawn(seating.keep(self.stop.clone()));
        let (offering, condition) = (store.clone(), self.condition.clone());
        self.until_stopped(async move { make_offer(&offering, offer, condition).await });
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
async fn follow_roster(store: &EtcdStore, dir: &Path, told: &watch::Sender<Option<Roster>>) {
    follow(store, keys::CLUSTER_MEMBERS, |sight| {
        let Some(roster) = value_of::<Roster>(sight, keys::CLUSTER_MEMBERS).flatten() else { return };
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

/// What a sight says of one key: nothing, or its value, if it has one that can be read.
fn value_of<T: serde::de::DeserializeOwned>(sight: Sight, key: &str) -> Option<Option<T>> {
    let value = match sight {
        Sight::All(entries) => entries.into_iter().find(|entry| *entry.key == *key).map(|entry| entry.value),
        Sight::Changes(changes) => changes.into_iter().rfind(|changed| *changed.key == *key)?.value,
    };
    Some(value.and_then(|value| records::decode(&value)))
}

/// Keeps in the store what this host offers as a member.
async fn make_offer(store: &EtcdStore, mut offer: Offer, mut condition: watch::Receiver<Condition>) {
    let key = keys::member(&offer.host);
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
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
        if condition.wait_for(|condition| condition.ability() != offer.ability).await.is_err() {
            return;
        }
    }
}

/// Asks to be elected while this host is a member, and governs when it is.
struct Elector {
    host: String,
    store: Arc<EtcdStore>,
    times: MemberTimes,
    roster: watch::Receiver<Option<Roster>>,
    doing: watch::Sender<Option<String>>,
    stop: CancellationToken,
}

impl Elector {
    async fn serve(mut self) {
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
        let present = watch::Sender::new(BTreeSet::new());
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
            () = follow_presence(&self.store, &present) => {}
            () = follow(&self.store, keys::MEMBERS, count) => {}
            () = follow(&self.store, keys::CLUSTER_SIZE, count) => {}
            () = self.stop.cancelled() => {}
        }
        mandate.lay_down(&self.store).await;
        tracing::info!("this host is no longer elected");
    }
}

/// Which hosts are there: those with a summary, which goes with their lease.
async fn follow_presence(store: &EtcdStore, present: &watch::Sender<BTreeSet<Arc<str>>>) {
    follow(store, keys::HOSTS, |sight| {
        let update = |keys: &mut BTreeSet<Arc<str>>| match sight {
            Sight::All(entries) => {
                let all = entries.into_iter().map(|entry| entry.key).collect();
                std::mem::replace(keys, all) != *keys
            }
            Sight::Changes(changes) => changes.into_iter().fold(false, |changed, change| {
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
