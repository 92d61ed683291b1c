//! What the elected one does: looks at everything, writes the next step down, takes it, and tells everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Entry, Operation, StoreError, keys};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::elect::Mandate;
use super::plan::{self, Fitness, HostSeen, MemberSeen, Next, SIZE_DEFAULT, Standing, Step, View};
use super::records::{Ability, Offer, Roster, Seat, decode, put};
use super::{MemberTimes, care};
use crate::etcd::{Administration, EtcdStore, Health, Refusal, ServerMember};
use crate::pace::{Backoff, about};

/// To answer whether it is well.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);
/// Between attempts to promote one that is still catching up.
const PROMOTE_INTERVAL: Duration = Duration::from_millis(100);
/// Between looks while something is waited for.
const WAIT_INTERVAL: Duration = Duration::from_secs(1);

/// Governs the members for as long as its mandate lasts.
pub(super) struct Governor<'a> {
    pub(super) store: &'a EtcdStore,
    pub(super) mandate: Mandate,
    pub(super) times: &'a MemberTimes,
    /// The keys of the hosts that are there.
    pub(super) present: watch::Receiver<BTreeSet<Arc<str>>>,
    /// Says that an offer or the wanted size changed.
    pub(super) changed: watch::Receiver<u64>,
    /// For a person: what is being done.
    pub(super) doing: &'a watch::Sender<Option<String>>,
    pub(super) memory: Memory,
}

/// What the elected one remembers. The next one begins without: it is only about patience.
#[derive(Default)]
pub(super) struct Memory {
    /// Since when hosts are away; by our own clock, so that no host's clock matters.
    away: BTreeMap<String, Instant>,
    /// Since when there is this learner.
    learner: Option<(u64, Instant)>,
    /// Until when hosts are not asked again.
    resting: BTreeMap<String, Instant>,
    /// Connections to single members, by their URLs.
    single: BTreeMap<String, Administration>,
    tidied: Option<Instant>,
}

/// Everything at one time.
struct Look {
    servers: Vec<ServerMember>,
    offers: Vec<Offer>,
    /// As it was last told.
    told: Option<Roster>,
    /// As it is.
    roster: Roster,
    health: BTreeMap<u64, Health>,
    wanted: usize,
    step: Option<Step>,
}

/// Why a round ended early.
enum Ended {
    /// Somebody else is elected by now.
    Deposed,
    Failed(Refusal),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal)
    }
}

