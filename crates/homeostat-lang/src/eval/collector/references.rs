//! Edges and sends: what refers to two resources, whoever declares those.
//!
//! Invariant: an edge is looked at again only when somebody declares or withdraws it, or one of its ends comes or goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use homeostat_model::circle::Before;
use homeostat_model::{CatalogDelta, EdgeDecl, ResourceId, SendDecl, codes};

use super::collects::Collects;
use super::resources::Resources;
use crate::eval::flow::OpId;
use crate::eval::outcome::Failure;

/// What identifies an edge.
pub(super) type EdgeKey = (ResourceId, ResourceId);
/// What identifies a send: a receiver and its parameter.
pub(super) type SendKey = (ResourceId, Arc<str>);

#[derive(Default)]
pub(super) struct References {
    edges: BTreeMap<EdgeKey, Claims<EdgeDecl>>,
    sends: BTreeMap<SendKey, Claims<SendDecl>>,
    edges_of: HashMap<ResourceId, BTreeSet<EdgeKey>>,
    touched_edges: BTreeSet<EdgeKey>,
    touched_sends: BTreeSet<SendKey>,
    changed_edges: BTreeSet<EdgeKey>,
    changed_sends: BTreeSet<SendKey>,
    /// Edges without one of their ends.
    pub(super) dangling: BTreeMap<EdgeKey, Failure>,
    /// Sends that cannot be.
    pub(super) refused: BTreeMap<SendKey, Failure>,
}

struct Claims<T> {
    by: Vec<(OpId, T)>,
    given: Option<T>,
}

impl<T> Default for Claims<T> {
    fn default() -> Self {
        Self { by: Vec::new(), given: None }
    }
}

impl<T> Claims<T> {
    fn withdraw(&mut self, op: OpId) {
        if let Some(at) = self.by.iter().rposition(|(by, _)| *by == op) {
            self.by.remove(at);
        }
    }
}

impl References {
    pub(super) fn declare_edge(&mut self, op: OpId, edge: EdgeDecl) {
        let key = (edge.from.clone(), edge.to.clone());
        self.edges.entry(key.clone()).or_default().by.push((op, edge));
        self.edges_of.entry(key.0.clone()).or_default().insert(key.clone());
        self.edges_of.entry(key.1.clone()).or_default().insert(key.clone());
        self.touched_edges.insert(key);
    }

    pub(super) fn withdraw_edge(&mut self, op: OpId, key: &EdgeKey) {
        if let Some(claims) = self.edges.get_mut(key) {
            claims.withdraw(op);
            self.touched_edges.insert(key.clone());
        }
    }

    pub(super) fn declare_send(&mut self, op: OpId, send: SendDecl) {
        let key = (send.to.clone(), send.param.clone());
        self.sends.entry(key.clone()).or_default().by.push((op, send));
        self.touched_sends.insert(key);
    }

    pub(super) fn withdraw_send(&mut self, op: OpId, key: &SendKey) {
        if let Some(claims) = self.sends.get_mut(key) {
            claims.withdraw(op);
            self.touched_sends.insert(key.clone());
        }
    }

