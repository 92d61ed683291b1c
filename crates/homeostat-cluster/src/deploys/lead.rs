//! Looking at all hosts for those that wait for each other: one of them does so at a time, and gives the others their turns.
//!
//! What hosts say of themselves goes to all that look, so if each did, a release in stages would cost the store as many messages as the
//! square of their number. Who looks is nobody special: it says what the pure function says ([`word`]), and when it is gone, another one
//! goes on with what the hosts say. All of its word lies under its lease, so nothing is left of one that is gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, LeaseId, OPERATIONS_MAX, Operation, StoreError, keys};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use super::manifest::Manifest;
use super::others::Others;
use super::rollout::{Fleet, Word, word};
use crate::pace::{about, some_of};

/// How long one that says nothing any more keeps others from looking.
const LEASE: Duration = Duration::from_secs(10);
/// It says that it still looks, so often.
pub(super) const BEAT: Duration = Duration::from_secs(10);
/// Between attempts to say something that failed.
const AGAIN: Duration = Duration::from_secs(1);
const FORM: u8 = 1;

/// What the host that looks says to all, in `rollouts/lead/<n>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lead {
    /// Who looks.
    pub(crate) host: Arc<str>,
    /// Another number each time that this is written.
    pub(crate) beat: u64,
    /// Where the release failed.
    pub(crate) failed_on: Option<Arc<str>>,
    /// The release is in order on every host that it is for.
    pub(crate) everywhere: bool,
    /// Nobody who is there is to take it any more.
    #[serde(default)]
    pub(crate) over: bool,
}

impl Lead {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        serde_json::to_writer(&mut bytes, self).expect("memory takes whatever is written");
        bytes
    }

    /// Reads what is stored; none if it has a form that this version does not know.
    pub(crate) fn parse(stored: &[u8]) -> Option<Self> {
        match stored.split_first() {
            Some((&FORM, json)) => serde_json::from_slice(json).ok(),
            _ => None,
        }
    }
}

/// What whoever looks says, read as hosts read it and written again; none where nobody would read it.
#[cfg(feature = "testing")]
pub(crate) fn lead_written_again(stored: &[u8]) -> Option<Vec<u8>> {
    Lead::parse(stored).map(|lead| lead.to_bytes())
}

/// Looks for all, until somebody else does or the store lets us no longer.
pub(super) async fn lead(store: Arc<dyn Store>, host: Arc<str>, manifest: Manifest) {
    match Leading::begin(store, host, manifest).await {
        Ok(Some(leading)) => leading.go_on().await,
        Ok(None) => {}
        Err(error) => tracing::debug!("this host cannot look at the others for all: {error}"),
    }
}

struct Leading {
    store: Arc<dyn Store>,
    manifest: Manifest,
    others: Others,
    lease: LeaseId,
    /// What was said to all, and the revision by which whatever else is said is fenced.
    said: Lead,
    revision: u64,
    keep_at: Instant,
    beat_at: Instant,
    /// Those who were told to go.
    told: BTreeSet<Arc<str>>,
}

