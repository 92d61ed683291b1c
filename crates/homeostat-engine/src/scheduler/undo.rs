//! What is undone when it is no longer declared follows how it was declared: in the opposite order, and treated as its meta
//! parameters said. Both are durable beside what undoes it, and follow every load that changes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use homeostat_model::ResourceId;

use super::state::Leaving;
use super::{Command, NewEdge, Scheduler, Subject};
use crate::journal::{Former, Record};
use crate::resource::Drift;

/// Vertices that cannot be undone are looked through for those that can, so many of them at most.
const LOOKED_THROUGH_MAX: usize = 1000;

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// How a vertex is declared.
    pub(super) fn former(&self, at: u32) -> Former {
        let meta = self.state(at).meta.clone();
        Former { meta, after: self.came_after(at) }
    }

    /// The nearest of those before a vertex that are undone as well.
    fn came_after(&self, at: u32) -> Vec<ResourceId> {
        let before = |at: u32| self.graph.at(at).preds.iter().map(|link| link.at);
        let found = self.look_through([at], before, |pred| self.is_undoable(pred));
        let mut after: Vec<ResourceId> = found.into_iter().map(|at| self.graph.at(at).id.clone()).collect();
        after.sort();
        after
    }

    fn is_undoable(&self, at: u32) -> bool {
        let state = self.state(at);
        state.leaving == Leaving::No && (state.meta.reverse || state.former.is_some())
    }

    /// Whoever is found from `starts` on, without looking beyond those that are found.
    fn look_through<I: Iterator<Item = u32>>(
        &self,
        starts: impl IntoIterator<Item = u32>,
        next: impl Fn(u32) -> I,
        is_found: impl Fn(u32) -> bool,
    ) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut todo: VecDeque<u32> = starts.into_iter().collect();
        let mut seen: BTreeSet<u32> = todo.iter().copied().collect();
        let mut left = LOOKED_THROUGH_MAX;
        while let Some(at) = todo.pop_front() {
            for other in next(at).filter(|other| seen.insert(*other)) {
                if is_found(other) {
                    found.insert(other);
                } else if left > 0 {
                    left -= 1;
                    todo.push_back(other);
                }
            }
        }
        found
    }

    /// After a load: what is durable of these, and of those that come after them, follows how they are declared now.
    pub(super) fn follow_formers(&mut self, touched: impl IntoIterator<Item = u32>) {
        if self.policy.noop || self.with_former == 0 {
            return;
        }
        let mut touched: BTreeSet<u32> = touched.into_iter().filter(|at| self.graph.is_used(*at)).collect();
        let after = |at: u32| self.graph.at(at).succs.iter().map(|link| link.at);
        let affected = self.look_through(touched.clone(), after, |at| self.state(at).former.is_some());
        touched.extend(affected);
        for at in touched {
            self.follow_former(at);
        }
    }

    /// Makes durable how a vertex is declared, where it can be undone and is declared differently than was recorded.
    pub(super) fn follow_former(&mut self, at: u32) {
        if self.state(at).former.is_none() || self.state(at).leaving != Leaving::No {
            return;
        }
        let former = self.former(at);
        if self.state(at).former.as_deref() != Some(&former) {
            let record = Record::Former(self.graph.at(at).id.clone(), former.clone());
            self.set_former(at, Some(former));
            self.commands.push(Command::Record(None, vec![record]));
        }
    }

    /// What undoes a vertex is durable with this, or no longer.
    pub(super) fn set_former(&mut self, at: u32, former: Option<Former>) {
        let state = &mut self.graph.at_mut(at).data;
        self.with_former -= usize::from(state.former.is_some());
        self.with_former += usize::from(former.is_some());
        state.former = former.map(Box::new);
    }
}

/// The opposite order of those that are undone. Those between them that stay are looked through; where what is known makes a circle,
/// since it was recorded at different times, it is cut.
pub(crate) fn opposite_order<'a>(
    undone: &BTreeSet<ResourceId>,
    came_after: impl Fn(&ResourceId) -> &'a [ResourceId],
) -> Vec<NewEdge> {
    let mut before: BTreeMap<&ResourceId, BTreeSet<&ResourceId>> = BTreeMap::new();
    for id in undone {
        let mut todo: Vec<&ResourceId> = vec![id];
        let mut seen: BTreeSet<&ResourceId> = [id].into();
        while let Some(at) = todo.pop() {
            for earlier in came_after(at) {
                let is_new = seen.insert(earlier);
                match undone.get(earlier) {
                    Some(earlier) if is_new => {
                        before.entry(id).or_default().insert(earlier);
                    }
                    None if is_new && seen.len() <= LOOKED_THROUGH_MAX => todo.push(earlier),
                    Some(_) | None => {}
                }
            }
        }
    }
    acyclic(undone, &before)
}

/// The edges from each to those that it came after, without those that would close a circle.
fn acyclic(
    undone: &BTreeSet<ResourceId>,
    came_after: &BTreeMap<&ResourceId, BTreeSet<&ResourceId>>,
) -> Vec<NewEdge> {
    let mut open: BTreeMap<&ResourceId, usize> = undone.iter().map(|id| (id, 0)).collect();
    for earlier in came_after.values().flatten() {
        *open.entry(*earlier).or_default() += 1;
    }
    let mut free: BTreeSet<&ResourceId> =
        open.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut edges = Vec::new();
    let mut waiting: BTreeSet<&ResourceId> = undone.iter().filter(|id| !free.contains(id)).collect();
    while let Some(id) = free.pop_first().or_else(|| waiting.pop_first()) {
        waiting.remove(id);
        open.remove(id);
        for earlier in came_after.get(id).into_iter().flatten() {
            // One that is through already lies on a circle.
            let Some(count) = open.get_mut(*earlier) else { continue };
            edges.push(NewEdge { from: id.clone(), to: (*earlier).clone(), notify: Some(false) });
            *count -= 1;
            if *count == 0 && waiting.remove(*earlier) {
                free.insert(*earlier);
            }
        }
    }
    edges
}
