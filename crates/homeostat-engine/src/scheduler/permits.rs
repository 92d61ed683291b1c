//! Semaphores. Permits are taken all or none, so nobody holds one while waiting for another, and no two can wait for each other.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use homeostat_model::meta::Semaphore;

use super::state::Phase;
use super::{Scheduler, Subject};
use crate::graph::Graph;
use crate::resource::Drift;

/// Who waits for permits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Applicant {
    Vertex(crate::source::VertexKey),
    Batch((homeostat_model::KindName, Arc<str>)),
}

/// Who holds how many, and who waits, first come first served where that leaves nobody idle.
#[derive(Debug)]
pub(super) struct Permits {
    /// Over everything; its name is empty, which no declared one can be.
    overall: Option<Semaphore>,
    held: BTreeMap<Arc<str>, u32>,
    /// Those that wait for the same, in the order in which they came: a release costs what there is to be waited for, not how many
    /// wait.
    queues: BTreeMap<Vec<Semaphore>, BTreeMap<u64, Applicant>>,
    places: BTreeMap<Applicant, (u64, Vec<Semaphore>)>,
    next_place: u64,
}

impl Permits {
    pub(super) fn new(overall: Option<NonZeroU32>) -> Self {
        let overall = overall.map(|count| Semaphore { name: "".into(), count });
        Self {
            overall,
            held: BTreeMap::new(),
            queues: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
        }
    }

    /// Everything that these need, once each.
    pub(super) fn needed<'a>(&'a self, declared: impl Iterator<Item = &'a Semaphore>) -> Vec<Semaphore> {
        let mut all: Vec<Semaphore> = self.overall.iter().chain(declared).cloned().collect();
        all.sort();
        all.dedup_by(|later, earlier| later.name == earlier.name);
        all
    }

    pub(super) fn try_take(&mut self, needed: &[Semaphore]) -> bool {
        if !self.are_free(needed) {
            return false;
        }
        for semaphore in needed {
            *self.held.entry(semaphore.name.clone()).or_default() += 1;
        }
        true
    }

    fn are_free(&self, needed: &[Semaphore]) -> bool {
        let held = |semaphore: &Semaphore| self.held.get(&semaphore.name).copied().unwrap_or_default();
        needed.iter().all(|semaphore| held(semaphore) < semaphore.count.get())
    }

    pub(super) fn give_back(&mut self, needed: &[Semaphore]) {
        for semaphore in needed {
            match self.held.get_mut(&semaphore.name) {
                Some(held) if *held > 1 => *held -= 1,
                _ => {
                    self.held.remove(&semaphore.name);
                }
            }
        }
    }

    pub(super) fn wait(&mut self, applicant: Applicant, needed: Vec<Semaphore>) {
        let place = match self.forget(&applicant) {
            Some(place) => place,
            None => {
                self.next_place += 1;
                self.next_place
            }
        };
        self.queues.entry(needed.clone()).or_default().insert(place, applicant.clone());
        self.places.insert(applicant, (place, needed));
    }

    /// Says which place it had.
    pub(super) fn forget(&mut self, applicant: &Applicant) -> Option<u64> {
        let (place, needed) = self.places.remove(applicant)?;
        if let Some(queue) = self.queues.get_mut(&needed) {
            queue.remove(&place);
            if queue.is_empty() {
                self.queues.remove(&needed);
            }
        }
        Some(place)
    }

    /// Whoever came first of those for whom everything is free.
    fn next(&mut self) -> Option<(Applicant, Vec<Semaphore>)> {
        let free = self.queues.iter().filter(|(needed, _)| self.are_free(needed));
        let heads = free.filter_map(|(needed, queue)| Some((queue.first_key_value()?, needed)));
        let ((_, applicant), needed) = heads.min_by_key(|((place, _), _)| **place)?;
        let (applicant, needed) = (applicant.clone(), needed.clone());
        self.forget(&applicant);
        Some((applicant, needed))
    }
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    fn needed_by(&self, at: u32) -> Vec<Semaphore> {
        self.permits.needed(self.state(at).meta.semaphores.iter())
    }

    /// Takes all permits of a vertex, or makes it wait for them.
    pub(super) fn take_permits(&mut self, at: u32) -> bool {
        if !self.state(at).permits.is_empty() {
            return true;
        }
        let needed = self.needed_by(at);
        if needed.is_empty() {
            return true;
        }
        let taken = self.permits.try_take(&needed);
        if taken {
            self.state_mut(at).permits = needed.into();
        } else {
            self.permits.wait(Applicant::Vertex(self.graph.key(at)), needed);
        }
        taken
    }

    pub(super) fn release_permits(&mut self, at: u32) {
        let held = self.state_mut(at).permits.take();
        if !held.is_empty() {
            self.permits.give_back(&held);
            self.grant_permits();
        }
    }

    /// A vertex no longer waits for permits.
    pub(super) fn stop_starving(&mut self, at: u32) {
        self.permits.forget(&Applicant::Vertex(self.graph.key(at)));
    }

    /// Lets those on that wait and for whom everything is free.
    pub(super) fn grant_permits(&mut self) {
        while let Some((applicant, needed)) = self.permits.next() {
            let wanted = match &applicant {
                Applicant::Vertex(key) => starving(&self.graph, *key).is_some(),
                Applicant::Batch(key) => self.batches.contains_key(key),
            };
            if !wanted || !self.permits.try_take(&needed) {
                continue;
            }
            match applicant {
                Applicant::Vertex(key) => {
                    let at = starving(&self.graph, key).expect("it was there just now");
                    self.state_mut(at).permits = needed.into();
                    self.permits_granted(at);
                }
                Applicant::Batch(key) => self.batch_permitted(&key, needed),
            }
        }
    }
}

#[cfg(test)]
impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// Every permit that is held is held by somebody.
    pub(super) fn assert_permits(&self) {
        let mut held: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        let vertices = self.graph.iter().flat_map(|(_, vertex)| &*vertex.data.permits);
        let batches = self.batches.values().flat_map(super::batch::Batch::permits);
        let running = self.running_batches.values().flat_map(super::batch::Running::permits);
        for semaphore in vertices.chain(batches).chain(running) {
            *held.entry(semaphore.name.clone()).or_default() += 1;
        }
        assert_eq!(held, self.permits.held);
    }

    pub(super) fn assert_no_permits(&self) {
        assert!(self.permits.held.is_empty(), "{:?} are held", self.permits.held);
        assert!(self.permits.queues.is_empty() && self.permits.places.is_empty());
    }
}

fn starving<R, D>(graph: &Graph<super::State<R, D>>, key: crate::source::VertexKey) -> Option<u32> {
    graph.resolve(key).filter(|at| matches!(graph.at(*at).data.phase, Phase::Starved))
}
