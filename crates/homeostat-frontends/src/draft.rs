//! A catalog in the making: what was declared by name, and references that are not looked up yet.
//!
//! Invariants: every id once; a resource that was reported as wrong is here all the same, so that what refers to it is not
//! reported as well; an unknown kind is reported once, however often it is named.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use homeostat_model::catalog::{CollectDecl, ExportDecl};
use homeostat_model::circle::{Before, circles};
use homeostat_model::{
    Catalog, Diagnostic, EdgeDecl, KindName, ResourceDecl, ResourceId, SendDecl, Span, Stage, codes,
};

use crate::findings::{Findings, quoted, suggesting};
use crate::{Context, Pool};

/// Names that are compared for suggestions in one load, so that many errors in a large catalog stay quick.
const COMPARISONS_MAX: usize = 400_000;

/// An end that a text names, and where.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) id: ResourceId,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct PendingEdge {
    pub(crate) from: Reference,
    pub(crate) to: Reference,
    pub(crate) notify: bool,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) origin: Span,
}

#[derive(Debug)]
pub(crate) struct PendingSend {
    pub(crate) from: Reference,
    pub(crate) key: Arc<str>,
    pub(crate) to: Reference,
    pub(crate) param: Arc<str>,
    pub(crate) origin: Span,
}

#[derive(Debug, Default)]
pub(crate) struct Draft {
    catalog: Catalog,
    kinds: HashMap<KindName, Names>,
    exported: HashMap<ResourceId, usize>,
    /// Without their places.
    collected: HashSet<CollectDecl>,
    collected_kinds: HashSet<KindName>,
    unknown_kinds: BTreeSet<String>,
    edges: Vec<PendingEdge>,
    sends: Vec<PendingSend>,
}

/// Where the resources of a kind stand in the catalog.
type Names = HashMap<Arc<str>, usize>;

impl Draft {
    /// An empty draft that does not report again which kinds are unknown.
    pub(crate) fn beside(&self) -> Self {
        Self { unknown_kinds: self.unknown_kinds.clone(), ..Self::default() }
    }

