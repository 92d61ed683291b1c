//! What the reference's engine makes of a graph before it prints it: resources that are done in one operation are one vertex.
//!
//! Here such resources stay vertices of their own that are done in one batch, so this is only how graphs are compared.

use std::collections::{BTreeMap, BTreeSet};

use homeostat_model::{Catalog, ResourceDecl, ResourceId, Value};

/// A graph whose vertices may hold others.
pub(crate) struct Grouped<'a> {
    vertices: BTreeMap<&'a ResourceId, Vertex<'a>>,
    /// With their labels, which tell of the ends that they had when they were made.
    edges: BTreeMap<(&'a ResourceId, &'a ResourceId), String>,
}

struct Vertex<'a> {
    resource: &'a ResourceDecl,
    children: Vec<Vertex<'a>>,
}

impl<'a> Grouped<'a> {
    pub(crate) fn of(catalog: &'a Catalog) -> Self {
        let open = catalog.resources.iter().filter(|resource| !resource.meta.hidden);
        let vertices =
            open.map(|resource| (&resource.id, Vertex { resource, children: Vec::new() })).collect();
        let label = |from, to| format!("{} -> {}", shown(from), shown(to));
        let edges =
            catalog.edges.iter().map(|edge| ((&edge.from, &edge.to), label(&edge.from, &edge.to))).collect();
        let mut grouped = Self { vertices, edges };
        while let Some((parent, child)) = grouped.pair() {
            grouped.join(parent, child);
        }
        grouped
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for vertex in self.vertices.values() {
            vertex.push("", &mut lines);
        }
        let edges = self.edges.iter();
        lines.extend(
            edges.map(|((from, to), label)| format!("Edge: {} -> {} # {label}", shown(from), shown(to))),
        );
        lines
    }

    /// Two that can be one; of equals the one with the later name takes the other in.
    fn pair(&self) -> Option<(&'a ResourceId, &'a ResourceId)> {
        self.vertices.iter().rev().find_map(|(parent, one)| {
            let mut others = self.vertices.iter().filter(|(child, _)| *child != parent);
            let child = others.find(|(child, other)| {
                takes(one.resource, other.resource)
                    && !self.reaches(parent, child)
                    && !self.reaches(child, parent)
            });
            child.map(|(child, _)| (*parent, *child))
        })
    }

    fn reaches(&self, from: &ResourceId, to: &ResourceId) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for (_, next) in self.edges.keys().filter(|(before, _)| *before == at) {
                if *next == to {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }

    fn join(&mut self, parent: &'a ResourceId, child: &'a ResourceId) {
        let Some(inner) = self.vertices.remove(child) else { return };
        if let Some(outer) = self.vertices.get_mut(parent) {
            outer.children.push(inner);
        }
        let moved = |end: &'a ResourceId| if end == child { parent } else { end };
        for ((from, to), label) in std::mem::take(&mut self.edges) {
            if moved(from) != moved(to) {
                self.edges.entry((moved(from), moved(to))).or_insert(label);
            }
        }
    }
}

impl Vertex<'_> {
    fn push(&self, before: &str, lines: &mut Vec<String>) {
        let name = shown(&self.resource.id);
        lines.push(format!("{before}Vertex: {name}"));
        for child in &self.children {
            child.push(&format!("{before}Group: {name}: "), lines);
        }
    }
}

/// Whether the one is done together with the other, if nothing stands between them.
fn takes(parent: &ResourceDecl, child: &ResourceDecl) -> bool {
    if !(parent.meta.autogroup && child.meta.autogroup) {
        return false;
    }
    let text = |resource: &ResourceDecl, param: &str| {
        resource.params.get(param).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let is_set =
        |resource: &ResourceDecl, param: &str| resource.params.get(param) == Some(&Value::Bool(true));
    let (outer, inner) = (parent.id.kind.as_str(), child.id.kind.as_str());
    let is_later = outer == inner && parent.id.name > child.id.name;
    match outer {
        "noop" => is_later,
        "print" => is_later && !is_set(parent, "refresh_only") && !is_set(child, "refresh_only"),
        "test" => is_later && is_set(parent, "alwaysgroup") && is_set(child, "alwaysgroup"),
        "pkg" => {
            let state = text(parent, "state");
            let is_version = !["", "installed", "uninstalled", "newest"].contains(&&*state);
            is_later && !is_version && state == text(child, "state")
        }
        "http:server" | "http:server:ui" => {
            let below = inner.strip_prefix(outer).and_then(|rest| rest.strip_prefix(':'));
            let server = text(child, "server");
            below.is_some_and(|rest| !rest.contains(':')) && (server.is_empty() || *server == *parent.id.name)
        }
        _ => false,
    }
}

fn shown(id: &ResourceId) -> String {
    format!("{}[{}]", id.kind, id.name)
}
