//! A topological order that follows changes (Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", 2006):
//! adding an edge costs the vertices that lie between its ends in the order, and most edges cost nothing.

use std::collections::{BTreeMap, VecDeque};

use super::Graph;
use super::edges::EdgeKinds;

/// A closed way: each vertex has an edge to the next one, and the last to the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cycle(pub(crate) Vec<u32>);

impl<T> Graph<T> {
    /// Adds reasons to the edge between two vertices. Refused when it would close a cycle over edges of any of the kinds in
    /// `over`; the graph is then as before.
    pub(crate) fn add_edge(
        &mut self,
        from: u32,
        to: u32,
        kinds: EdgeKinds,
        over: EdgeKinds,
    ) -> Result<(), Cycle> {
        if from == to {
            return Err(Cycle(vec![from]));
        }
        let before = self.edge(from, to);
        if before.is_none() {
            self.reorder(from, to, over)?;
        }
        self.put_edge(from, to, before.with(kinds));
        Ok(())
    }

    /// Takes reasons from the edge between two vertices.
    pub(crate) fn take_edge(&mut self, from: u32, to: u32, kinds: EdgeKinds) {
        let before = self.edge(from, to);
        self.put_edge(from, to, before.without(kinds));
    }

    /// Makes the rank of `from` less than that of `to`.
    pub(super) fn reorder(&mut self, from: u32, to: u32, over: EdgeKinds) -> Result<(), Cycle> {
        let (low, high) = (self.at(to).rank, self.at(from).rank);
        if high < low {
            return Ok(());
        }
        let after = self.forward(to, from, high, over)?;
        let before = self.backward(from, low, over);
        let mut ranks: Vec<u64> = before.iter().chain(&after).map(|at| self.at(*at).rank).collect();
        ranks.sort_unstable();
        for (at, rank) in before.into_iter().chain(after).zip(ranks) {
            self.at_mut(at).rank = rank;
        }
        Ok(())
    }

    /// What follows `start` up to a rank, in order; a cycle if `target` is among it.
    fn forward(&self, start: u32, target: u32, high: u64, over: EdgeKinds) -> Result<Vec<u32>, Cycle> {
        let mut came_from: BTreeMap<u32, u32> = BTreeMap::from([(start, start)]);
        let mut todo = vec![start];
        while let Some(at) = todo.pop() {
            if at == target {
                return Err(Cycle(way_back(&came_from, start, target)));
            }
            for link in self.at(at).succs.iter().filter(|link| link.kinds.has(over)) {
                if self.at(link.at).rank <= high && !came_from.contains_key(&link.at) {
                    came_from.insert(link.at, at);
                    todo.push(link.at);
                }
            }
        }
        Ok(self.ranked(came_from.into_keys().collect()))
    }

    /// What precedes `start` down to a rank, in order.
    fn backward(&self, start: u32, low: u64, over: EdgeKinds) -> Vec<u32> {
        let mut seen = std::collections::BTreeSet::from([start]);
        let mut todo = vec![start];
        while let Some(at) = todo.pop() {
            for link in self.at(at).preds.iter().filter(|link| link.kinds.has(over)) {
                if self.at(link.at).rank >= low && seen.insert(link.at) {
                    todo.push(link.at);
                }
            }
        }
        self.ranked(seen.into_iter().collect())
    }

    fn ranked(&self, mut vertices: Vec<u32>) -> Vec<u32> {
        vertices.sort_unstable_by_key(|at| self.at(*at).rank);
        vertices
    }

    /// Orders everything anew over edges of these kinds: for loads so large that edge by edge would cost more. On a cycle, the
    /// order is as before.
    pub(crate) fn order_all(&mut self, over: EdgeKinds) -> Result<(), Cycle> {
        let mut missing: Vec<u32> = vec![0; self.slots.len()];
        let mut ready = VecDeque::new();
        for (at, vertex) in self.iter() {
            let count = vertex.preds.iter().filter(|link| link.kinds.has(over)).count();
            missing[at as usize] = u32::try_from(count).expect("degrees fit 32 bits");
            if count == 0 {
                ready.push_back(at);
            }
        }
        let mut order = Vec::with_capacity(self.len());
        while let Some(at) = ready.pop_front() {
            order.push(at);
            for link in self.at(at).succs.iter().filter(|link| link.kinds.has(over)) {
                let left = &mut missing[link.at as usize];
                *left -= 1;
                if *left == 0 {
                    ready.push_back(link.at);
                }
            }
        }
        if order.len() < self.len() {
            return Err(self.cycle_among(&missing, over));
        }
        self.next_rank = order.len() as u64;
        for (rank, at) in order.into_iter().enumerate() {
            self.at_mut(at).rank = rank as u64;
        }
        Ok(())
    }

    /// A cycle among the vertices that still miss a predecessor: going from predecessor to predecessor must come round.
    fn cycle_among(&self, missing: &[u32], over: EdgeKinds) -> Cycle {
        let open = |at: u32| missing[at as usize] > 0;
        let start = self.indices().find(|at| open(*at)).expect("a cycle leaves vertices over");
        let mut visited: BTreeMap<u32, usize> = BTreeMap::new();
        let mut way = Vec::new();
        let mut at = start;
        while let std::collections::btree_map::Entry::Vacant(entry) = visited.entry(at) {
            entry.insert(way.len());
            way.push(at);
            let mut preds = self.at(at).preds.iter().filter(|link| link.kinds.has(over));
            at = preds.find(|link| open(link.at)).expect("who misses a predecessor has one that is open").at;
        }
        let mut cycle = way.split_off(visited[&at]);
        cycle.reverse();
        Cycle(cycle)
    }