    /// Who comes before whom, whether or not both ends are there.
    pub(super) fn declared(&self) -> impl Iterator<Item = Before<'_>> {
        let edges = self.edges.values().filter_map(|claims| Some(&claims.by.first()?.1));
        edges.map(Before::from)
    }

    /// Looks at what was touched, and at the edges of resources that have come, gone, hidden or shown themselves.
    pub(super) fn settle(&mut self, resources: &Resources, collects: &Collects, moved: &[ResourceId]) {
        let is_there = |end: &ResourceId| resources.is_declared(end) || collects.is_asked_for(end);
        for id in moved {
            self.touched_edges.extend(self.edges_of.get(id).into_iter().flatten().cloned());
        }
        for key in std::mem::take(&mut self.touched_edges) {
            let missing = [&key.0, &key.1].into_iter().find(|end| !is_there(end));
            let edge = self.edges.get(&key).and_then(|claims| claims.by.first());
            match (missing, edge) {
                (Some(missing), Some((_, edge))) => {
                    let message = format!("the edge refers to `{missing}`, which is not declared");
                    let failure = Failure::new(codes::UNKNOWN_RESOURCE, message).at(edge.origin);
                    self.dangling.insert(key.clone(), failure);
                }
                _ => {
                    self.dangling.remove(&key);
                }
            }
            // What is sent along it comes and goes with it, and cannot be sent by what is hidden.
            let first = (key.1.clone(), Arc::from(""));
            let to_it = self.sends.range(first..).take_while(|((to, _), _)| *to == key.1);
            self.touched_sends.extend(to_it.map(|(send, _)| send.clone()));
            self.changed_edges.insert(key);
        }
        for key in std::mem::take(&mut self.touched_sends) {
            match self.sends.get(&key).and_then(|claims| refusal(&claims.by, resources)) {
                Some(failure) => self.refused.insert(key.clone(), failure),
                None => self.refused.remove(&key),
            };
            self.changed_sends.insert(key);
        }
    }

    /// Whoever takes what is given has forgotten the edges and sends of a resource.
    pub(super) fn give_again(&mut self, id: &ResourceId) {
        for key in self.edges_of.get(id).into_iter().flatten() {
            if let Some(claims) = self.edges.get_mut(key) {
                claims.given = None;
                self.changed_edges.insert(key.clone());
            }
        }
        for (key, claims) in &mut self.sends {
            let from = claims.by.first().map(|(_, send)| &send.from);
            if key.0 == *id || from == Some(id) {
                claims.given = None;
                self.changed_sends.insert(key.clone());
            }
        }
    }

    /// What differs from what was given last. An edge that dangles is left out: what hides its end is not known.
    pub(super) fn give(&mut self, delta: &mut CatalogDelta) {
        for key in std::mem::take(&mut self.changed_edges) {
            let Some(claims) = self.edges.get_mut(&key) else { continue };
            let wanted = (!self.dangling.contains_key(&key)).then(|| merged(&claims.by)).flatten();
            let is_same =
                claims.given.as_ref().map(|edge| edge.notify) == wanted.as_ref().map(|edge| edge.notify);
            match &wanted {
                Some(edge) if !is_same => delta.set_edges.push(edge.clone()),
                None if claims.given.is_some() => delta.remove_edges.push(key.clone()),
                _ => {}
            }
            claims.given = wanted;
            if claims.by.is_empty() {
                self.edges.remove(&key);
                for end in [&key.0, &key.1] {
                    let edges = self.edges_of.get_mut(end);
                    if edges.is_some_and(|edges| edges.remove(&key) && edges.is_empty()) {
                        self.edges_of.remove(end);
                    }
                }
            }
        }
        for key in std::mem::take(&mut self.changed_sends) {
            let Some(claims) = self.sends.get_mut(&key) else { continue };
            let wanted = claims.by.first().map(|(_, send)| send.clone());
            let is_there =
                |send: &SendDecl| !self.dangling.contains_key(&(send.from.clone(), send.to.clone()));
            let wanted = wanted.filter(is_there);
            match &wanted {
                Some(send) if !claims.given.as_ref().is_some_and(|given| same_send(given, send)) => {
                    delta.set_sends.push(send.clone());
                }
                None if claims.given.is_some() => delta.remove_sends.push(key.clone()),
                _ => {}
            }
            claims.given = wanted;
            if claims.by.is_empty() {
                self.sends.remove(&key);
            }
        }
    }
}

/// One edge of all that are the same; it notifies if one of them does.
fn merged(claims: &[(OpId, EdgeDecl)]) -> Option<EdgeDecl> {
    let (_, first) = claims.first()?;
    Some(EdgeDecl { notify: claims.iter().any(|(_, edge)| edge.notify), ..first.clone() })
}

fn same_send(one: &SendDecl, other: &SendDecl) -> bool {
    (&one.from, &one.key) == (&other.from, &other.key)
}

fn refusal(claims: &[(OpId, SendDecl)], resources: &Resources) -> Option<Failure> {
    let (_, first) = claims.first()?;
    if let Some((_, other)) = claims.iter().find(|(_, other)| !same_send(first, other)) {
        let message = format!("`{}` receives `{}` from two resources", first.to, first.param);
        let failure = Failure::new(codes::DUPLICATE_RECEIVE, message).at(other.origin);
        return Some(match first.origin {
            Some(place) => failure.because(place, format!("from `{}` here", first.from)),
            None => failure,
        });
    }
    let is_hidden = resources.is_hidden(&first.from);
    is_hidden.then(|| {
        let message = format!("`{}` is hidden, so it never has anything to send", first.from);
        Failure::new(codes::CANNOT_SEND, message).at(first.origin)
    })
}