impl Governor<'_> {
    /// Until somebody else is elected.
    pub(super) async fn govern(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(200), WAIT_INTERVAL * 5);
        loop {
            let pause = match self.round().await {
                Ok(pause) => {
                    backoff.reset();
                    pause
                }
                Err(Ended::Deposed) => return,
                Err(Ended::Failed(refusal)) => {
                    tracing::debug!("the members cannot be changed now: {refusal}");
                    backoff.next()
                }
            };
            self.pause(pause).await;
        }
    }

    /// Waits; less long when something changed.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            // The senders live as long as we are elected.
            Ok(()) = self.changed.changed() => {}
            Ok(()) = self.present.changed() => {}
        }
    }

    /// One look, and at most one step. Says how long to wait before the next.
    async fn round(&mut self) -> Result<Duration, Ended> {
        let look = self.look().await?;
        let view = self.view(&look);
        self.tell(&look, &view).await?;
        let next = plan::next(&view);
        match &next {
            Next::Settled => {
                self.say(None);
                self.tidy(&look).await;
                Ok(about(self.times.look))
            }
            Next::Wait(why) => {
                self.say(Some((*why).into()));
                Ok(about(WAIT_INTERVAL))
            }
            Next::Take(step) => {
                self.say(Some(describe(step, &look.roster)));
                if view.step.as_ref() != Some(step) {
                    self.commit(vec![put(keys::CLUSTER_STEP, step)]).await?;
                }
                self.take(step, &look).await
            }
        }
    }

    async fn look(&mut self) -> Result<Look, Ended> {
        // Read from the store first: the member that is asked has caught up then, and knows all members.
        let step = self.store.get(keys::CLUSTER_STEP).await?;
        let told = self.store.get(keys::CLUSTER_MEMBERS).await?;
        let wanted = self.store.get(keys::CLUSTER_SIZE).await?;
        let (offers, _) = self.store.range(keys::MEMBERS).await?;
        let servers = self.store.administration().members().await?;
        let offers: Vec<Offer> = offers.iter().filter_map(|entry| decode(&entry.value)).collect();
        let told: Option<Roster> = read(told)?;
        let roster = roster(&servers, &offers, told.as_ref());
        let health = self.probe(&roster).await;
        Ok(Look {
            step: read(step)?,
            wanted: read(wanted)?.unwrap_or(SIZE_DEFAULT),
            servers,
            offers,
            told,
            roster,
            health,
        })
    }

    /// Asks each member by itself whether it is well.
    async fn probe(&mut self, roster: &Roster) -> BTreeMap<u64, Health> {
        let known = roster.seats.iter().map(|seat| seat.client_url.clone());
        let urls: BTreeSet<_> = known.filter(|url| !url.is_empty()).collect();
        self.memory.single.retain(|url, _| urls.contains(url));
        let mut asked = JoinSet::new();
        for url in urls {
            let Some(single) = self.single(&url) else { continue };
            asked.spawn(async move { timeout(PROBE_PATIENCE, single.health()).await });
        }
        let mut health = BTreeMap::new();
        while let Some(answer) = asked.join_next().await {
            if let Ok(Ok(Ok(well))) = answer
                && well.leader.is_some()
            {
                health.insert(well.id, well);
            }
        }
        health
    }

    fn single(&mut self, url: &str) -> Option<Administration> {
        if !self.memory.single.contains_key(url) {
            let single = self.store.administration().of(url).ok()?;
            self.memory.single.insert(url.to_owned(), single);
        }
        self.memory.single.get(url).cloned()
    }

    fn view(&mut self, look: &Look) -> View {
        let now = Instant::now();
        let hosts = look.offers.iter().map(|offer| {
            let fitness = self.fitness(offer, look.roster.of(&offer.host), now);
            (offer.host.clone(), HostSeen { zone: offer.zone.clone(), fitness })
        });
        let hosts = hosts.collect::<BTreeMap<_, _>>();
        self.memory.away.retain(|host, _| hosts.contains_key(host));
        self.memory.resting.retain(|_, until| *until > now);
        let members = look.servers.iter().map(|server| MemberSeen {
            id: server.id,
            host: look.roster.seats.iter().find(|seat| seat.id == server.id).map(|seat| seat.host.clone()),
            standing: match (server.is_learner, &server.name) {
                (true, None) => Standing::Added,
                (true, Some(_)) => Standing::Learner,
                (false, _) => Standing::Voter,
            },
            answers: look.health.contains_key(&server.id),
        });
        let members: Vec<_> = members.collect();
        let learner =
            members.iter().find(|member| member.standing != Standing::Voter).map(|member| member.id);
        if self.memory.learner.map(|(id, _)| id) != learner {
            self.memory.learner = learner.map(|id| (id, now));
        }
        let learner_is_late = self.memory.learner.is_some_and(|(_, since)| now - since > self.times.learner);
        View { members, hosts, wanted: look.wanted, step: look.step.clone(), learner_is_late }
    }

    fn fitness(&mut self, offer: &Offer, seat: Option<&Seat>, now: Instant) -> Fitness {
        let is_present = self.present.borrow().contains(keys::host(&offer.host).as_str());
        let is_able = match &offer.ability {
            Ability::Able => true,
            Ability::Unable { .. } => false,
            Ability::Lost { id } if seat.is_some_and(|seat| seat.id == *id) => return Fitness::Gone,
            // It was replaced already, and has not noticed.
            Ability::Lost { .. } => false,
        };
        if is_present && is_able {
            self.memory.away.remove(&offer.host);
            let rests = self.memory.resting.get(&offer.host).is_some_and(|until| *until > now);
            return if rests { Fitness::Resting } else { Fitness::Fit };
        }
        let since = *self.memory.away.entry(offer.host.clone()).or_insert(now);
        if now - since > self.times.grace { Fitness::Gone } else { Fitness::Away }
    }

    /// Tells everybody of the members when they are not those that were told; ends a step that was taken.
    async fn tell(&mut self, look: &Look, view: &View) -> Result<(), Ended> {
        let mut then = Vec::new();
        if look.told.as_ref() != Some(&look.roster) {
            then.push(put(keys::CLUSTER_MEMBERS, &look.roster));
        }
        if look.step.as_ref().is_some_and(|step| plan::is_done(step, &view.members)) {
            then.push(Operation::Delete(keys::CLUSTER_STEP.into()));
        }
        if then.is_empty() { Ok(()) } else { self.commit(then).await }
    }

    async fn take(&mut self, step: &Step, look: &Look) -> Result<Duration, Ended> {
        let etcd = self.store.administration();
        let taken = match step {
            Step::Add { host } => {
                let offer = look.offers.iter().find(|offer| offer.host == *host);
                let url = offer.map_or("", |offer| &offer.peer_url);
                etcd.add_learner(url).await.map(drop)
            }
            Step::Promote { id } => etcd.promote(*id).await,
            Step::Remove { id } => {
                self.rest_after(*id, look);
                etcd.remove(*id).await
            }
        };
        match taken {
            // The next look shows it, and it is told.
            Ok(()) => {
                tracing::info!("members: {}", describe(step, &look.roster));
                Ok(Duration::ZERO)
            }
            Err(Refusal::Behind) => Ok(PROMOTE_INTERVAL),
            Err(Refusal::Unwell | Refusal::Already | Refusal::Unknown) => Ok(about(WAIT_INTERVAL)),
            Err(refusal @ (Refusal::Store(_) | Refusal::Reserved(_))) => Err(refusal.into()),
        }
    }

    /// A learner that is removed did not get on: others come first for a while.
    fn rest_after(&mut self, id: u64, look: &Look) {
        let was_learner = look.servers.iter().any(|server| server.id == id && server.is_learner);
        if let Some(seat) = look.roster.seats.iter().find(|seat| seat.id == id && was_learner) {
            self.memory.resting.insert(seat.host.clone(), Instant::now() + self.times.rest);
        }
    }

    /// One member at a time has its file made smaller, while all are well.
    async fn tidy(&mut self, look: &Look) {
        let all_are_well = look.servers.iter().all(|server| look.health.contains_key(&server.id));
        let is_due = self.memory.tidied.is_none_or(|last| last.elapsed() > self.times.tidy);
        if !all_are_well || !is_due {
            return;
        }
        let Some(loose) = look.health.values().find(|health| care::is_loose(health)) else { return };
        self.memory.tidied = Some(Instant::now());
        let seat = look.roster.seats.iter().find(|seat| seat.id == loose.id);
        let single = seat.and_then(|seat| self.single(&seat.client_url));
        if let Some(single) = single
            && let Err(refusal) = single.defragment().await
        {
            tracing::debug!("a member could not be defragmented: {refusal}");
        }
    }

    async fn commit(&self, then: Vec<Operation>) -> Result<(), Ended> {
        match self.mandate.commit(self.store, then).await? {
            Commit::Done(_) => Ok(()),
            Commit::Refused => Err(Ended::Deposed),
        }
    }

    fn say(&self, what: Option<String>) {
        self.doing.send_if_modified(|said| std::mem::replace(said, what.clone()) != what);
    }
}