    /// Forgets what was drafted beside, except which kinds were reported.
    pub(crate) fn drop_beside(&mut self, other: Self) {
        self.unknown_kinds = other.unknown_kinds;
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The first name given is the catalog's.
    pub(crate) fn set_name(&mut self, name: &str) {
        self.catalog.name.get_or_insert_with(|| name.into());
    }

    /// The one shared name of a kind.
    pub(crate) fn kind(&mut self, kind: &str) -> KindName {
        let name = KindName::new(kind);
        match self.kinds.get_key_value(&name) {
            Some((have, _)) => have.clone(),
            None => {
                self.kinds.insert(name.clone(), Names::new());
                name
            }
        }
    }

    pub(crate) fn reserve(&mut self, kind: &KindName, more: usize) {
        self.catalog.resources.reserve(more);
        if let Some(names) = self.kinds.get_mut(kind) {
            names.reserve(more);
        }
    }

    /// Adds a resource; merges it with an equal one of the same id, and reports a different one.
    pub(crate) fn add(&mut self, resource: ResourceDecl, place: Option<Span>, findings: &mut Findings) {
        let names = self.kinds.entry(resource.id.kind.clone()).or_default();
        if let Some(at) = names.get(&resource.id.name) {
            let first = &self.catalog.resources[*at];
            if first.params != resource.params || first.meta != resource.meta {
                findings.push(duplicate(first, &resource, place));
            }
            return;
        }
        names.insert(resource.id.name.clone(), self.catalog.resources.len());
        self.catalog.resources.push(resource);
    }

    /// Adds a resource, and offers it to other hosts where its meta parameters say so.
    pub(crate) fn declare(&mut self, resource: ResourceDecl, place: Option<Span>, findings: &mut Findings) {
        if !resource.meta.export.is_empty() {
            self.offer(&resource, place, findings);
        }
        self.add(resource, place, findings);
    }

    /// Offers a resource to the hosts that its meta parameters name, or to all.
    pub(crate) fn offer(&mut self, resource: &ResourceDecl, place: Option<Span>, findings: &mut Findings) {
        let to: &[Arc<str>] = &resource.meta.export;
        let hosts = if to.iter().any(|host| &**host == "*") { Vec::new() } else { to.to_vec() };
        self.add_export(ExportDecl { resource: resource.clone(), hosts }, place, findings);
    }

    pub(crate) fn add_export(&mut self, export: ExportDecl, place: Option<Span>, findings: &mut Findings) {
        if let Some(at) = self.exported.get(&export.resource.id) {
            let first = &self.catalog.exports[*at];
            let (one, other) = (&first.resource, &export.resource);
            if one.params != other.params || one.meta != other.meta || first.hosts != export.hosts {
                findings.push(duplicate(one, other, place));
            }
            return;
        }
        self.exported.insert(export.resource.id.clone(), self.catalog.exports.len());
        self.catalog.exports.push(export);
    }

    pub(crate) fn add_collect(&mut self, collect: CollectDecl) {
        let key = CollectDecl { origin: None, ..collect.clone() };
        self.collected_kinds.insert(collect.kind.clone());
        if self.collected.insert(key) {
            self.catalog.collects.push(collect);
        }
    }

    pub(crate) fn add_edge(&mut self, edge: PendingEdge) {
        self.edges.push(edge);
    }

    pub(crate) fn add_send(&mut self, send: PendingSend) {
        self.sends.push(send);
    }

    /// Reports a kind that nobody knows, once.
    pub(crate) fn unknown_kind(&mut self, kind: &str, span: Span, cx: &Context<'_>, findings: &mut Findings) {
        if self.unknown_kinds.contains(kind) {
            return;
        }
        self.unknown_kinds.insert(kind.to_owned());
        let message = format!("there is no kind {}", quoted(kind));
        let diagnostic = Diagnostic::error(codes::UNKNOWN_KIND, Stage::Scope, message).at(span);
        findings.push(suggesting(diagnostic, kind, cx.kinds.names()));
    }

    /// Looks up every reference and gives the catalog.
    pub(crate) fn finish(mut self, cx: &Context<'_>, findings: &mut Findings) -> Catalog {
        let mut comparisons = COMPARISONS_MAX;
        self.finish_edges(cx, findings, &mut comparisons);
        self.finish_sends(cx, findings, &mut comparisons);
        // Of a text without errors, the graph finds circles while it grows.
        if findings.has_errors() && !findings.has(codes::CYCLE) {
            findings.extend(self.circles());
        }
        self.catalog
    }

    fn circles(&self) -> Vec<Diagnostic> {
        let (edges, sends) = (&self.catalog.edges, &self.catalog.sends);
        circles(edges.iter().map(Before::from).chain(sends.iter().map(Before::from)))
    }

    fn finish_edges(&mut self, cx: &Context<'_>, findings: &mut Findings, comparisons: &mut usize) {
        let edges = std::mem::take(&mut self.edges);
        let mut places: HashMap<(ResourceId, ResourceId), usize> = HashMap::with_capacity(edges.len());
        for edge in edges {
            let from = self.look_up(&edge.from, cx, findings, comparisons);
            let to = self.look_up(&edge.to, cx, findings, comparisons);
            let (Some(from), Some(to)) = (from, to) else {
                continue;
            };
            let edge = EdgeDecl {
                from: from.clone(),
                to: to.clone(),
                notify: edge.notify,
                label: edge.label,
                origin: Some(edge.origin),
            };
            match places.entry((from, to)) {
                std::collections::hash_map::Entry::Occupied(place) => self.catalog.edges[*place.get()] = edge,
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(self.catalog.edges.len());
                    self.catalog.edges.push(edge);
                }
            }
        }
    }

