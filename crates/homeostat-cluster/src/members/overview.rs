//! How the members stand, for a person.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, keys};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::plan::{SIZE_DEFAULT, Step};
use super::records::{Offer, Roster, decode};
use crate::etcd::EtcdStore;

/// To answer whether it is well.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the members stand.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// What hosts that may be members offer, in the order of their names.
    pub offers: Vec<Offer>,
    /// The members and learners.
    pub roster: Roster,
    /// How many members are wanted.
    pub wanted: usize,
    /// Who changes them.
    pub elected: Option<String>,
    /// The change that is being made.
    pub step: Option<Step>,
    /// Members that do not answer as they should, by their numbers, and why.
    pub unwell: BTreeMap<u64, String>,
}

/// Asks the store, and then each member by itself.
pub async fn overview(store: &EtcdStore) -> Result<Overview, StoreError> {
    let (offers, _) = store.range(keys::MEMBERS).await?;
    let roster: Roster = read(store, keys::CLUSTER_MEMBERS).await?.unwrap_or_default();
    Ok(Overview {
        offers: offers.iter().filter_map(|entry| decode(&entry.value)).collect(),
        wanted: read(store, keys::CLUSTER_SIZE).await?.unwrap_or(SIZE_DEFAULT),
        elected: read(store, keys::CLUSTER_ELECTED).await?,
        step: read(store, keys::CLUSTER_STEP).await?,
        unwell: unwell(store, &roster).await,
        roster,
    })
}

async fn read<T: serde::de::DeserializeOwned>(store: &EtcdStore, key: &str) -> Result<Option<T>, StoreError> {
    Ok(store.get(key).await?.and_then(|entry| decode(&entry.value)))
}

async fn unwell(store: &EtcdStore, roster: &Roster) -> BTreeMap<u64, String> {
    let mut asked = JoinSet::new();
    for seat in roster.seats.iter().filter(|seat| seat.votes) {
        let (id, single) = (seat.id, store.administration().of(&seat.client_url));
        asked.spawn(async move {
            let Ok(single) = single else { return (id, Some("nobody knows where it is".to_owned())) };
            let why = match timeout(PATIENCE, single.health()).await {
                Ok(Ok(health)) if health.leader.is_none() => Some("it has lost the others".to_owned()),
                Ok(Ok(health)) => Some(health.complaints.join(", ")).filter(|text| !text.is_empty()),
                Ok(Err(refusal)) => Some(refusal.to_string()),
                Err(_) => Some(format!("no answer in {PATIENCE:.0?}")),
            };
            (id, why)
        });
    }
    let mut unwell = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        unwell.extend(answer.ok().and_then(|(id, why)| Some((id, why?))));
    }
    unwell
}

impl Overview {
    /// What a step means, for a person.
    pub fn describe(&self, step: &Step) -> String {
        step.describe(&self.roster)
    }

    /// The hosts that may be members and are none.
    pub fn reserve(&self) -> impl Iterator<Item = &Offer> {
        let seated: BTreeSet<&str> = self.roster.seats.iter().map(|seat| &*seat.host).collect();
        self.offers.iter().filter(move |offer| !seated.contains(&*offer.host))
    }
}
