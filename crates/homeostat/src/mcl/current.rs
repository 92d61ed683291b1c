//! What programs declare now, kept up to date by what changes; and several catalogs as one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use homeostat_model::catalog::{CollectDecl, ExportDecl};
use homeostat_model::{
    Catalog, CatalogDelta, Diagnostic, EdgeDecl, KindName, ResourceDecl, ResourceId, SendDecl, Stage, codes,
};

/// A catalog that follows deltas.
#[derive(Debug, Default)]
pub(super) struct Current {
    resources: BTreeMap<ResourceId, ResourceDecl>,
    edges: BTreeMap<(ResourceId, ResourceId), EdgeDecl>,
    sends: BTreeMap<(ResourceId, Arc<str>), SendDecl>,
    /// Each in all forms that it is offered in.
    exports: BTreeMap<ResourceId, Vec<ExportDecl>>,
    collects: Vec<CollectDecl>,
    has_collected: bool,
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
        for export in delta.set_exports {
            self.exports.entry(export.resource.id.clone()).or_default().push(export);
        }
        if let Some(collects) = delta.collects {
            self.has_collected |= !collects.is_empty();
            self.collects = collects;
        }
    }

    /// Whether it asks for what others export, or did before.
    pub(super) fn collects(&self) -> bool {
        self.has_collected
    }

    /// What it offers to others.
    pub(super) fn exports(&self) -> impl Iterator<Item = &ExportDecl> {
        self.exports.values().flatten()
    }

    pub(super) fn catalog(&self) -> Catalog {
        // What goes takes its edges and sends along. What is asked for of others may come.
        let collected: HashSet<(&KindName, &Arc<str>)> = self
            .collects
            .iter()
            .filter_map(|collect| Some((&collect.kind, collect.name.as_ref()?)))
            .collect();
        let is_there =
            |id: &ResourceId| self.resources.contains_key(id) || collected.contains(&(&id.kind, &id.name));
        let is_here = |ends: [&ResourceId; 2]| ends.into_iter().all(is_there);
        let edges = self.edges.values().filter(|edge| is_here([&edge.from, &edge.to]));
        let sends = self.sends.values().filter(|send| is_here([&send.from, &send.to]));
        Catalog {
            resources: self.resources.values().cloned().collect(),
            edges: edges.cloned().collect(),
            sends: sends.cloned().collect(),
            exports: self.exports().cloned().collect(),
            collects: self.collects.clone(),
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
            collects: Some(catalog.collects),
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