    fn finish_sends(&mut self, cx: &Context<'_>, findings: &mut Findings, comparisons: &mut usize) {
        let sends = std::mem::take(&mut self.sends);
        let mut places: HashMap<(ResourceId, Arc<str>), usize> = HashMap::with_capacity(sends.len());
        for send in sends {
            let from = self.look_up(&send.from, cx, findings, comparisons);
            let to = self.look_up(&send.to, cx, findings, comparisons);
            let (Some(from), Some(to)) = (from, to) else {
                continue;
            };
            if let Some(place) = places.get(&(to.clone(), send.param.clone())) {
                let first: &SendDecl = &self.catalog.sends[*place];
                if first.from != from || first.key != send.key {
                    let message = format!("`{}` of `{to}` is received twice", send.param);
                    findings.push(
                        Diagnostic::error(codes::DUPLICATE_RECEIVE, Stage::Catalog, message)
                            .at(send.origin)
                            .label(first.origin, "first here"),
                    );
                }
                continue;
            }
            places.insert((to.clone(), send.param.clone()), self.catalog.sends.len());
            self.catalog.sends.push(SendDecl {
                from,
                key: send.key,
                to,
                param: send.param,
                origin: Some(send.origin),
            });
        }
    }

    /// The id as the resource itself has it, so that equal names are stored once.
    fn look_up(
        &mut self,
        reference: &Reference,
        cx: &Context<'_>,
        findings: &mut Findings,
        comparisons: &mut usize,
    ) -> Option<ResourceId> {
        let Reference { id, span } = reference;
        if let Some(at) = self.kinds.get(&id.kind).and_then(|names| names.get(&id.name)) {
            return Some(self.catalog.resources[*at].id.clone());
        }
        if self.unknown_kinds.contains(id.kind.as_str()) {
            return None;
        }
        if cx.kinds.schema(id.kind.as_str()).is_none() {
            self.unknown_kind(id.kind.as_str(), *span, cx, findings);
            return None;
        }
        let collected = self.catalog.collects.iter().any(|collect| collect.kind == id.kind);
        if collected && cx.pool == Pool::Shared {
            return Some(id.clone());
        }
        let message = format!("`{id}` is not declared");
        let diagnostic = Diagnostic::error(codes::UNKNOWN_RESOURCE, Stage::Scope, message).at(*span);
        findings.push(self.explain_missing(id, diagnostic, comparisons));
        None
    }

    fn explain_missing(
        &self,
        id: &ResourceId,
        diagnostic: Diagnostic,
        comparisons: &mut usize,
    ) -> Diagnostic {
        if let Some(at) = self.exported.get(id) {
            let origin = self.catalog.exports[*at].resource.origin;
            return diagnostic
                .label(origin, "this one is offered to other hosts")
                .help("an exported resource can be referred to where it is collected");
        }
        let count = self.catalog.resources.len();
        if count > *comparisons {
            return diagnostic;
        }
        *comparisons -= count;
        let names = self
            .catalog
            .resources
            .iter()
            .filter(|resource| resource.id.kind == id.kind)
            .map(|resource| &*resource.id.name);
        suggesting(diagnostic, &id.name, names)
    }
}

fn duplicate(first: &ResourceDecl, second: &ResourceDecl, place: Option<Span>) -> Diagnostic {
    let mut differs: Vec<&str> = Vec::new();
    for (name, value) in first.params.iter() {
        if second.params.get(name) != Some(value) {
            differs.push(name);
        }
    }
    for (name, _) in second.params.iter() {
        if first.params.get(name).is_none() {
            differs.push(name);
        }
    }
    if first.meta != second.meta {
        differs.push("meta");
    }
    let verb = if differs.len() == 1 { "differs" } else { "differ" };
    let message = format!("`{}` is declared twice with different content", second.id);
    Diagnostic::error(codes::DUPLICATE_RESOURCE, Stage::Catalog, message)
        .at(place)
        .saying(format!("{} {verb}", crate::findings::listed(differs)))
        .label(first.origin, "first here")
}
