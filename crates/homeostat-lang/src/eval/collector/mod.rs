//! From what operations declare to deltas of the catalog.
//!
//! Invariants: a batch costs what it touches; catalogs are never compared. What was given stands until something is given
//! that is better in every respect: while anything has failed, contradicts itself or is not known, nothing is given, and
//! what changes meanwhile is given together when that is over.

mod collects;
mod exports;
mod hidden;
mod references;
mod report;
mod resources;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use homeostat_model::circle::circles;
use homeostat_model::suggest::did_you_mean;
use homeostat_model::{CatalogDelta, Diagnostic, ResourceDecl, ResourceId};

use super::flow::OpId;
use super::outcome::Failure;
use collects::Collects;
pub(in crate::eval) use collects::in_order;
use exports::Exports;
pub(in crate::eval) use exports::forms;
use hidden::Hidden;
use references::{EdgeKey, References, SendKey};
pub use report::{Pieces, Report, Unknown, UnknownPart};
use resources::Resources;

/// What to do about what is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknowns {
    /// Wait for the world to answer.
    Wait,
    /// Leave it out: nobody will answer. [`Collector::unknown`] lists it.
    LeaveOut,
}

/// So many edges that refer to nothing are compared with all names there are.
const SUGGESTIONS_MAX: usize = 10;

/// Everything that operations declare.
pub struct Collector {
    unknowns: Unknowns,
    declared: HashMap<OpId, Keys>,
    resources: Resources,
    references: References,
    exports: Exports,
    collects: Collects,
    failures: BTreeMap<OpId, Failure>,
    unknown: BTreeMap<OpId, Vec<Unknown>>,
    /// What is not there because it has failed.
    lacking: BTreeMap<OpId, Vec<Unknown>>,
    hidden: Hidden,
}

/// What to take back when an operation says something else.
#[derive(Default)]
struct Keys {
    resources: Vec<ResourceId>,
    edges: Vec<EdgeKey>,
    sends: Vec<SendKey>,
    exports: Vec<ResourceId>,
}

impl Collector {
    /// An empty one.
    pub fn new(unknowns: Unknowns) -> Self {
        Self {
            unknowns,
            declared: HashMap::new(),
            resources: Resources::default(),
            references: References::default(),
            exports: Exports::default(),
            collects: Collects::default(),
            failures: BTreeMap::new(),
            unknown: BTreeMap::new(),
            lacking: BTreeMap::new(),
            hidden: Hidden::default(),
        }
    }

    /// Says that something could not be read, which may have declared anything.
    pub(super) fn may_lack_anything(&mut self) {
        self.hidden.add_any();
    }

    /// Takes what operations have to say, in order.
    pub fn take(&mut self, reports: Vec<(OpId, Report)>) {
        for (op, report) in reports {
            self.withdraw(op);
            match report {
                Report::Pieces(mut pieces) => {
                    let unknown = std::mem::take(&mut pieces.unknown);
                    self.declare(op, pieces, &unknown);
                    if !unknown.is_empty() {
                        self.unknown.insert(op, unknown);
                    }
                }
                Report::Failed(failure, mut pieces) => {
                    self.failures.insert(op, failure);
                    let lacking = std::mem::take(&mut pieces.unknown);
                    self.declare(op, pieces, &lacking);
                    if !lacking.is_empty() {
                        self.lacking.insert(op, lacking);
                    }
                }
                Report::Gone => {}
            }
        }
        let mut moved = self.resources.settle();
        moved.extend(self.collects.take_moved());
        self.references.settle(&self.resources, &self.collects, &moved);
        self.exports.settle();
    }

    /// What has changed since something was given last; `None` while nothing can be given.
    pub fn give(&mut self) -> Option<CatalogDelta> {
        let is_waiting = self.unknowns == Unknowns::Wait && !self.unknown.is_empty();
        if is_waiting || self.failures().next().is_some() {
            return None;
        }
        let mut delta = CatalogDelta::default();
        self.resources.give(&mut delta);
        // Their edges go with them, unless they may come from elsewhere.
        let outlived = delta.remove.iter().filter(|id| self.collects.is_asked_for(id));
        outlived.for_each(|id| self.references.give_again(id));
        self.references.give(&mut delta);
        self.exports.give(&mut delta);
        self.collects.give(&mut delta);
        Some(delta)
    }

