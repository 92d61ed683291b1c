//! What is desired of this host: what its texts declare, and what they collect of what others export.
//!
//! Pure: changes go in, and what is different for the engine comes out. A change costs what it touches.
//!
//! What holds of an id: a resource that is declared is never replaced by a collected one; of several exports that say the same one
//! is taken, of several that differ none, on every host alike. Whatever is left out is left out alone, and said once with the
//! names of those who export it. What would be undone is hidden instead of left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use homeostat_engine::Registry;
use homeostat_model::catalog::CollectDecl;
use homeostat_model::collect::admit;
use homeostat_model::{Catalog, CatalogDelta, Digest, KindName, Meta, ResourceDecl, ResourceId, hosts};

use super::filter::Filter;
use super::form::Unusable;
use super::{Change, ExportId, Found, Offer};

/// What is desired of this host.
pub struct Desired {
    host: Arc<str>,
    registry: Registry,
    catalog: Catalog,
    /// What the catalog declares and does not hide, with how it compares to what is collected.
    declared: HashMap<ResourceId, Declared>,
    collects: BTreeMap<KindName, Vec<CollectDecl>>,
    /// Ends of declared edges and sends that are not declared: they are collected, or not there yet.
    open_ends: BTreeSet<ResourceId>,
    pool: BTreeMap<ResourceId, BTreeMap<Arc<str>, Found>>,
    taken: BTreeMap<ResourceId, (Arc<ResourceDecl>, Digest)>,
    left_out: BTreeMap<ResourceId, Vec<String>>,
    /// What the engine refused, until it changes.
    barred: BTreeMap<ResourceId, String>,
}

#[derive(Clone, Copy)]
struct Declared {
    digest: Digest,
    /// It is offered to others and applied here as well.
    is_shared: bool,
}

/// What a change of the pool comes to.
#[derive(Debug, Default)]
pub struct Step {
    /// Collected resources that are new, different or gone.
    pub delta: CatalogDelta,
    /// Declared edges or sends have one of them as an end: the catalog has to be loaded as a whole.
    pub moves_edges: bool,
    /// What is left out now and was not before, for people.
    pub notes: Vec<String>,
}

/// What is decided for an id.
#[derive(Default)]
struct Decision {
    take: Option<ResourceDecl>,
    problems: Vec<String>,
}

impl Desired {
    /// Nothing is desired of this host yet.
    pub fn new(host: Arc<str>, registry: Registry) -> Self {
        Self {
            host,
            registry,
            catalog: Catalog::default(),
            declared: HashMap::new(),
            collects: BTreeMap::new(),
            open_ends: BTreeSet::new(),
            pool: BTreeMap::new(),
            taken: BTreeMap::new(),
            left_out: BTreeMap::new(),
            barred: BTreeMap::new(),
        }
    }

    /// Takes another catalog; says what is left out of what it collects, and gives the one before, if that collected anything.
    pub fn declare(&mut self, catalog: &Catalog) -> (Vec<String>, Catalog) {
        let mine = self.host.clone();
        for found in self.pool.values_mut() {
            found.remove(&mine);
        }
        for export in &catalog.exports {
            let resource = ResourceDecl { origin: None, param_spans: Vec::new(), ..export.resource.clone() };
            let offer = Offer { from: mine.clone(), resource, hosts: export.hosts.clone() };
            let found = self.pool.entry(export.resource.id.clone()).or_default();
            // Of several forms, ours is the one for us.
            if !matches!(found.get(&mine), Some(Ok(known)) if is_for(known, &mine)) {
                found.insert(mine.clone(), Ok(Arc::new(offer)));
            }
        }
        self.pool.retain(|_, found| !found.is_empty());
        let (hidden, open): (Vec<_>, Vec<_>) = catalog.resources.iter().partition(|decl| decl.meta.hidden);
        self.declared = open.into_iter().map(|decl| (decl.id.clone(), Declared::of(decl))).collect();
        let hidden: BTreeSet<&ResourceId> = hidden.into_iter().map(|decl| &decl.id).collect();
        self.collects.clear();
        for collect in &catalog.collects {
            self.collects.entry(collect.kind.clone()).or_default().push(collect.clone());
        }
        let edges = catalog.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
        let ends = edges.chain(catalog.sends.iter().flat_map(|send| [&send.from, &send.to]));
        let is_open = |id: &&ResourceId| !(self.declared.contains_key(*id) || hidden.contains(*id));
        self.open_ends = ends.filter(is_open).cloned().collect();
        // One that collects nothing is given to the engine as it is, and need not be here as well.
        let now = if self.collects.is_empty() { Catalog::default() } else { catalog.clone() };
        let catalog_before = std::mem::replace(&mut self.catalog, now);
        self.barred.clear();
        self.taken.clear();
        let before = std::mem::take(&mut self.left_out);
        let ids: Vec<ResourceId> = self.pool.keys().cloned().collect();
        let mut notes = Vec::new();
        for id in ids {
            let decision = self.decide(&id);
            notes.extend(new_of(&decision.problems, before.get(&id)));
            self.keep(id, decision);
        }
        (notes, catalog_before)
    }