    /// Whether so many new edges are better ordered all at once.
    pub(crate) fn prefers_bulk(&self, new_edges: usize) -> bool {
        new_edges > 64 && new_edges >= self.len() / 16
    }

    /// Adds reasons to an edge without keeping the order: only before [`Graph::order_all`].
    pub(crate) fn add_unordered(&mut self, from: u32, to: u32, kinds: EdgeKinds) {
        let before = self.edge(from, to);
        self.put_edge(from, to, before.with(kinds));
    }

    /// All vertices, predecessors first.
    pub(crate) fn in_order(&self) -> Vec<u32> {
        self.ranked(self.indices().collect())
    }

    #[cfg(test)]
    pub(super) fn assert_ordered(&self) {
        for (at, vertex) in self.iter() {
            for link in vertex.succs.iter() {
                assert!(vertex.rank < self.at(link.at).rank, "{at} comes before {}", link.at);
                assert_eq!(self.at(link.at).preds.get(at), link.kinds);
            }
        }
        assert!(self.slots.iter().filter(|slot| matches!(slot, super::Slot::Used(_))).count() == self.len());
    }
}

/// From `start` to `target` along the ways that were found.
fn way_back(came_from: &BTreeMap<u32, u32>, start: u32, target: u32) -> Vec<u32> {
    let mut way = vec![target];
    let mut at = target;
    while at != start {
        at = came_from[&at];
        way.push(at);
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use homeostat_model::ResourceId;
    use proptest::prelude::*;

    use super::*;

    fn graph(vertices: u32) -> Graph<()> {
        let mut graph = Graph::new();
        for at in 0..vertices {
            graph.insert(ResourceId::new("test", at.to_string()), ());
        }
        graph
    }

    fn has_way(edges: &[(u32, u32)], from: u32, to: u32) -> bool {
        let mut todo = vec![from];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(at) = todo.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                todo.extend(edges.iter().filter(|edge| edge.0 == at).map(|edge| edge.1));
            }
        }
        false
    }

    proptest! {
        #[test]
        fn an_edge_is_refused_exactly_when_it_closes_a_cycle(tries in prop::collection::vec((0u32..12, 0u32..12, prop::bool::weighted(0.2)), 0..80)) {
            let mut graph = graph(12);
            let mut edges: Vec<(u32, u32)> = Vec::new();
            for (from, to, remove) in tries {
                if remove {
                    graph.take_edge(from, to, EdgeKinds::ALL);
                    edges.retain(|edge| *edge != (from, to));
                } else {
                    let closes = has_way(&edges, to, from);
                    match graph.add_edge(from, to, EdgeKinds::DECLARED, EdgeKinds::ALL) {
                        Ok(()) => {
                            prop_assert!(!closes);
                            edges.push((from, to));
                        }
                        Err(Cycle(way)) => {
                            prop_assert!(closes);
                            prop_assert_eq!((way[0], way[way.len() - 1]), (to, from));
                            prop_assert!(way.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))));
                        }
                    }
                }
                graph.assert_ordered();
            }
            let mut again = graph.in_order();
            graph.order_all(EdgeKinds::ALL).unwrap();
            graph.assert_ordered();
            again.sort_unstable();
            prop_assert_eq!(again, (0..12).collect::<Vec<_>>());
        }

        #[test]
        fn what_was_tried_can_be_undone(kept in prop::collection::vec((0u32..10, 0u32..10), 0..20), tried in prop::collection::vec((0u32..10, 0u32..10, any::<bool>()), 0..20)) {
            let mut graph = graph(10);
            for (from, to) in kept {
                graph.add_edge(from, to, EdgeKinds::DECLARED, EdgeKinds::ALL).ok();
            }
            graph.keep();
            let before: Vec<Vec<_>> = graph.iter().map(|(_, vertex)| vertex.succs.iter().collect()).collect();
            for (from, to, remove) in tried {
                if remove {
                    graph.take_edge(from, to, EdgeKinds::ALL);
                } else {
                    graph.add_edge(from, to, EdgeKinds::DECLARED, EdgeKinds::ALL).ok();
                }
            }
            graph.undo();
            let after: Vec<Vec<_>> = graph.iter().map(|(_, vertex)| vertex.succs.iter().collect()).collect();
            prop_assert_eq!(before, after);
            graph.assert_ordered();
        }
    }

    #[test]
    fn edges_that_come_back_together_are_all_ordered() {
        let mut graph = graph(6);
        for (from, to) in [(4, 0), (5, 0), (0, 2), (2, 3)] {
            graph.add_edge(from, to, EdgeKinds::DECLARED, EdgeKinds::ALL).unwrap();
        }
        graph.keep();
        graph.take_edge(0, 2, EdgeKinds::ALL);
        graph.take_edge(2, 3, EdgeKinds::ALL);
        graph.add_edge(3, 4, EdgeKinds::DECLARED, EdgeKinds::ALL).unwrap();
        graph.undo();
        graph.assert_ordered();
    }

    #[test]
    fn a_long_chain_is_ordered_without_recursion_whichever_way_it_is_declared() {
        let count = 100_000;
        let mut graph = graph(count);
        for at in (1..count).rev() {
            graph.add_unordered(at, at - 1, EdgeKinds::DECLARED);
        }
        graph.order_all(EdgeKinds::ALL).unwrap();
        graph.assert_ordered();
        graph.add_unordered(0, count - 1, EdgeKinds::DECLARED);
        assert_eq!(graph.order_all(EdgeKinds::ALL).unwrap_err().0.len(), count as usize);
    }
}
