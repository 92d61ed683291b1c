//! From what was declared to a catalog.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use homeostat_model::catalog::ExportDecl;
use homeostat_model::suggest::did_you_mean;
use homeostat_model::{
    Catalog, Diagnostic, EdgeDecl, ResourceDecl, ResourceId, SendDecl, Stage, Value, codes,
};

use super::Output;
use crate::eval::collector::{Pieces, UnknownPart, forms, in_order};

/// One catalog of everything that was declared: what is there twice and equal is there once.
///
/// # Errors
/// What contradicts itself, and what refers to nothing.
pub(super) fn assemble(output: &Output) -> Result<Catalog, Vec<Diagnostic>> {
    let Output { pieces, partial: [partial, partial_exports], .. } = output;
    let mut wrong = Vec::new();
    let resources = resources(pieces, partial, &mut wrong);
    let catalog = Catalog {
        name: None,
        edges: edges(pieces, &resources, &mut wrong),
        sends: sends(pieces, &resources, &mut wrong),
        exports: exports(pieces, partial_exports, &mut wrong),
        collects: in_order(pieces.collects.clone()),
        resources,
    };
    if wrong.is_empty() { Ok(catalog) } else { Err(wrong) }
}

fn error(code: &'static str, message: String) -> Diagnostic {
    Diagnostic::error(code, Stage::Catalog, message)
}

/// A resource that is hidden stands back for one of its name that is not; of several that are, one is there.
fn resources(pieces: &Pieces, partial: &HashSet<usize>, wrong: &mut Vec<Diagnostic>) -> Vec<ResourceDecl> {
    let mut kept: Vec<ResourceDecl> = Vec::new();
    // Whether what was kept is known as a whole.
    let mut is_whole: Vec<bool> = Vec::new();
    let mut places: HashMap<&ResourceId, usize> = HashMap::new();
    for (number, resource) in pieces.resources.iter().enumerate() {
        let is_partial = partial.contains(&number);
        let Some(at) = places.get(&resource.id) else {
            places.insert(&resource.id, kept.len());
            kept.push(resource.clone());
            is_whole.push(!is_partial);
            continue;
        };
        let (first, is_whole) = (&mut kept[*at], &mut is_whole[*at]);
        match (first.meta.hidden, resource.meta.hidden) {
            (true, false) => (*first, *is_whole) = (resource.clone(), !is_partial),
            (false, true) => {}
            (true, true) => replace_later(first, resource),
            (false, false) => match (*is_whole, is_partial) {
                (false, true) => replace_later(first, resource),
                (false, false) => (*first, *is_whole) = (resource.clone(), true),
                (true, true) => {}
                (true, false) => match package(first, resource) {
                    Some(package) => *first = package,
                    None => wrong.extend(contradiction(first, resource)),
                },
            },
        }
    }
    kept
}

/// Of two that need not agree, the first in the text is there.
fn replace_later(kept: &mut ResourceDecl, other: &ResourceDecl) {
    let order = |one: &ResourceDecl| (one.origin, one.digest());
    if order(other) < order(kept) {
        *kept = other.clone();
    }
}

/// What two packages are together that differ only in how new they are to be.
fn package(first: &ResourceDecl, second: &ResourceDecl) -> Option<ResourceDecl> {
    let state =
        |one: &ResourceDecl| match one.params.get("state").map(|state| state.as_str().map(str::to_owned)) {
            None => Some("installed".to_owned()),
            Some(state) => state.filter(|state| state == "installed" || state == "newest"),
        };
    let states = [state(first)?, state(second)?];
    let newest = |one: &ResourceDecl| {
        let mut one = one.clone();
        one.params.set("state", Value::from("newest"));
        one
    };
    let is_one = first.id.kind.as_str() == "pkg" && newest(first).digest() == newest(second).digest();
    is_one.then(|| if states[0] == states[1] { first.clone() } else { newest(first) })
}

fn contradiction(first: &ResourceDecl, second: &ResourceDecl) -> Option<Diagnostic> {
    let names = first.params.iter().chain(second.params.iter()).map(|(name, _)| name);
    let differing: Vec<&Arc<str>> =
        names.filter(|name| first.params.get(name) != second.params.get(name)).collect();
    let what = match differing.first() {
        Some(name) => format!("`{name}` differs"),
        None if first.meta != second.meta => "how it is to be treated differs".to_owned(),
        None => return None,
    };
    let message = format!("`{}` is declared twice, differently", second.id);
    let twice = error(codes::DUPLICATE_RESOURCE, message).at(second.origin).saying(what);
    Some(twice.label(first.origin, "first here"))
}