    /// Whether the catalog as it was declared is all that is desired.
    pub fn collects_nothing(&self) -> bool {
        self.collects.is_empty()
    }

    /// What is collected, as far as keys tell.
    pub fn filter(&self) -> Filter {
        Filter::of(self.collects.values().flatten())
    }

    /// Takes changes of what others export.
    pub fn change(&mut self, changes: Vec<Change>) -> Step {
        let mut touched = BTreeSet::new();
        for Change { of: ExportId { from, id }, found } in changes {
            // What we export ourselves is known from the catalog, whatever the store says.
            if from == self.host {
                continue;
            }
            let entry = self.pool.entry(id.clone()).or_default();
            match found {
                Some(found) => drop(entry.insert(from, found)),
                None => drop(entry.remove(&from)),
            }
            touched.insert(id);
        }
        let mut step = Step::default();
        for id in touched {
            if self.pool.get(&id).is_some_and(BTreeMap::is_empty) {
                self.pool.remove(&id);
            }
            self.barred.remove(&id);
            let decision = self.decide(&id);
            step.notes.extend(new_of(&decision.problems, self.left_out.get(&id)));
            let before = self.taken.get(&id).map(|(_, digest)| *digest);
            let now = decision.take.as_ref().map(ResourceDecl::digest);
            if before != now {
                step.moves_edges |= self.open_ends.contains(&id);
                match &decision.take {
                    Some(resource) => step.delta.set.push(resource.clone()),
                    None => step.delta.remove.push(id.clone()),
                }
            }
            self.keep(id, decision);
        }
        step
    }

    /// Leaves a collected resource out that the engine refused; says so.
    pub fn bar(&mut self, id: &ResourceId, why: &str) -> String {
        let from = self.exporters(id).join(" and ");
        let note = format!("{id}, exported by {from}, is not taken: {why}");
        self.taken.remove(id);
        self.barred.insert(id.clone(), note.clone());
        note
    }

    /// Everything that is desired where something is collected: what is declared, what is collected, and the edges and sends whose
    /// ends are there. What receives a value from something that is not collected yet is not there either: without that value it
    /// would be something else.
    pub fn catalog(&self) -> Catalog {
        let mut all = self.catalog.clone();
        // What is hidden stands back for one of its name that is collected.
        all.resources.retain(|resource| !self.taken.contains_key(&resource.id));
        all.resources.extend(self.taken.values().map(|(resource, _)| ResourceDecl::clone(resource)));
        let mut missing: BTreeSet<&ResourceId> =
            self.open_ends.iter().filter(|id| !self.taken.contains_key(*id)).collect();
        loop {
            let lack = self.catalog.sends.iter().filter(|send| missing.contains(&send.from));
            let more: Vec<_> = lack.map(|send| &send.to).filter(|to| !missing.contains(*to)).collect();
            if more.is_empty() {
                break;
            }
            missing.extend(more);
        }
        all.resources.retain(|resource| !missing.contains(&resource.id));
        all.edges.retain(|edge| !(missing.contains(&edge.from) || missing.contains(&edge.to)));
        all.sends.retain(|send| !(missing.contains(&send.from) || missing.contains(&send.to)));
        all
    }

    /// Those collected resources that declared edges and sends name.
    pub fn in_edges(&self) -> Vec<ResourceId> {
        self.open_ends.iter().filter(|id| self.taken.contains_key(*id)).cloned().collect()
    }

    /// How many resources are collected.
    pub fn collected(&self) -> usize {
        self.taken.len()
    }

