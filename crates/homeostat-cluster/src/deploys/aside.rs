//! Releases in stages that others may still take, and this host does not: where it may, and nobody else does, it looks at all hosts for
//! those that they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use homeostat_engine::Store;
use tokio::time::Instant;

use super::guide::{Guide, Progress};
use super::manifest::Manifest;

/// The releases that are looked after, and those that nobody is to take any more, by their numbers.
pub(super) struct Aside {
    store: Arc<dyn Store>,
    host: Arc<str>,
    guides: BTreeMap<u64, Guide>,
    over: BTreeSet<u64>,
}

impl Aside {
    pub(super) fn new(store: Arc<dyn Store>, host: Arc<str>) -> Self {
        Self { store, host, guides: BTreeMap::new(), over: BTreeSet::new() }
    }

    /// Looks after these from now on. When to come again, if nothing happens.
    pub(super) fn tend(&mut self, manifests: &[Manifest]) -> Option<Instant> {
        let is_meant = |number: &u64| manifests.iter().any(|manifest| manifest.number == *number);
        self.over.retain(is_meant);
        self.guides.retain(|number, _| is_meant(number));
        let mut again: Option<Instant> = None;
        for manifest in manifests {
            let number = manifest.number;
            if self.over.contains(&number) {
                continue;
            }
            let new = || Guide::new(self.store.clone(), self.host.clone(), true);
            let guide = self.guides.entry(number).or_insert_with(new);
            guide.care_for(Some(manifest));
            match guide.tend() {
                Some((Progress::OnItsWay, at)) => again = Some(again.map_or(at, |again| again.min(at))),
                Some((Progress::Over | Progress::Everywhere, _)) => {
                    self.over.insert(number);
                    self.guides.remove(&number);
                }
                None => {}
            }
        }
        again
    }

    /// Returns when something may be known anew of one of them. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        let mut all: Vec<Pin<Box<_>>> =
            self.guides.values_mut().map(|guide| Box::pin(guide.changed())).collect();
        poll_fn(|context| match all.iter_mut().any(|changed| changed.as_mut().poll(context).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}
