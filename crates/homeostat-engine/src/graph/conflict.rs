//! Automatic edges that would close a cycle are dropped, and which ones is a function of the graph, not of the way it came about.
//!
//! All cycles lie inside strongly connected components of the graph with every automatic edge in it. In each such component the
//! automatic edges are tried in the order of the names of their ends, and those that close a cycle are left out. Without
//! conflicts nothing of this runs.

use std::collections::BTreeSet;

use super::claims::Few;
use super::edges::EdgeKinds;
use super::{Cycle, Graph};

/// The automatic edges that are left out now.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    edges: BTreeSet<(u32, u32)>,
    /// The vertices of the components that those lie in: only changes among them can bring an edge back.
    conflicted: BTreeSet<u32>,
}

impl Dropped {
    pub(super) fn forget(&mut self, at: u32) {
        self.edges.retain(|(from, to)| *from != at && *to != at);
    }

    pub(super) fn left_out_before(&self, to: u32) -> impl Iterator<Item = u32> + '_ {
        self.edges.iter().filter(move |edge| edge.1 == to).map(|edge| edge.0)
    }
}

/// What became of the edges of a load.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// Automatic edges that are left out now and were not before.
    pub(crate) dropped: Vec<(u32, u32)>,
    /// Vertices that have predecessors which they did not have before.
    pub(crate) new_preds: BTreeSet<u32>,
}

impl<T> Graph<T> {
    pub(crate) fn claims_mut(&mut self) -> &mut super::ClaimIndex {
        &mut self.claims
    }

    /// Brings edges to what was asked for: explicit ones as given, automatic ones as the claims say. On a cycle of explicit edges
    /// the edges are as before.
    pub(crate) fn settle_edges(
        &mut self,
        explicit: impl IntoIterator<Item = (u32, u32, EdgeKinds)>,
    ) -> Result<Resolution, Cycle> {
        let explicit: Vec<_> = explicit.into_iter().collect();
        let bulk = self.prefers_bulk(explicit.len());
        let mut resolution = Resolution::default();
        let mut conflict = self.apply_explicit(&explicit, bulk, &mut resolution)?;
        conflict |= self.apply_automatic(&mut resolution);
        conflict |= self.conflict_may_be_over();
        if conflict {
            let before = std::mem::take(&mut self.dropped.edges);
            self.resolve_conflicts(&before);
            resolution.dropped = self.dropped.edges.difference(&before).copied().collect();
        }
        Ok(resolution)
    }

    /// Says whether automatic edges are in the way.
    fn apply_explicit(
        &mut self,
        explicit: &[(u32, u32, EdgeKinds)],
        bulk: bool,
        resolution: &mut Resolution,
    ) -> Result<bool, Cycle> {
        let mut conflict = false;
        // What goes is no longer in the way of what comes.
        for (from, to, _) in explicit.iter().filter(|(_, _, kinds)| kinds.is_none()) {
            self.take_edge(*from, *to, EdgeKinds::EXPLICIT);
        }
        for (from, to, kinds) in explicit.iter().copied().filter(|(_, _, kinds)| !kinds.is_none()) {
            let before = self.edge(from, to);
            if before.is_none() {
                resolution.new_preds.insert(to);
            }
            if from == to {
                self.undo();
                return Err(Cycle(vec![from]));
            }
            self.take_edge(from, to, EdgeKinds::EXPLICIT);
            if bulk || conflict {
                self.add_unordered(from, to, kinds);
            } else if let Err(cycle) = self.add_edge(from, to, kinds, EdgeKinds::ALL) {
                let automatic = |pair: &[u32]| !self.edge(pair[0], pair[1]).has(EdgeKinds::EXPLICIT);
                if !cycle.0.windows(2).any(automatic) {
                    self.undo();
                    return Err(cycle);
                }
                conflict = true;
                self.add_unordered(from, to, kinds);
            }
        }
        if bulk || conflict {
            if let Err(cycle) = self.order_all(EdgeKinds::EXPLICIT) {
                self.undo();
                return Err(cycle);
            }
            conflict |= bulk && self.order_all(EdgeKinds::ALL).is_err();
        }
        Ok(conflict)
    }

