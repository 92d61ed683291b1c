//! The large files that this host has and wants, as the releases in the store change; and telling the others.

use std::collections::BTreeMap;
use std::time::Duration;

use homeostat_engine::store::{StoreError, keys};
use tokio::time::Instant;

use super::blobs::{Gatherer, Holder, Named};
use super::follow::{Party, View};
use super::manifest::{Hash, Manifest};
use super::store::Stored;
use crate::identity::Operator;
use crate::pace::Backoff;

/// Between attempts to tell the others.
const TELL_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The large files of this host.
pub(super) struct Stock {
    party: Party,
    /// What verified releases name, by their numbers.
    named: BTreeMap<u64, BTreeMap<Hash, u64>>,
    /// Of what that was read.
    read: Option<(Vec<Stored>, Vec<Operator>)>,
    /// The releases of which others know that we have all; none: nobody knows what they know.
    told: Option<Vec<u64>>,
    /// How often the store may have gone back when they were told.
    turns: u64,
    backoff: Backoff,
}

impl Stock {
    pub(super) fn new(party: &Party) -> Self {
        let backoff = Backoff::new(TELL_AGAIN.0, TELL_AGAIN.1);
        Self { party: party.clone(), named: BTreeMap::new(), read: None, told: None, turns: 0, backoff }
    }

    /// Looks at what releases name now, and tells the others what is here. When that is to be tried again.
    pub(super) async fn look(&mut self, view: &View, operators: &[Operator]) -> Option<Instant> {
        let View { releases, turns, .. } = view;
        if std::mem::replace(&mut self.turns, *turns) != *turns {
            self.told = None;
        }
        let is_read = |(known, by): &(Vec<Stored>, Vec<Operator>)| known == releases && by == operators;
        if !self.read.as_ref().is_some_and(is_read) {
            self.read = Some((releases.to_vec(), operators.to_vec()));
            self.name(releases, operators);
        }
        match self.tell().await {
            Ok(()) => {
                self.backoff.reset();
                None
            }
            Err(error) => {
                tracing::debug!("others do not know which large files are here: {error}");
                Some(Instant::now() + self.backoff.next())
            }
        }
    }

    /// Who gets files together, as everything is known now.
    pub(super) fn gatherer(&self) -> Gatherer {
        let Party { store, host, depot, peers, .. } = &self.party;
        Gatherer {
            store: store.clone(),
            host: host.clone(),
            depot: depot.clone(),
            peers: peers.clone(),
            named: self.named.clone(),
        }
    }

    fn name(&mut self, releases: &[Stored], operators: &[Operator]) {
        let verified =
            releases.iter().filter_map(|stored| stored.verify(operators, &self.party.cluster).ok());
        let named = |manifest: Manifest| Named {
            is_for_us: manifest.rollout.selects(&self.party.host),
            files: manifest.carried(),
        };
        let named = verified.map(|(manifest, _)| (manifest.number, named(manifest)));
        let named: BTreeMap<u64, Named> = named.filter(|(_, named)| !named.files.is_empty()).collect();
        let newest_first: Vec<Named> = named.values().rev().cloned().collect();
        self.named = named.into_iter().map(|(number, named)| (number, named.files)).collect();
        let here = self.party.shelf.manifests();
        let needed = here.iter().flat_map(Manifest::carried).map(|(hash, _)| hash).collect();
        if let Err(error) = self.party.depot.want(&newest_first, &needed) {
            tracing::warn!("large files of old releases stay: {error}");
        }
    }

    async fn tell(&mut self) -> Result<(), StoreError> {
        let Some(peers) = &self.party.peers else { return Ok(()) };
        let (store, depot) = (&*self.party.store, &self.party.depot);
        let is_here = |named: &BTreeMap<Hash, u64>| named.iter().all(|(hash, bytes)| depot.has(hash, *bytes));
        let releases = self.named.iter().filter(|(_, named)| is_here(named)).map(|(number, _)| *number);
        let own =
            Holder { host: self.party.host.to_string(), agent: peers.own, releases: releases.collect() };
        if self.told.is_none() {
            let key = keys::holds(&own.host);
            let known = store.get(&key).await?.map(|entry| Holder::parse(&key, &entry.value));
            let is_right = |known: &Option<Holder>| known.as_ref().is_some_and(|known| *known == own);
            self.told = match known {
                None => Some(Vec::new()),
                Some(known) if is_right(&known) => Some(own.releases.clone()),
                Some(_) => None,
            };
        }
        if self.told.as_ref() != Some(&own.releases) {
            own.tell(store).await?;
            self.told = Some(own.releases);
        }
        Ok(())
    }
}