    /// What is left out of what is collected, and why.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        self.left_out.values().flatten().chain(self.barred.values()).map(String::as_str)
    }

    fn keep(&mut self, id: ResourceId, decision: Decision) {
        match decision.problems.is_empty() {
            true => drop(self.left_out.remove(&id)),
            false => drop(self.left_out.insert(id.clone(), decision.problems)),
        }
        match decision.take {
            Some(resource) => {
                let digest = resource.digest();
                self.taken.insert(id, (Arc::new(resource), digest));
            }
            None => drop(self.taken.remove(&id)),
        }
    }

    fn exporters(&self, id: &ResourceId) -> Vec<&str> {
        self.pool.get(id).into_iter().flat_map(BTreeMap::keys).map(|from| &**from).collect()
    }

    fn decide(&self, id: &ResourceId) -> Decision {
        let mut decision = Decision::default();
        let (Some(collects), Some(found)) = (self.collects.get(&id.kind), self.pool.get(id)) else {
            return decision;
        };
        let mut candidates: Vec<(&Arc<str>, ResourceDecl)> = Vec::new();
        for (from, found) in found {
            match found {
                Ok(offer) => self.admit(collects, offer, &mut candidates, &mut decision.problems),
                Err(Unusable::NotForUs) => {}
                Err(Unusable::Wrong(why)) => {
                    if collects.iter().any(|collect| collect.from.is_empty() || trusts(collect, from)) {
                        decision.problems.push(format!("{id}, exported by {from}, is not taken: {why}"));
                    }
                }
            }
        }
        let Some((first, take)) = candidates.first() else {
            if !decision.problems.is_empty() || found.values().any(Result::is_err) {
                decision.take = self.set_aside(id, &candidates);
            }
            return decision;
        };
        let differs = candidates.iter().find(|(_, other)| other.digest() != take.digest());
        match (self.declared.get(id), differs) {
            (_, Some((other, _))) if other == first => {
                decision.problems.push(format!(
                    "{id}, exported by {first}, is collected twice with different content: none is taken"
                ));
            }
            (_, Some((other, _))) => decision.problems.push(format!(
                "{id} is exported by {first} and by {other} with different content: neither is taken"
            )),
            (Some(declared), None) if declared.digest == take.digest() => {}
            (Some(declared), None)
                if declared.is_shared && candidates.iter().all(|(from, _)| **from == self.host) => {}
            (Some(_), None) => decision.problems.push(format!(
                "{id}, exported by {first}, is declared on {} with different content: the declared one stays",
                self.host
            )),
            (None, None) => decision.take = Some(take.clone()),
        }
        if differs.is_some() {
            decision.take = self.set_aside(id, &candidates);
        }
        decision
    }

    /// What is exported, but not to be taken as it is, must not be undone either: whoever says something else of what another
    /// host exports would take that away from everybody. It is hidden until it can be taken, or is gone.
    fn set_aside(&self, id: &ResourceId, candidates: &[(&Arc<str>, ResourceDecl)]) -> Option<ResourceDecl> {
        if self.declared.contains_key(id) {
            return None;
        }
        let before = self.taken.get(id).map(|(resource, _)| &**resource);
        let mut those = before.into_iter().chain(candidates.iter().map(|(_, resource)| resource));
        let mut resource = those.find(|resource| resource.meta.reverse)?.clone();
        resource.meta = Arc::new(Meta { hidden: true, ..Meta::clone(&resource.meta) });
        Some(resource)
    }

    fn admit<'a>(
        &self,
        collects: &[CollectDecl],
        offer: &'a Offer,
        candidates: &mut Vec<(&'a Arc<str>, ResourceDecl)>,
        problems: &mut Vec<String>,
    ) {
        let (from, resource) = (&offer.from, &offer.resource);
        if !is_for(offer, &self.host) {
            return;
        }
        for collect in collects {
            let made =
                match admit(collect, from, resource) {
                    Ok(None) => continue,
                    Ok(Some(local)) => self.registry.build(&local).map(|_| local).map_err(|found| {
                        found.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
                    }),
                    Err(diagnostic) => Err(diagnostic.message),
                };
            match made {
                Ok(local) => candidates.push((from, local)),
                Err(why) => {
                    problems.push(format!("{}, exported by {from}, is not taken: {why}", resource.id));
                }
            }
        }
    }
}

impl Declared {
    fn of(decl: &ResourceDecl) -> Self {
        let is_shared = !decl.meta.export.is_empty();
        let digest = if is_shared {
            let meta = Meta { export: Vec::new(), ..Meta::clone(&decl.meta) };
            ResourceDecl { meta: meta.into(), ..decl.clone() }.digest()
        } else {
            decl.digest()
        };
        Self { digest, is_shared }
    }
}

fn is_for(offer: &Offer, host: &str) -> bool {
    offer.hosts.is_empty() || hosts::any_matches(offer.hosts.iter().map(|pattern| &**pattern), host)
}

fn trusts(collect: &CollectDecl, from: &str) -> bool {
    hosts::any_matches(collect.from.iter().map(|host| &**host), from)
}

/// Problems that were not there before.
fn new_of(now: &[String], before: Option<&Vec<String>>) -> Vec<String> {
    let is_new = |problem: &&String| !before.is_some_and(|before| before.contains(problem));
    now.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests;