    /// Says whether one of them would close a cycle.
    fn apply_automatic(&mut self, resolution: &mut Resolution) -> bool {
        let touched = self.claims.take_touched();
        let bulk = self.prefers_bulk(touched.len());
        let mut conflict = false;
        for to in touched {
            if !self.is_used(to) {
                continue;
            }
            let wanted = self.claims.wanted(to);
            let auto = self.at(to).preds.iter().filter(|link| link.kinds.has(EdgeKinds::AUTO));
            let have: Few = auto.map(|link| link.at).collect();
            for from in have.iter().filter(|from| wanted.binary_search(from).is_err()) {
                self.take_edge(*from, to, EdgeKinds::AUTO);
            }
            let left_out: Few = self.dropped.left_out_before(to).collect();
            for from in left_out.iter().filter(|from| wanted.binary_search(from).is_err()) {
                self.dropped.edges.remove(&(*from, to));
            }
            let is_new = |from: &&u32| have.binary_search(from).is_err() && !left_out.contains(from);
            for from in wanted.iter().filter(is_new) {
                if self.edge(*from, to).is_none() {
                    resolution.new_preds.insert(to);
                }
                if bulk || conflict {
                    self.add_unordered(*from, to, EdgeKinds::AUTO);
                } else if self.add_edge(*from, to, EdgeKinds::AUTO, EdgeKinds::ALL).is_err() {
                    conflict = true;
                    self.add_unordered(*from, to, EdgeKinds::AUTO);
                }
            }
        }
        conflict || (bulk && self.order_all(EdgeKinds::ALL).is_err())
    }

    /// Whether an edge was taken away where one is left out.
    fn conflict_may_be_over(&self) -> bool {
        !self.dropped.edges.is_empty()
            && self.undo.iter().any(|(from, to, _)| {
                self.dropped.conflicted.contains(from) || self.dropped.conflicted.contains(to)
            })
    }

    /// Decides anew which automatic edges are left out.
    fn resolve_conflicts(&mut self, left_out: &BTreeSet<(u32, u32)>) {
        for (from, to) in left_out {
            self.add_unordered(*from, *to, EdgeKinds::AUTO);
        }
        let component = self.components();
        let inside = |from: u32, to: u32| component[from as usize] == component[to as usize];
        let mut candidates: Vec<(u32, u32)> = Vec::new();
        for (from, vertex) in self.iter() {
            let auto = vertex.succs.iter().filter(|link| link.kinds.has(EdgeKinds::AUTO));
            candidates.extend(auto.filter(|link| inside(from, link.at)).map(|link| (from, link.at)));
        }
        for (from, to) in &candidates {
            self.take_edge(*from, *to, EdgeKinds::AUTO);
        }
        self.order_all(EdgeKinds::ALL)
            .expect("explicit edges have no cycle, and no other edge lies inside a component");
        candidates
            .sort_by(|a, b| (&self.at(a.0).id, &self.at(a.1).id).cmp(&(&self.at(b.0).id, &self.at(b.1).id)));
        let conflicted: BTreeSet<u32> =
            candidates.iter().map(|(from, _)| component[*from as usize]).collect();
        let members = self.indices().filter(|at| conflicted.contains(&component[*at as usize]));
        self.dropped.conflicted = members.collect();
        for (from, to) in candidates {
            if self.add_edge(from, to, EdgeKinds::AUTO, EdgeKinds::ALL).is_err() {
                self.dropped.edges.insert((from, to));
            }
        }
    }

