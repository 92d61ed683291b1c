//! What programs declare now, kept up to date by what changes; and several catalogs as one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use homeostat_model::catalog::ExportDecl;
use homeostat_model::{
    Catalog, CatalogDelta, Diagnostic, EdgeDecl, ResourceDecl, ResourceId, SendDecl, Stage, codes,
};

/// A catalog that follows deltas.
#[derive(Debug, Default)]
pub(super) struct Current {
    resources: BTreeMap<ResourceId, ResourceDecl>,
    edges: BTreeMap<(ResourceId, ResourceId), EdgeDecl>,
    sends: BTreeMap<(ResourceId, Arc<str>), SendDecl>,
    exports: BTreeMap<ResourceId, ExportDecl>,
}

impl Current {
    pub(super) fn apply(&mut self, delta: CatalogDelta) {
        for id in &delta.remove {
            self.resources.remove(id);
        }
        for key in &delta.remove_edges {
            self.edges.remove(key);
        }
        for key in &delta.remove_sends {
            self.sends.remove(key);
        }
        for id in &delta.remove_exports {
            self.exports.remove(id);
        }
        self.resources.extend(delta.set.into_iter().map(|resource| (resource.id.clone(), resource)));
        self.edges
            .extend(delta.set_edges.into_iter().map(|edge| ((edge.from.clone(), edge.to.clone()), edge)));
        self.sends
            .extend(delta.set_sends.into_iter().map(|send| ((send.to.clone(), send.param.clone()), send)));
        let exports = delta.set_exports.into_iter().map(|export| (export.resource.id.clone(), export));
        self.exports.extend(exports);
    }

    pub(super) fn catalog(&self) -> Catalog {
        // What goes takes its edges and sends along.
        let is_here = |ends: [&ResourceId; 2]| ends.iter().all(|id| self.resources.contains_key(*id));
        let edges = self.edges.values().filter(|edge| is_here([&edge.from, &edge.to]));
        let sends = self.sends.values().filter(|send| is_here([&send.from, &send.to]));
        Catalog {
            resources: self.resources.values().cloned().collect(),
            edges: edges.cloned().collect(),
            sends: sends.cloned().collect(),
            exports: self.exports.values().cloned().collect(),
            ..Catalog::default()
        }
    }
}

impl From<Catalog> for Current {
    fn from(catalog: Catalog) -> Self {
        let mut current = Self::default();
        current.apply(CatalogDelta {
            set: catalog.resources,
            set_edges: catalog.edges,
            set_sends: catalog.sends,
            set_exports: catalog.exports,
            ..CatalogDelta::default()
        });
        current
    }
}

/// Several catalogs as one. The same resource twice is an error unless both are equal.
pub(crate) fn merge(catalogs: Vec<Catalog>) -> (Catalog, Vec<Diagnostic>) {
    let mut catalogs = catalogs.into_iter();
    let mut all = catalogs.next().unwrap_or_default();
    let mut wrong = Vec::new();
    for other in catalogs {
        let known: HashMap<ResourceId, usize> =
            all.resources.iter().enumerate().map(|(at, resource)| (resource.id.clone(), at)).collect();
        for resource in other.resources {
            match known.get(&resource.id).map(|at| &all.resources[*at]) {
                None => all.resources.push(resource),
                Some(first) if first.digest() == resource.digest() => {}
                Some(first) => {
                    let message = format!("`{}` is declared twice with different content", resource.id);
                    let twice = Diagnostic::error(codes::DUPLICATE_RESOURCE, Stage::Catalog, message);
                    wrong.push(twice.at(resource.origin).label(first.origin, "first here"));
                }
            }
        }
        all.edges.extend(other.edges);
        all.sends.extend(other.sends);
        all.exports.extend(other.exports);
        all.collects.extend(other.collects);
        all.name = all.name.or(other.name);
    }
    (all, wrong)
}
