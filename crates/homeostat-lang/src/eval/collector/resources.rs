//! The resources that operations declare, by their names.
//!
//! Invariant: what a name stands for is worked out once per batch, and only for names that were touched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use homeostat_model::{CatalogDelta, Digest, KindName, Params, ResourceDecl, ResourceId, Value, codes};

use crate::eval::flow::OpId;
use crate::eval::outcome::Failure;

#[derive(Default)]
pub(super) struct Resources {
    names: HashMap<ResourceId, Declarations>,
    /// In no order, and perhaps more than once, until they are looked at.
    touched: Vec<ResourceId>,
    /// Names whose meaning was worked out since something was given last, and may differ from it. Likewise.
    changed: Vec<ResourceId>,
    /// Names that are declared twice, differently.
    pub(super) conflicts: BTreeMap<ResourceId, Failure>,
}

#[derive(Default)]
struct Declarations {
    by: Vec<Declared>,
    /// What the name stands for.
    meaning: Option<Meaning>,
    /// What was given last.
    given: Option<Digest>,
}

struct Declared {
    op: OpId,
    meaning: Meaning,
    /// Some of it is not known: it may be equal to anything.
    is_partial: bool,
}

#[derive(Clone)]
struct Meaning {
    resource: Arc<ResourceDecl>,
    digest: Digest,
}

impl Meaning {
    fn of(resource: ResourceDecl) -> Self {
        Self { digest: resource.digest(), resource: Arc::new(resource) }
    }

    fn is_hidden(&self) -> bool {
        self.resource.meta.hidden
    }
}

/// Each once, in order.
fn taken(ids: &mut Vec<ResourceId>) -> Vec<ResourceId> {
    let mut ids = std::mem::take(ids);
    ids.sort();
    ids.dedup();
    ids
}

impl Resources {
    /// Takes a declaration; `is_partial` says that some of it is not known.
    pub(super) fn declare(&mut self, op: OpId, resource: ResourceDecl, is_partial: bool) {
        self.touched.push(resource.id.clone());
        let declarations = self.names.entry(resource.id.clone()).or_default();
        declarations.by.push(Declared { op, meaning: Meaning::of(resource), is_partial });
    }

    /// Takes one declaration of an operation back.
    pub(super) fn withdraw(&mut self, op: OpId, id: &ResourceId) {
        let Some(declarations) = self.names.get_mut(id) else { return };
        if let Some(at) = declarations.by.iter().rposition(|declared| declared.op == op) {
            declarations.by.remove(at);
            self.touched.push(id.clone());
        }
    }

    /// Also if what was declared contradicts itself: whoever refers to it is not to blame for that.
    pub(super) fn is_declared(&self, id: &ResourceId) -> bool {
        let has_meaning = self.names.get(id).is_some_and(|declarations| declarations.meaning.is_some());
        has_meaning || self.conflicts.contains_key(id)
    }

    /// What is declared with nothing unknown, in the order of the names.
    pub(super) fn whole(&self) -> Vec<&ResourceDecl> {
        let declared = self.names.values().flat_map(|declarations| &declarations.by);
        let whole = declared.filter(|declared| !declared.is_partial);
        let mut whole: Vec<&ResourceDecl> = whole.map(|declared| &*declared.meaning.resource).collect();
        whole.sort_by_key(|resource| (&resource.id, resource.origin));
        whole
    }

    /// The names of the resources of a kind, in order.
    pub(super) fn names_of(&self, kind: &KindName) -> BTreeSet<&str> {
        let declared = self.names.iter().filter(|(id, one)| id.kind == *kind && one.meaning.is_some());
        declared.map(|(id, _)| &*id.name).collect()
    }

    /// Whether nobody applies it, since it is only there to be referred to.
    pub(super) fn is_hidden(&self, id: &ResourceId) -> bool {
        let meaning = self.names.get(id).and_then(|declarations| declarations.meaning.as_ref());
        meaning.is_some_and(Meaning::is_hidden)
    }

