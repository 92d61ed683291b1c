//! What the elected one does: looks at everything, writes the next step down, takes it, and tells everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::store::{Commit, Operation, StoreError, keys};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::elect::Mandate;
use super::look::Look;
use super::plan::{self, Next, Step, View};
use super::records::{Roster, put};
use super::{MemberTimes, care};
use crate::etcd::{Administration, EtcdStore, Refusal};
use crate::pace::{Backoff, about};

/// Between attempts to promote one that is still catching up.
const PROMOTE_INTERVAL: Duration = Duration::from_millis(100);
/// How long the elected one waits for a member whose file is made smaller.
const TIDY_PATIENCE: Duration = Duration::from_secs(5);
/// Between looks while something is waited for.
const WAIT_INTERVAL: Duration = Duration::from_secs(1);

/// Governs the members for as long as its mandate lasts.
pub(super) struct Governor<'a> {
    pub(super) store: &'a EtcdStore,
    pub(super) mandate: Mandate,
    pub(super) times: &'a MemberTimes,
    /// The keys of the hosts that are there; none until they are known.
    pub(super) present: watch::Receiver<Option<BTreeSet<Arc<str>>>>,
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
    pub(super) away: BTreeMap<String, Instant>,
    /// Since when members do not answer.
    pub(super) silent: BTreeMap<u64, Instant>,
    /// Since when there is this learner.
    pub(super) learner: Option<(u64, Instant)>,
    /// Until when hosts are not asked again.
    pub(super) resting: BTreeMap<String, Instant>,
    /// Connections to single members, by their URLs.
    pub(super) single: BTreeMap<String, Administration>,
    pub(super) tidied: Option<Instant>,
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
        // Nobody is away only because we have not looked yet.
        while self.present.wait_for(Option::is_some).await.is_ok() {
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
                self.say(Some(step.describe(&look.roster)));
                if view.step.as_ref() != Some(step) {
                    self.commit(vec![put(keys::CLUSTER_STEP, step)]).await?;
                }
                if let Some(host) = plan::rests_after(step, &view) {
                    self.memory.resting.insert(host.clone(), Instant::now() + self.times.rest);
                }
                self.take(step, &look).await
            }
        }
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

    async fn take(&self, step: &Step, look: &Look) -> Result<Duration, Ended> {
        let etcd = self.store.administration();
        let taken = match step {
            Step::Add { host } => {
                let offer = look.offers.iter().find(|offer| offer.host == *host);
                let url = offer.map_or("", |offer| &offer.peer_url);
                etcd.add_learner(url).await.map(drop)
            }
            Step::Promote { id } => etcd.promote(*id).await,
            Step::Remove { id } => etcd.remove(*id).await,
        };
        match taken {
            // The next look shows it, and it is told.
            Ok(()) => {
                tracing::info!("members: {}", step.describe(&look.roster));
                Ok(Duration::ZERO)
            }
            Err(Refusal::Behind) => Ok(PROMOTE_INTERVAL),
            Err(Refusal::Unwell | Refusal::Already | Refusal::Unknown) => Ok(about(WAIT_INTERVAL)),
            Err(refusal @ (Refusal::Store(_) | Refusal::Reserved(_))) => Err(refusal.into()),
        }
    }

    /// Whether this is a learner that has had all the time that it gets.
    pub(super) fn is_late(&self, id: u64) -> bool {
        let is_it = |(learner, since): (u64, Instant)| learner == id && since.elapsed() > self.times.learner;
        self.memory.learner.is_some_and(is_it)
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
        let Some(single) = single else { return };
        // It goes on with that for as long as it takes, whoever waits for it.
        if let Ok(Err(refusal)) = timeout(TIDY_PATIENCE, single.defragment()).await {
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

impl Step {
    /// For a person.
    pub(super) fn describe(&self, roster: &Roster) -> String {
        let name = |id: &u64| {
            let seat = roster.seats.iter().find(|seat| seat.id == *id);
            seat.map_or_else(|| format!("{id:x}"), |seat| seat.host.clone())
        };
        match self {
            Self::Add { host } => format!("{host} becomes a learner"),
            Self::Promote { id } => format!("{} gets a vote", name(id)),
            Self::Remove { id } => format!("{} is removed", name(id)),
        }
    }
}