    /// The strongly connected component of each vertex (Tarjan, with a stack of our own). Free slots are components of themselves.
    fn components(&self) -> Vec<u32> {
        const UNSEEN: u32 = u32::MAX;
        let count = self.slots.len();
        let mut component = vec![UNSEEN; count];
        let mut number = vec![UNSEEN; count];
        let mut low = vec![0u32; count];
        let mut open: Vec<u32> = Vec::new();
        let mut next = 0u32;
        for start in self.indices() {
            if number[start as usize] != UNSEEN {
                continue;
            }
            let mut way: Vec<(u32, usize)> = vec![(start, 0)];
            while let Some((at, step)) = way.pop() {
                let index = at as usize;
                if step == 0 {
                    number[index] = next;
                    low[index] = next;
                    next += 1;
                    open.push(at);
                }
                match self.at(at).succs.nth(step) {
                    Some(link) => {
                        way.push((at, step + 1));
                        let other = link.at as usize;
                        if number[other] == UNSEEN {
                            way.push((link.at, 0));
                        } else if component[other] == UNSEEN {
                            low[index] = low[index].min(number[other]);
                        }
                    }
                    None => {
                        if low[index] == number[index] {
                            while let Some(member) = open.pop() {
                                component[member as usize] = at;
                                if member == at {
                                    break;
                                }
                            }
                        }
                        if let Some((parent, _)) = way.last() {
                            let parent = *parent as usize;
                            low[parent] = low[parent].min(low[index]);
                        }
                    }
                }
            }
        }
        component
    }
}

#[cfg(test)]
mod tests {
    use homeostat_model::ResourceId;
    use proptest::prelude::*;

    use super::super::claims::Claims;
    use super::*;
    use crate::resource::{Claim, Need};

    fn user(number: u8) -> Claim {
        Claim::User(number.to_string().into())
    }

    fn edges(graph: &Graph<()>) -> Vec<(String, String, EdgeKinds)> {
        let mut all = Vec::new();
        for (_, vertex) in graph.iter() {
            for link in vertex.succs.iter() {
                all.push((vertex.id.to_string(), graph.at(link.at).id.to_string(), link.kinds));
            }
        }
        all.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        all
    }

    type Step = (u8, Option<u8>, u8, u8, bool);

    proptest! {
        /// Vertices need what others provide, in circles too, and explicit edges come and go: whatever the way, the same graph.
        #[test]
        fn which_edges_are_dropped_does_not_depend_on_the_way(steps in prop::collection::vec((0u8..6, prop::option::of(0u8..6), 0u8..6, 0u8..6, any::<bool>()), 0..30)) {
            let mut graph: Graph<()> = Graph::new();
            for number in 0..6u8 {
                graph.insert(ResourceId::new("test", number.to_string()), ());
            }
            let mut needs: Vec<Option<u8>> = vec![None; 6];
            (0..6).for_each(|vertex| claim(&mut graph, vertex, None));
            let mut explicit: BTreeSet<(u8, u8)> = BTreeSet::new();
            for step in &steps {
                follow(&mut graph, step, &mut needs, &mut explicit);
                graph.assert_ordered();
            }
            let mut fresh: Graph<()> = Graph::new();
            for number in 0..6u8 {
                fresh.insert(ResourceId::new("test", number.to_string()), ());
            }
            for (vertex, need) in needs.iter().enumerate() {
                claim(&mut fresh, u8::try_from(vertex).unwrap(), *need);
            }
            fresh.settle_edges(explicit.iter().map(|(from, to)| (u32::from(*from), u32::from(*to), EdgeKinds::DECLARED))).unwrap();
            fresh.assert_ordered();
            prop_assert_eq!(edges(&graph), edges(&fresh));
        }
    }

    fn claim(graph: &mut Graph<()>, vertex: u8, need: Option<u8>) {
        let needs = need.map(|need| Need::Claim(user(need))).into_iter().collect();
        graph.claims_mut().set(u32::from(vertex), Claims { provides: vec![user(vertex)].into(), needs });
    }

    fn follow(
        graph: &mut Graph<()>,
        step: &Step,
        needs: &mut [Option<u8>],
        explicit: &mut BTreeSet<(u8, u8)>,
    ) {
        let (vertex, need, from, to, add) = *step;
        let kinds = if add { EdgeKinds::DECLARED } else { EdgeKinds::NONE };
        claim(graph, vertex, need);
        needs[vertex as usize] = need;
        match graph.settle_edges([(u32::from(from), u32::from(to), kinds)]) {
            Ok(_) if add => {
                explicit.insert((from, to));
            }
            Ok(_) => {
                explicit.remove(&(from, to));
            }
            Err(_) => {
                graph.settle_edges([]).unwrap();
            }
        }
        graph.keep();
    }
}