fn edges(pieces: &Pieces, resources: &[ResourceDecl], wrong: &mut Vec<Diagnostic>) -> Vec<EdgeDecl> {
    let known = known(pieces, resources);
    // What is not known may be what an edge refers to.
    let may_hide = |missing: &ResourceId| {
        pieces.unknown.iter().any(|one| match &one.part {
            UnknownPart::Names(kind) => *kind == missing.kind,
            UnknownPart::Block => true,
            UnknownPart::Param(..) | UnknownPart::Meta(..) | UnknownPart::Edge | UnknownPart::Condition => {
                false
            }
        })
    };
    let mut kept: Vec<EdgeDecl> = Vec::new();
    let mut places: HashMap<(&ResourceId, &ResourceId), usize> = HashMap::new();
    for edge in &pieces.edges {
        if let Some(missing) = [&edge.from, &edge.to].into_iter().find(|end| !known.contains(end)) {
            if !may_hide(missing) {
                wrong.push(dangling(missing, edge, resources));
            }
            continue;
        }
        match places.get(&(&edge.from, &edge.to)) {
            Some(at) => kept[*at].notify |= edge.notify,
            None => {
                places.insert((&edge.from, &edge.to), kept.len());
                kept.push(edge.clone());
            }
        }
    }
    kept
}

/// What may be referred to: what is declared, and what is asked for.
fn known(pieces: &Pieces, resources: &[ResourceDecl]) -> HashSet<ResourceId> {
    let asked_for = pieces
        .collects
        .iter()
        .filter_map(|collect| Some(ResourceId { kind: collect.kind.clone(), name: collect.name.clone()? }));
    resources.iter().map(|resource| resource.id.clone()).chain(asked_for).collect()
}

fn dangling(missing: &ResourceId, edge: &EdgeDecl, resources: &[ResourceDecl]) -> Diagnostic {
    let of_kind = resources.iter().filter(|resource| resource.id.kind == missing.kind);
    let close = did_you_mean(&missing.name, of_kind.map(|resource| &*resource.id.name));
    let message = format!("the edge refers to `{missing}`, which is not declared");
    let mut dangling = error(codes::UNKNOWN_RESOURCE, message).at(edge.origin);
    dangling.help = close.map(|close| format!("did you mean `{}[{close}]`?", missing.kind));
    dangling
}

fn sends(pieces: &Pieces, resources: &[ResourceDecl], wrong: &mut Vec<Diagnostic>) -> Vec<SendDecl> {
    let known = known(pieces, resources);
    let hidden: HashSet<&ResourceId> =
        resources.iter().filter(|resource| resource.meta.hidden).map(|resource| &resource.id).collect();
    let mut kept: BTreeMap<(&ResourceId, &Arc<str>), &SendDecl> = BTreeMap::new();
    for send in &pieces.sends {
        if !(known.contains(&send.from) && known.contains(&send.to)) {
            continue;
        }
        if hidden.contains(&send.from) {
            let message = format!("`{}` is hidden, so it never has anything to send", send.from);
            wrong.push(error(codes::CANNOT_SEND, message).at(send.origin));
            continue;
        }
        let first = kept.entry((&send.to, &send.param)).or_insert(send);
        if (&first.from, &first.key) != (&send.from, &send.key) {
            let message = format!("`{}` receives `{}` from two resources", send.to, send.param);
            let twice = error(codes::DUPLICATE_RECEIVE, message).at(send.origin);
            wrong.push(twice.label(first.origin, format!("from `{}` here", first.from)));
        }
    }
    kept.into_values().cloned().collect()
}

fn exports(pieces: &Pieces, partial: &HashSet<usize>, wrong: &mut Vec<Diagnostic>) -> Vec<ExportDecl> {
    let mut by_id: BTreeMap<&ResourceId, Vec<(usize, &ExportDecl)>> = BTreeMap::new();
    for (number, export) in pieces.exports.iter().enumerate() {
        by_id.entry(&export.resource.id).or_default().push((number, export));
    }
    let mut all = Vec::new();
    for offers in by_id.into_values() {
        let whole: Vec<&ExportDecl> = offers
            .iter()
            .filter(|(number, _)| !partial.contains(number))
            .map(|(_, export)| *export)
            .collect();
        let offers: Vec<&ExportDecl> = offers.into_iter().map(|(_, export)| export).collect();
        for (at, later) in whole.iter().enumerate() {
            let first = whole[..at].iter().find(|earlier| {
                let is_same = earlier.resource.digest() == later.resource.digest();
                !is_same && have_a_host_in_common(earlier, later)
            });
            if let Some(first) = first {
                let message = format!("`{}` is exported twice, differently", later.resource.id);
                let twice = error(codes::DUPLICATE_RESOURCE, message).at(later.resource.origin);
                wrong.push(twice.label(first.resource.origin, "first here"));
            }
        }
        all.extend(forms(if whole.is_empty() { offers } else { whole }));
    }
    all
}

fn have_a_host_in_common(one: &ExportDecl, other: &ExportDecl) -> bool {
    match (one.hosts.is_empty(), other.hosts.is_empty()) {
        (true, true) => true,
        (false, false) => one.hosts.iter().any(|host| other.hosts.contains(host)),
        _ => false,
    }
}
