//! What is gathered from other hosts.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use homeostat_model::catalog::CollectDecl;
use homeostat_model::{CatalogDelta, ResourceId};

use crate::eval::flow::OpId;

#[derive(Default)]
pub(super) struct Collects {
    by: BTreeMap<OpId, Vec<CollectDecl>>,
    /// How many times each name is asked for.
    names: HashMap<ResourceId, usize>,
    /// Names that were asked for or are not any more, since somebody looked.
    moved: Vec<ResourceId>,
    has_changed: bool,
    given: Vec<CollectDecl>,
}

impl Collects {
    pub(super) fn declare(&mut self, op: OpId, collects: Vec<CollectDecl>) {
        for id in collects.iter().filter_map(name_of) {
            *self.names.entry(id.clone()).or_default() += 1;
            self.moved.push(id);
        }
        self.by.insert(op, collects);
        self.has_changed = true;
    }

    pub(super) fn withdraw(&mut self, op: OpId) {
        let Some(collects) = self.by.remove(&op) else { return };
        for id in collects.iter().filter_map(name_of) {
            if let Some(count) = self.names.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    self.names.remove(&id);
                }
            }
            self.moved.push(id);
        }
        self.has_changed = true;
    }

    /// Whether a resource is asked for: then it may come at any time.
    pub(super) fn is_asked_for(&self, id: &ResourceId) -> bool {
        self.names.contains_key(id)
    }

    pub(super) fn take_moved(&mut self) -> Vec<ResourceId> {
        std::mem::take(&mut self.moved)
    }

    /// All that are asked for, in order.
    pub(super) fn all(&self) -> Vec<CollectDecl> {
        in_order(self.by.values().flatten().cloned().collect())
    }

    pub(super) fn give(&mut self, delta: &mut CatalogDelta) {
        if !std::mem::take(&mut self.has_changed) {
            return;
        }
        let all = self.all();
        if all != self.given {
            self.given.clone_from(&all);
            delta.collects = Some(all);
        }
    }
}

fn name_of(collect: &CollectDecl) -> Option<ResourceId> {
    Some(ResourceId::new(collect.kind.as_str(), collect.name.clone()?))
}

/// Collects in the order of their kinds and names, and in the same whoever declared them first; equal ones are there once.
pub(in crate::eval) fn in_order(mut collects: Vec<CollectDecl>) -> Vec<CollectDecl> {
    collects.sort_by(order);
    let mut kept: Vec<CollectDecl> = Vec::with_capacity(collects.len());
    for collect in collects {
        let is_same = |other: &CollectDecl| {
            (&other.from, &other.params, &other.meta) == (&collect.from, &collect.params, &collect.meta)
        };
        let of_name = kept
            .iter()
            .rev()
            .take_while(|other| (&other.kind, &other.name) == (&collect.kind, &collect.name));
        if !of_name.into_iter().any(is_same) {
            kept.push(collect);
        }
    }
    kept
}

fn order(a: &CollectDecl, b: &CollectDecl) -> Ordering {
    (&a.kind, &a.name, &a.from, a.origin)
        .cmp(&(&b.kind, &b.name, &b.from, b.origin))
        .then_with(|| a.params.iter().cmp(b.params.iter()))
        .then_with(|| a.meta.iter().cmp(b.meta.iter()))
}