/// A record that is there must be one that we understand: a newer version may have written it, and knows more.
fn read<T: DeserializeOwned>(entry: Option<Entry>) -> Result<Option<T>, StoreError> {
    let Some(entry) = entry else { return Ok(None) };
    let unknown =
        || StoreError::Unavailable(format!("`{}` has a form that this version does not know", entry.key));
    decode(&entry.value).ok_or_else(unknown).map(Some)
}

/// Who the members are, with their addresses.
fn roster(servers: &[ServerMember], offers: &[Offer], told: Option<&Roster>) -> Roster {
    let seat = |server: &ServerMember| {
        let before = told.and_then(|roster| roster.seats.iter().find(|seat| seat.id == server.id));
        let peer_url = server.peer_urls.first().cloned().unwrap_or_default();
        let offer = match before {
            Some(seat) => offers.iter().find(|offer| offer.host == seat.host),
            None => offers.iter().find(|offer| offer.peer_url == peer_url),
        };
        let host = before.map(|seat| &seat.host).or(offer.map(|offer| &offer.host)).or(server.name.as_ref());
        let client_url = offer.map(|offer| &offer.client_url).or(before.map(|seat| &seat.client_url));
        Seat {
            id: server.id,
            host: host.cloned().unwrap_or_default(),
            peer_url,
            client_url: client_url.cloned().unwrap_or_default(),
            votes: !server.is_learner,
        }
    };
    let mut seats: Vec<_> = servers.iter().map(seat).collect();
    seats.sort_by_key(|seat| seat.id);
    Roster { seats }
}

fn describe(step: &Step, roster: &Roster) -> String {
    let name = |id: &u64| {
        let seat = roster.seats.iter().find(|seat| seat.id == *id);
        seat.map_or_else(|| format!("{id:x}"), |seat| seat.host.clone())
    };
    match step {
        Step::Add { host } => format!("{host} becomes a learner"),
        Step::Promote { id } => format!("{} gets a vote", name(id)),
        Step::Remove { id } => format!("{} is removed", name(id)),
    }
}