    /// Works out what the touched names stand for, and says which have come, gone, hidden or shown themselves.
    pub(super) fn settle(&mut self) -> Vec<ResourceId> {
        let mut moved = Vec::new();
        for id in taken(&mut self.touched) {
            let was = (self.is_declared(&id), self.is_hidden(&id));
            let Some(declarations) = self.names.get_mut(&id) else { continue };
            match declarations.meaning() {
                Ok(meaning) => {
                    declarations.meaning = meaning;
                    self.conflicts.remove(&id);
                }
                Err(conflict) => {
                    self.conflicts.insert(id.clone(), conflict);
                }
            }
            if (self.is_declared(&id), self.is_hidden(&id)) != was {
                moved.push(id.clone());
            }
            self.changed.push(id);
        }
        moved
    }

    /// What differs from what was given last.
    pub(super) fn give(&mut self, delta: &mut CatalogDelta) {
        for id in taken(&mut self.changed) {
            let Some(declarations) = self.names.get_mut(&id) else { continue };
            match &declarations.meaning {
                Some(Meaning { resource, digest }) => {
                    if declarations.given != Some(*digest) {
                        declarations.given = Some(*digest);
                        delta.set.push((**resource).clone());
                    }
                }
                None => {
                    if declarations.given.is_some() {
                        delta.remove.push(id.clone());
                    }
                    self.names.remove(&id);
                }
            }
        }
    }
}

impl Declarations {
    /// The first that is not hidden, if all of those agree that are known as a whole. Hidden ones need not agree: where there are no others, it is
    /// one of them, the same whoever declared them first.
    fn meaning(&self) -> Result<Option<Meaning>, Failure> {
        let visible = || self.by.iter().filter(|declared| !declared.meaning.is_hidden());
        let mut whole = visible().filter(|declared| !declared.is_partial);
        let Some(first) = whole.next() else {
            let first = |meanings: &mut dyn Iterator<Item = &Declared>| {
                let first = meanings.min_by_key(|one| (one.meaning.resource.origin, one.meaning.digest));
                first.map(|declared| declared.meaning.clone())
            };
            return Ok(first(&mut visible()).or_else(|| first(&mut self.by.iter())));
        };
        let mut meaning = first.meaning.clone();
        for other in whole.filter(|other| other.meaning.digest != first.meaning.digest) {
            if other.meaning.digest != meaning.digest {
                let merged = merge(&meaning.resource, &other.meaning.resource);
                let led = |failure: Failure| {
                    failure
                        .given_at(&first.meaning.resource.given_at)
                        .given_at(&other.meaning.resource.given_at)
                };
                meaning = Meaning::of(merged.map_err(led)?);
            }
        }
        Ok(Some(meaning))
    }
}

/// Two packages of one name are one if they only ask for another state of being there; all else has to be equal.
fn merge(one: &ResourceDecl, other: &ResourceDecl) -> Result<ResourceDecl, Failure> {
    let state = |resource: &ResourceDecl| resource.params.get("state").cloned();
    let is_present = |state: &Option<Value>| {
        matches!(state.as_ref().and_then(Value::as_str), None | Some("installed" | "newest"))
    };
    let rest = |resource: &ResourceDecl| -> Params {
        let others = resource.params.iter().filter(|(name, _)| &***name != "state");
        others.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let is_compatible = one.id.kind.as_str() == "pkg"
        && one.meta == other.meta
        && rest(one) == rest(other)
        && is_present(&state(one))
        && is_present(&state(other));
    if !is_compatible {
        return Err(differs(one, other));
    }
    let installed = |state: Option<Value>| state.unwrap_or_else(|| Value::from("installed"));
    let mut merged = one.clone();
    if installed(state(one)) != installed(state(other)) {
        merged.params.set("state", Value::from("newest"));
    }
    Ok(merged)
}

fn differs(one: &ResourceDecl, other: &ResourceDecl) -> Failure {
    let names = one.params.iter().chain(other.params.iter()).map(|(name, _)| name);
    let differing: BTreeSet<_> = names
        .filter(|name| one.params.get(name) != other.params.get(name))
        .map(|name| format!("`{name}`"))
        .collect();
    let differing: Vec<_> = differing.into_iter().collect();
    let what = if differing.is_empty() { "meta parameters".to_owned() } else { differing.join(", ") };
    let (earlier, later) = if one.origin <= other.origin { (one, other) } else { (other, one) };
    let message = format!("`{}` is declared twice, with different {what}", one.id);
    let failure = Failure::new(codes::DUPLICATE_RESOURCE, message).at(later.origin);
    match earlier.origin {
        Some(place) if earlier.origin != later.origin => failure.because(place, "declared here first"),
        _ => failure,
    }
}