/// Why somebody looks no longer.
enum Ended {
    /// Somebody else does.
    Deposed,
    Failed(StoreError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Leading {
    /// None where somebody else looks already.
    async fn begin(
        store: Arc<dyn Store>,
        host: Arc<str>,
        manifest: Manifest,
    ) -> Result<Option<Self>, StoreError> {
        let lease = store.grant(LEASE).await?;
        let said = Lead { host: host.clone(), beat: 0, failed_on: None, everywhere: false, over: false };
        let key: Arc<str> = keys::rollout_lead(manifest.number).into();
        let put = Operation::Put { key: key.clone(), value: said.to_bytes().into(), lease: Some(lease) };
        match store.transaction(vec![Compare::Missing(key)], vec![put]).await {
            Ok(Commit::Done(revision)) => {
                tracing::info!("this host looks at all others for release {}", manifest.number);
                let mut others = Others::new(store.clone(), host);
                others.look(true);
                Ok(Some(Self {
                    store,
                    manifest,
                    others,
                    lease,
                    said,
                    revision,
                    keep_at: next_keep(),
                    beat_at: Instant::now() + BEAT,
                    told: BTreeSet::new(),
                }))
            }
            Ok(Commit::Refused) => store.revoke(lease).await.map(|()| None),
            // If it was done all the same, it ends with its lease.
            Err(error) => {
                drop(store.revoke(lease).await);
                Err(error)
            }
        }
    }

    async fn go_on(mut self) {
        loop {
            match self.step().await {
                Ok(next_at) => {
                    tokio::select! {
                        () = self.others.changed() => {}
                        () = sleep_until(next_at) => {}
                    }
                }
                Err(Ended::Failed(error)) if error != StoreError::LeaseEnded => {
                    tracing::debug!("the other hosts do not hear of their turns yet: {error}");
                    sleep(about(AGAIN)).await;
                }
                Err(Ended::Deposed | Ended::Failed(_)) => {
                    // The next one need not wait for our lease.
                    drop(self.store.revoke(self.lease).await);
                    return;
                }
            }
        }
    }

    /// Does what is due. When something is, if nothing happens.
    async fn step(&mut self) -> Result<Instant, Ended> {
        if self.keep_at <= Instant::now() {
            self.store.keep_alive(self.lease).await?;
            self.keep_at = next_keep();
        }
        if self.beat_at <= Instant::now() {
            self.say(self.said.clone()).await?;
        }
        let fleet = self.others.fleet();
        let next_at = self.keep_at.min(self.beat_at);
        match self.others.clear_at() {
            Some(at) if at > Instant::now() => return Ok(next_at.min(at)),
            Some(_) => self.look(&fleet).await?,
            None => {}
        }
        Ok(next_at)
    }

    /// Says what is new.
    async fn look(&mut self, fleet: &Fleet) -> Result<(), Ended> {
        let number = self.manifest.number;
        // Whose turn it was when it went away, waits for another one: others take theirs meanwhile.
        let left: Vec<Arc<str>> =
            self.told.iter().filter(|host| !fleet.contains_key(*host)).cloned().collect();
        for some in left.chunks(OPERATIONS_MAX) {
            let take_back = |host: &Arc<str>| Operation::Delete(keys::rollout_go(host, number).into());
            self.commit(some.iter().map(take_back).collect()).await?;
            self.told.retain(|host| !some.contains(host));
        }
        let Word { go, failed_on, everywhere, over } = word(&self.manifest, fleet, &self.told);
        if (&failed_on, everywhere, over) != (&self.said.failed_on, self.said.everywhere, self.said.over) {
            self.say(Lead { failed_on, everywhere, over, ..self.said.clone() }).await?;
        }
        let new: Vec<Arc<str>> = go.into_iter().filter(|host| !self.told.contains(host)).collect();
        for some in new.chunks(OPERATIONS_MAX) {
            let put = |host: &Arc<str>| Operation::Put {
                key: keys::rollout_go(host, number).into(),
                value: [FORM].into(),
                lease: Some(self.lease),
            };
            self.commit(some.iter().map(put).collect()).await?;
            self.told.extend(some.iter().cloned());
        }
        Ok(())
    }

    /// Says something to all.
    async fn say(&mut self, said: Lead) -> Result<(), Ended> {
        let said = Lead { beat: said.beat + 1, ..said };
        let put = Operation::Put {
            key: keys::rollout_lead(self.manifest.number).into(),
            value: said.to_bytes().into(),
            lease: Some(self.lease),
        };
        self.revision = self.commit(vec![put]).await?;
        self.said = said;
        self.beat_at = Instant::now() + BEAT;
        Ok(())
    }

    /// Does it, if nobody else looks by now.
    async fn commit(&self, then: Vec<Operation>) -> Result<u64, Ended> {
        let fence = Compare::Revision(keys::rollout_lead(self.manifest.number).into(), self.revision);
        match self.store.transaction(vec![fence], then).await? {
            Commit::Done(revision) => Ok(revision),
            Commit::Refused => Err(Ended::Deposed),
        }
    }
}

/// When a lease that was just granted or kept is kept again.
fn next_keep() -> Instant {
    Instant::now() + LEASE / 4 + some_of(LEASE / 12)
}
