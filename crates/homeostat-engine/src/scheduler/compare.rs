//! What differs between a full catalog and the graph: so a full catalog becomes a delta.

use std::collections::BTreeSet;
use std::sync::Arc;

use homeostat_model::{Catalog, CatalogDelta, EdgeDecl, ResourceDecl, ResourceId, SendDecl};

use super::load::Moved;
use super::state::Leaving;
use super::{Scheduler, Subject};
use crate::graph::EdgeKinds;
use crate::resource::Drift;

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// What differs between the graph and a full catalog, and what only stands elsewhere in it.
    pub(crate) fn compare(&self, catalog: Catalog) -> (CatalogDelta, Vec<Moved>) {
        let Catalog { resources, edges, sends, .. } = catalog;
        if self.graph.len() == 0 {
            let delta = CatalogDelta {
                set: resources,
                set_edges: edges,
                set_sends: sends,
                ..CatalogDelta::default()
            };
            return (delta, Vec::new());
        }
        let mut declared: Vec<bool> = vec![false; self.graph.slots_len()];
        let found: Vec<Option<u32>> = resources.iter().map(|decl| self.graph.find(&decl.id)).collect();
        for at in found.iter().flatten() {
            declared[*at as usize] = true;
        }
        let mut delta = CatalogDelta::default();
        let mut stay: Vec<bool> = vec![false; self.graph.slots_len()];
        for (at, vertex) in self.graph.iter().filter(|(_, vertex)| vertex.data.leaving == Leaving::No) {
            if declared[at as usize] {
                stay[at as usize] = true;
            } else {
                delta.remove.push(vertex.id.clone());
            }
        }
        self.compare_edges(edges, &stay, &mut delta);
        self.compare_sends(sends, &stay, &mut delta);
        let receivers: BTreeSet<ResourceId> = delta.set_sends.iter().map(|send| send.to.clone()).collect();
        let mut moved = Vec::new();
        for (decl, at) in resources.into_iter().zip(found) {
            match at {
                Some(at) if !self.differs(&decl, Some(at), &receivers) => {
                    if self.state(at).origin != decl.origin {
                        moved.push((at, decl.origin));
                    }
                }
                Some(_) | None => delta.set.push(decl),
            }
        }
        (delta, moved)
    }

    /// Whether a declaration is new or different. One that begins to receive is needed even if it is the same as before.
    fn differs(&self, decl: &ResourceDecl, at: Option<u32>, receivers: &BTreeSet<ResourceId>) -> bool {
        let Some(at) = at else { return true };
        let state = self.state(at);
        let begins_to_receive =
            !receivers.is_empty() && state.receives.is_none() && receivers.contains(&decl.id);
        state.leaving != Leaving::No || begins_to_receive || state.digest != decl.digest()
    }

    fn compare_edges(&self, edges: Vec<EdgeDecl>, stay: &[bool], delta: &mut CatalogDelta) {
        let stays = |at: &u32| stay[*at as usize];
        let mut wanted: BTreeSet<(u32, u32)> = BTreeSet::new();
        for edge in edges {
            let ends = self.graph.find(&edge.from).zip(self.graph.find(&edge.to));
            let kept = ends.filter(|(from, to)| stays(from) && stays(to));
            let kinds = kept.map_or(EdgeKinds::NONE, |(from, to)| self.graph.edge(from, to));
            wanted.extend(ends);
            if !kinds.has(EdgeKinds::DECLARED) || kinds.has(EdgeKinds::NOTIFY) != edge.notify {
                delta.set_edges.push(edge);
            }
        }
        for (at, vertex) in self.graph.iter().filter(|(at, _)| stays(at)) {
            for link in vertex.succs.iter().filter(|link| link.kinds.has(EdgeKinds::DECLARED)) {
                if stays(&link.at) && !wanted.contains(&(at, link.at)) {
                    delta.remove_edges.push((vertex.id.clone(), self.graph.at(link.at).id.clone()));
                }
            }
        }
    }

    fn compare_sends(&self, sends: Vec<SendDecl>, stay: &[bool], delta: &mut CatalogDelta) {
        let stays = |at: &u32| stay[*at as usize];
        let mut wanted: BTreeSet<(u32, Arc<str>)> = BTreeSet::new();
        for send in sends {
            let receiver = self.graph.find(&send.to).filter(stays);
            let sender = self.graph.find(&send.from).filter(stays);
            let same = receiver.zip(sender).is_some_and(|(at, sender)| {
                wanted.insert((at, send.param.clone()));
                let list = self.state(at).receives.iter().flat_map(|receives| &receives.list);
                let mut same = list.filter(|receive| receive.param == send.param);
                same.any(|receive| receive.key == send.key && receive.from == sender)
            });
            if !same {
                delta.set_sends.push(send);
            }
        }
        for (at, vertex) in self.graph.iter().filter(|(at, _)| stays(at)) {
            for receive in vertex.data.receives.iter().flat_map(|receives| &receives.list) {
                if !wanted.contains(&(at, receive.param.clone())) {
                    delta.remove_sends.push((vertex.id.clone(), receive.param.clone()));
                }
            }
        }
    }
}
