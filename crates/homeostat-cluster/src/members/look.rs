//! What the elected one sees: the members as etcd has them, what hosts offer, who is there, who answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Entry, StoreError, keys};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::govern::Governor;
use super::plan::{Fitness, HostSeen, MemberSeen, SIZE_DEFAULT, Standing, Step, View};
use super::process;
use super::records::{Ability, Offer, Roster, Seat, decode};
use crate::etcd::{Administration, Health, Refusal, ServerMember};

/// To answer whether it is well.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// Everything at one time.
pub(super) struct Look {
    pub(super) servers: Vec<ServerMember>,
    pub(super) offers: Vec<Offer>,
    /// As it was last told.
    pub(super) told: Option<Roster>,
    /// As it is.
    pub(super) roster: Roster,
    pub(super) health: BTreeMap<u64, Health>,
    pub(super) wanted: usize,
    /// How long a member may be away.
    pub(super) grace: Duration,
    pub(super) step: Option<Step>,
}

impl Governor<'_> {
    /// Looks at everything.
    pub(super) async fn look(&mut self) -> Result<Look, Refusal> {
        // Read from the store first: the member that is asked has caught up then, and knows all members.
        let step = self.store.get(keys::CLUSTER_STEP).await?;
        let told = self.store.get(keys::CLUSTER_MEMBERS).await?;
        let wanted = self.store.get(keys::CLUSTER_SIZE).await?;
        let grace: Option<u64> = read(self.store.get(keys::CLUSTER_GRACE).await?)?;
        let (offers, _) = self.store.range(keys::MEMBERS).await?;
        let servers = self.store.administration().members().await?;
        let offers: Vec<Offer> = offers.iter().filter_map(|entry| decode(&entry.value)).collect();
        let told: Option<Roster> = read(told)?;
        let mut roster = roster(&servers, &offers, told.as_ref());
        let health = self.probe(&roster).await;
        roster.etcd = series_of_all(&servers, &health).or(told.as_ref().and_then(|told| told.etcd.clone()));
        Ok(Look {
            step: read(step)?,
            wanted: read(wanted)?.unwrap_or(SIZE_DEFAULT),
            grace: grace.map_or(self.times.grace, Duration::from_secs),
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

    pub(super) fn single(&mut self, url: &str) -> Option<Administration> {
        if !self.memory.single.contains_key(url) {
            let single = self.store.administration().of(url).ok()?;
            self.memory.single.insert(url.to_owned(), single);
        }
        self.memory.single.get(url).cloned()
    }

    pub(super) fn view(&mut self, look: &Look) -> View {
        let now = Instant::now();
        let hosts = look.offers.iter().map(|offer| {
            let fitness = self.fitness(offer, look, now);
            let is_unable = matches!(offer.ability, Ability::Unable { .. });
            (offer.host.clone(), HostSeen { zone: offer.zone.clone(), fitness, is_unable })
        });
        let hosts = hosts.collect::<BTreeMap<_, _>>();
        self.memory.away.retain(|host, _| hosts.contains_key(host));
        self.memory.resting.retain(|_, until| *until > now);
        self.hear(look, now);
        let (silent, silence) = (&self.memory.silent, look.grace.saturating_add(self.times.busy));
        let members = look.servers.iter().map(|server| MemberSeen {
            id: server.id,
            host: look.roster.seats.iter().find(|seat| seat.id == server.id).map(|seat| seat.host.clone()),
            standing: match (server.is_learner, &server.name) {
                (true, None) => Standing::Added,
                (true, Some(_)) => Standing::Learner,
                (false, _) => Standing::Voter,
            },
            answers: look.health.contains_key(&server.id),
            is_silent: silent.get(&server.id).is_some_and(|since| now - *since > silence),
        });
        let members: Vec<_> = members.collect();
        let learner =
            members.iter().find(|member| member.standing != Standing::Voter).map(|member| member.id);
        if self.memory.learner.map(|(id, _)| id) != learner {
            self.memory.learner = learner.map(|id| (id, now));
        }
        let learner_is_late = learner.is_some_and(|id| self.is_late(id));
        View { members, hosts, wanted: look.wanted, step: look.step.clone(), learner_is_late }
    }

    /// Notes since when members do not answer. One that has not started yet has the time of a learner.
    fn hear(&mut self, look: &Look, now: Instant) {
        let silent = look.servers.iter().filter(|server| !server.is_learner);
        let silent = silent.map(|server| server.id).filter(|id| !look.health.contains_key(id));
        let before = std::mem::take(&mut self.memory.silent);
        self.memory.silent = silent.map(|id| (id, before.get(&id).copied().unwrap_or(now))).collect();
    }

    fn fitness(&mut self, offer: &Offer, look: &Look, now: Instant) -> Fitness {
        let (key, seat) = (keys::host(&offer.host), look.roster.of(&offer.host));
        let is_present = self.present.borrow().as_ref().is_some_and(|keys| keys.contains(key.as_str()));
        let is_able = match &offer.ability {
            Ability::Able => true,
            Ability::Unable { .. } => false,
            Ability::Lost { id } if seat.is_some_and(|seat| seat.id == *id) => return Fitness::Gone,
            // It was replaced already, and has not noticed.
            Ability::Lost { .. } => false,
        };
        let is_fit = is_present && is_able;
        if is_fit {
            self.memory.away.remove(&offer.host);
        }
        let rests = self.memory.resting.get(&offer.host).is_some_and(|until| *until > now);
        // Right after it was let go it cannot say yet that it could be asked again.
        if rests && (is_fit || seat.is_none()) {
            return Fitness::Resting;
        }
        if is_fit {
            return Fitness::Fit;
        }
        let since = *self.memory.away.entry(offer.host.clone()).or_insert(now);
        if now - since > look.grace { Fitness::Gone } else { Fitness::Away }
    }
}

/// A record that is there must be one that we understand: a newer version may have written it, and knows more.
fn read<T: DeserializeOwned>(entry: Option<Entry>) -> Result<Option<T>, StoreError> {
    let Some(entry) = entry else { return Ok(None) };
    let unknown =
        || StoreError::Unavailable(format!("`{}` has a form that this version does not know", entry.key));
    decode(&entry.value).ok_or_else(unknown).map(Some)
}

/// The series of etcd that all members have; none unless each of them says it.
fn series_of_all(servers: &[ServerMember], health: &BTreeMap<u64, Health>) -> Option<String> {
    let voters = servers.iter().filter(|server| !server.is_learner);
    let told =
        voters.map(|server| health.get(&server.id).and_then(|health| process::series(&health.version)));
    let (major, minor) = told.collect::<Option<Vec<_>>>()?.into_iter().min()?;
    Some(format!("{major}.{minor}"))
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
    Roster { seats, etcd: None }
}
