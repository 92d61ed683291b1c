//! Topologies: one description of components over several hosts, of which each host plays its own.
//!
//! Every method of every component is a vertex: those of this host are resources, those of others are `remote` where something of
//! this host comes after them. The whole topology is read on every host, and what is wrong with it is wrong everywhere.

mod component;
mod engine;
mod order;

use std::collections::{BTreeMap, BTreeSet};

use homeostat_model::{Diagnostic, Params, ResourceDecl, ResourceId, Stage, Value, codes};

use crate::Context;
use crate::draft::{Draft, PendingEdge, Reference};
use crate::findings::{Findings, quoted};
use crate::reader::Reader;
use crate::tree::{At, Shape, Tree};
use component::{Component, Method};
use order::{Place, Topology};

/// The key of the components, where they are not the document themselves.
const COMPONENTS_KEY: &str = "nodes";

pub(crate) fn read(tree: &Tree, cx: &Context<'_>, draft: &mut Draft, findings: &mut Findings) {
    let mut reader = Reader::new(tree, cx, draft, findings);
    let mut components = Vec::new();
    for root in tree.roots().filter(|root| !tree.is_null(*root)) {
        let items: Vec<At> = match tree.shape(root) {
            Shape::Sequence => tree.items(root).collect(),
            Shape::Mapping | Shape::Plain | Shape::Quoted => {
                match reader.fields(root, "a topology", [COMPONENTS_KEY]) {
                    Some([list]) => reader.list(list, "`nodes`").collect(),
                    None => Vec::new(),
                }
            }
        };
        for item in items {
            if !reader.findings.is_full() {
                components.extend(component::read(&mut reader, item));
            }
        }
    }
    let topology = Topology::new(components, reader.findings);
    topology.report_cycle(reader.findings);
    declare(&topology, &mut reader);
}

/// Declares what this host plays, and what of others it comes after.
fn declare(topology: &Topology, reader: &mut Reader<'_>) {
    let hostname = reader.cx.hostname;
    let is_ours = |place: &Place| topology.component(place).target == hostname;
    let edges = topology.edges();
    let published: BTreeSet<&Place> = edges
        .iter()
        .filter(|edge| is_ours(&edge.from) && !is_ours(&edge.to))
        .map(|edge| &edge.from)
        .collect();
    // What is wrong on another host is wrong here too.
    let mut others: BTreeMap<&str, Draft> = BTreeMap::new();
    for place in topology.places() {
        let (component, method) = (topology.component(&place), topology.method(&place));
        let defaults = [("publish", Value::Bool(true))];
        let defaults = if published.contains(&place) { &defaults[..] } else { &[] };
        let meta = reader.meta(method.meta, defaults);
        let (params, param_spans) = method.params();
        let origin = Some(method.span);
        let id = id_of(component, method);
        let resource = ResourceDecl { meta, origin, param_spans, ..ResourceDecl::new(id, params) };
        let draft = if is_ours(&place) {
            &mut *reader.draft
        } else {
            others.entry(&component.target).or_insert_with(|| reader.draft.beside())
        };
        draft.declare(resource, origin, reader.findings);
    }
    for edge in edges.iter().filter(|edge| is_ours(&edge.to)) {
        let reference = |id| Reference { id, span: edge.origin };
        let end = |place: &Place| id_of(topology.component(place), topology.method(place));
        let from = if is_ours(&edge.from) {
            end(&edge.from)
        } else {
            let resource = remote(&topology.component(&edge.from).target, &end(&edge.from), edge);
            let id = resource.id.clone();
            reader.draft.add(resource, Some(edge.origin), reader.findings);
            id
        };
        reader.draft.add_edge(PendingEdge {
            from: reference(from),
            to: reference(end(&edge.to)),
            notify: false,
            label: None,
            origin: edge.origin,
        });
    }
    let first = topology.components().first();
    if let Some(first) = first.filter(|_| topology.components().iter().all(|one| one.target != hostname)) {
        let message = format!("no component of this topology is for {}", quoted(hostname));
        let note = Diagnostic::note(codes::OTHER_HOST, Stage::Scope, message);
        reader.findings.push(note.at(first.span));
    }
}

/// The same on every host.
fn id_of(component: &Component, method: &Method) -> ResourceId {
    if let Some(id) = method.resource_id() {
        return id.clone();
    }
    let Component { id, name, .. } = component;
    let name = match name {
        Some(name) => format!("{id}:{name}.{}", method.name),
        None => format!("{id}.{}", method.name),
    };
    ResourceId::new("method", name)
}

/// What stands here for a method of another host.
fn remote(host: &str, id: &ResourceId, edge: &order::Edge) -> ResourceDecl {
    // Unlike its display form, this one keeps every character.
    let id = format!("{}[{}]", id.kind, id.name);
    let params: Params =
        [("host", Value::from(host)), ("id", Value::from(id.as_str()))].into_iter().collect();
    let id = ResourceId::new("remote", format!("{host}/{id}"));
    let param_spans = vec![edge.origin; 2];
    ResourceDecl { origin: Some(edge.origin), param_spans, ..ResourceDecl::new(id, params) }
}