    /// What keeps anything from being given, in the order of the places; the same at the same place once.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut seen = BTreeSet::new();
        let dangling = self.dangling().enumerate().map(|(at, (edge, failure))| {
            let mut diagnostic = failure.diagnostic();
            diagnostic.help = if at < SUGGESTIONS_MAX { self.close_to(edge) } else { None };
            diagnostic
        });
        let others = self.others().flat_map(Failure::all).map(Failure::diagnostic);
        let mut all: Vec<Diagnostic> = dangling.chain(others).collect();
        all.extend(circles(self.references.declared()));
        all.retain(|diagnostic| seen.insert((diagnostic.span, diagnostic.code, diagnostic.message.clone())));
        all.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
        all
    }

    /// The resources that are declared with nothing unknown, each as often as it is, in the order of their names.
    pub(super) fn declared(&self) -> Vec<&ResourceDecl> {
        self.resources.whole()
    }

    /// What is not known, in the order of the places.
    pub fn unknown(&self) -> Vec<&Unknown> {
        let mut all: Vec<&Unknown> = self.unknown.values().flatten().collect();
        all.sort();
        all.dedup();
        all
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.dangling().map(|(_, failure)| failure).chain(self.others())
    }

    /// Edges without one of their ends. What is not known may be what an edge refers to.
    fn dangling(&self) -> impl Iterator<Item = (&EdgeKey, &Failure)> {
        self.references
            .dangling
            .iter()
            .filter(|(edge, _)| self.missing(edge).is_some_and(|id| !self.hidden.may_be(id)))
    }

    /// The end of an edge that is not declared, or the first of them.
    fn missing<'a>(&self, edge: &'a EdgeKey) -> Option<&'a ResourceId> {
        let is_there = |end: &ResourceId| self.resources.is_declared(end) || self.collects.is_asked_for(end);
        [&edge.0, &edge.1].into_iter().find(|end| !is_there(end))
    }

    /// What an edge without one of its ends may have meant.
    fn close_to(&self, edge: &EdgeKey) -> Option<String> {
        let missing = self.missing(edge)?;
        let names = self.resources.names_of(&missing.kind);
        let close = did_you_mean(&missing.name, names)?;
        Some(format!("did you mean `{}[{close}]`?", missing.kind))
    }

    fn others(&self) -> impl Iterator<Item = &Failure> {
        let declared = &self.resources.conflicts;
        let exported = self.exports.conflicts.iter().filter(|(id, _)| !declared.contains_key(*id));
        let of_names = declared.values().chain(exported.map(|(_, failure)| failure));
        self.failures.values().chain(of_names).chain(self.references.refused.values())
    }

    fn declare(&mut self, op: OpId, pieces: Pieces, unknown: &[Unknown]) {
        let mut keys = Keys::default();
        let partial: BTreeSet<&ResourceId> = unknown.iter().filter_map(Unknown::part_of).collect();
        self.hidden.add(unknown);
        for resource in pieces.resources {
            keys.resources.push(resource.id.clone());
            let is_partial = partial.contains(&resource.id);
            self.resources.declare(op, resource, is_partial);
        }
        for edge in pieces.edges {
            keys.edges.push((edge.from.clone(), edge.to.clone()));
            self.references.declare_edge(op, edge);
        }
        for send in pieces.sends {
            keys.sends.push((send.to.clone(), send.param.clone()));
            self.references.declare_send(op, send);
        }
        for export in pieces.exports {
            keys.exports.push(export.resource.id.clone());
            let is_partial = partial.contains(&export.resource.id);
            self.exports.declare(op, export, is_partial);
        }
        if !pieces.collects.is_empty() {
            self.collects.declare(op, pieces.collects);
        }
        self.declared.insert(op, keys);
    }

    fn withdraw(&mut self, op: OpId) {
        self.failures.remove(&op);
        for unknown in [self.unknown.remove(&op), self.lacking.remove(&op)].into_iter().flatten() {
            self.hidden.remove(&unknown);
        }
        let Some(keys) = self.declared.remove(&op) else { return };
        self.collects.withdraw(op);
        keys.resources.iter().for_each(|id| self.resources.withdraw(op, id));
        keys.edges.iter().for_each(|key| self.references.withdraw_edge(op, key));
        keys.sends.iter().for_each(|key| self.references.withdraw_send(op, key));
        keys.exports.iter().for_each(|id| self.exports.withdraw(op, id));
    }
}
