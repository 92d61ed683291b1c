//! From catalogs and deltas to a diff of the graph: resources are made, mistakes become diagnostics, and what goes is undone where
//! it asked for that.

use std::collections::{BTreeMap, BTreeSet};

use homeostat_model::circle::{self, Before, circles};
use homeostat_model::{Catalog, CatalogDelta, Diagnostic, Digest, ResourceDecl, ResourceId, Stage, codes};

use super::LoadSummary;
use super::jobs::AnyDrift;
use super::known::Known;
use super::subject::Managed;
use crate::journal::{Former, Record, Undo};
use crate::registry::Registry;
use crate::resource::Claim;
use crate::scheduler::{GraphDiff, Incoming, LoadError, Moved, NewEdge, NewSend, Scheduler, opposite_order};

type Graph = Scheduler<Managed, AnyDrift>;

/// Declarations above which they are made on several threads.
const PARALLEL_MIN: usize = 2000;

/// Loads, and remembers what undoes resources.
#[derive(Default)]
pub(super) struct Loader {
    undo: BTreeMap<ResourceId, Undo>,
    /// Who is told what is declared.
    declared: Option<crate::host::Host>,
    /// What an earlier run found out, until the first catalog is loaded.
    known: Known,
}

impl Loader {
    /// A loader that tells the host what is declared, and its first resources what an earlier run knew.
    pub(super) fn new(host: crate::host::Host, known: Known) -> Self {
        Self { declared: Some(host), known, ..Self::default() }
    }

    pub(super) fn remember_undo(&mut self, undo: Vec<(ResourceId, Undo)>) {
        self.undo.extend(undo);
    }

    /// Follows what is being recorded.
    pub(super) fn follow(&mut self, records: &[Record]) {
        for record in records {
            match record {
                Record::Undo(id, undo) => {
                    let known = self.undo.entry(id.clone()).or_insert_with(|| undo.clone());
                    known.former = undo.former.clone();
                }
                Record::Former(id, former) => {
                    if let Some(known) = self.undo.get_mut(id) {
                        known.former = former.clone();
                    }
                }
                Record::ForgetUndo(id) => {
                    self.undo.remove(id);
                }
                Record::Owe(_)
                | Record::Clear(_)
                | Record::Done(..)
                | Record::ForgetDone(_)
                | Record::Count(..)
                | Record::ForgetCount(_) => {}
            }
        }
    }

    /// Makes a catalog the whole of what is desired.
    pub(super) fn load_full(
        &mut self,
        graph: &mut Graph,
        catalog: Catalog,
        registry: &Registry,
    ) -> Result<LoadSummary, Vec<Diagnostic>> {
        let declared: BTreeSet<ResourceId> = if self.undo.is_empty() {
            BTreeSet::new()
        } else {
            catalog.resources.iter().map(|decl| decl.id.clone()).collect()
        };
        let (mut delta, moved) = graph.compare(catalog);
        let forgotten =
            self.undo.keys().filter(|id| !declared.contains(*id) && graph.graph.find(id).is_none());
        delta.remove.extend(forgotten.cloned().collect::<Vec<_>>());
        let loaded = self.load_difference(graph, &delta, moved, registry);
        if loaded.is_ok() {
            self.known = Known::default();
        }
        if delta.set.len() >= PARALLEL_MIN {
            // What was made can begin meanwhile. Without another thread it is dropped here.
            std::thread::Builder::new().name("leftovers".to_owned()).spawn(move || drop(delta)).ok();
        }
        loaded
    }

    /// Changes what is desired.
    pub(super) fn load_delta(
        &mut self,
        graph: &mut Graph,
        delta: &CatalogDelta,
        registry: &Registry,
    ) -> Result<LoadSummary, Vec<Diagnostic>> {
        self.load_difference(graph, delta, Vec::new(), registry)
    }

    fn load_difference(
        &mut self,
        graph: &mut Graph,
        delta: &CatalogDelta,
        moved: Vec<Moved>,
        registry: &Registry,
    ) -> Result<LoadSummary, Vec<Diagnostic>> {
        let set = self.build_all(graph, delta, registry).map_err(|mut wrong| {
            wrong.extend(circles(ordered(delta)));
            wrong
        })?;
        let mut diff = GraphDiff { set, remove: vec![], edges: vec![], sends: vec![], moved };
        diff.edges.extend(delta.remove_edges.iter().map(|(from, to)| edge(from, to, None)));
        diff.edges.extend(delta.set_edges.iter().map(|decl| edge(&decl.from, &decl.to, Some(decl.notify))));
        diff.sends.extend(delta.remove_sends.iter().map(|(to, param)| NewSend {
            to: to.clone(),
            param: param.clone(),
            from: None,
        }));
        diff.sends.extend(delta.set_sends.iter().map(|send| NewSend {
            to: send.to.clone(),
            param: send.param.clone(),
            from: Some((send.from.clone(), send.key.clone())),
        }));
        self.undo_removed(delta, registry, &mut diff);
        let declared = self.declared.is_some().then(|| DeclaredChange::of(graph, &diff));
        let loaded = graph.load(diff).map_err(|error| diagnose(&error, delta))?;
        if let (Some(host), Some(change)) = (&self.declared, declared) {
            host.declared().add(&change.added);
            host.declared().remove(&change.removed);
        }
        Ok(LoadSummary {
            added: loaded.added,
            changed: loaded.changed,
            removed: loaded.removed,
            unchanged: graph.graph.len().saturating_sub(loaded.added + loaded.changed),
            notes: loaded.dropped.iter().map(|(from, to)| dropped_note(from, to)).collect(),
        })
    }

    /// Of the resources that go, those that can be undone stay until that is done, in the opposite order.
    fn undo_removed(&self, delta: &CatalogDelta, registry: &Registry, diff: &mut GraphDiff<Managed>) {
        let mut undoing: BTreeSet<ResourceId> = BTreeSet::new();
        for id in &delta.remove {
            let undo = self.undo.get(id).map(|undo| ResourceDecl {
                meta: undo.former.meta_to_undo(),
                ..ResourceDecl::new(id.clone(), undo.params.clone())
            });
            let built = undo.and_then(|decl| Some((registry.build(&decl).ok()?, decl)));
            match built {
                Some((built, decl)) => {
                    undoing.insert(id.clone());
                    let (resource, claims) = Managed::new(built.0, &decl, false);
                    diff.set.push(Incoming {
                        id: id.clone(),
                        claims,
                        resource,
                        digest: Digest::of(&("undo", decl.digest())),
                        meta: decl.meta,
                        origin: None,
                        undoes: true,
                        former: self.former(id),
                    });
                }
                None => diff.remove.push(id.clone()),
            }
        }
        let came_after = |id: &ResourceId| self.undo.get(id).map_or(&[] as &[_], |undo| &undo.former.after);
        diff.edges.extend(opposite_order(&undoing, came_after));
    }

    fn former(&self, id: &ResourceId) -> Option<Former> {
        self.undo.get(id).map(|undo| undo.former.clone())
    }

    /// Makes all resources that are set, or says all that is wrong with any of them.
    fn build_all(
        &self,
        graph: &Graph,
        delta: &CatalogDelta,
        registry: &Registry,
    ) -> Result<Vec<Incoming<Managed>>, Vec<Diagnostic>> {
        let mut receivers: BTreeSet<&ResourceId> = delta.set_sends.iter().map(|send| &send.to).collect();
        let known = delta.set.iter().map(|decl| &decl.id).filter(|id| already_receives(graph, id));
        receivers.extend(known);
        let build = |decls: &[ResourceDecl]| -> (Vec<Incoming<Managed>>, Vec<Diagnostic>) {
            let mut built = Vec::with_capacity(decls.len());
            let mut wrong = Vec::new();
            for decl in decls {
                match registry.build(decl) {
                    Ok(resource) => {
                        let receives = receivers.contains(&decl.id);
                        let (resource, claims) = Managed::new(resource.0, decl, receives);
                        let digest = decl.digest();
                        if let Some(known) = self.known.of(&digest) {
                            resource.recall(known);
                        }
                        built.push(Incoming {
                            id: decl.id.clone(),
                            claims,
                            resource,
                            digest,
                            meta: decl.meta.clone(),
                            origin: decl.origin,
                            undoes: false,
                            former: self.former(&decl.id),
                        });
                    }
                    Err(diagnostics) => wrong.extend(diagnostics),
                }
            }
            (built, wrong)
        };
        let (built, wrong) = in_parallel(&delta.set, build);
        if wrong.is_empty() { Ok(built) } else { Err(wrong) }
    }
}

/// What a load changes of what is declared, for the host.
struct DeclaredChange {
    added: Vec<Claim>,
    removed: Vec<Claim>,
}

impl DeclaredChange {
    fn of(graph: &Graph, diff: &GraphDiff<Managed>) -> Self {
        let set = diff.set.iter().map(|incoming| &incoming.id);
        let before = set.chain(&diff.remove).filter_map(|id| graph.graph.find(id));
        Self {
            removed: before.flat_map(|at| graph.graph.at(at).data.resource.provides()).collect(),
            added: diff.set.iter().flat_map(|incoming| incoming.claims.provides.iter().cloned()).collect(),
        }
    }
}

fn edge(from: &ResourceId, to: &ResourceId, notify: Option<bool>) -> NewEdge {
    NewEdge { from: from.clone(), to: to.clone(), notify }
}

fn already_receives(graph: &Graph, id: &ResourceId) -> bool {
    graph.graph.find(id).is_some_and(|at| graph.graph.at(at).data.receives.is_some())
}

/// Does the work on as many threads as there are processors, if there is enough of it, and puts the parts together in order.
fn in_parallel<T: Sync, A: Send, B: Send>(
    items: &[T],
    work: impl Fn(&[T]) -> (Vec<A>, Vec<B>) + Sync,
) -> (Vec<A>, Vec<B>) {
    if items.len() < PARALLEL_MIN {
        return work(items);
    }
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let mut chunks = items.chunks(items.len().div_ceil(threads));
    let first = chunks.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = chunks.map(|items| scope.spawn(move || work(items))).collect();
        let (mut all, mut rest) = work(first);
        for other in others {
            match other.join() {
                Ok((more, more_rest)) => {
                    all.extend(more);
                    rest.extend(more_rest);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (all, rest)
    })
}

fn diagnose(error: &LoadError, delta: &CatalogDelta) -> Vec<Diagnostic> {
    match error {
        LoadError::Unknown(id) => {
            let place =
                ordered(delta).find(|edge| edge.from == id || edge.to == id).and_then(|edge| edge.origin);
            let message = format!("{id} is not declared");
            vec![Diagnostic::error(codes::UNKNOWN_RESOURCE, Stage::Catalog, message).at(place)]
        }
        LoadError::Cycle(ids) => {
            let all = circles(ordered(delta));
            // One that goes over edges of before is known only here.
            if all.is_empty() { vec![circle::diagnostic(&through(ids, delta))] } else { all }
        }
    }
}

/// Who comes before whom by what is declared anew.
fn ordered(delta: &CatalogDelta) -> impl Iterator<Item = Before<'_>> {
    delta.set_edges.iter().map(Before::from).chain(delta.set_sends.iter().map(Before::from))
}

/// The edges of a circle, with the places of those that are declared anew.
fn through<'a>(ids: &'a [ResourceId], delta: &CatalogDelta) -> Vec<Before<'a>> {
    let origins: BTreeMap<_, _> = ordered(delta).map(|edge| ((edge.from, edge.to), edge.origin)).collect();
    let pairs = ids.iter().zip(ids.iter().cycle().skip(1));
    pairs.map(|(from, to)| Before { from, to, origin: origins.get(&(from, to)).copied().flatten() }).collect()
}

fn dropped_note(from: &ResourceId, to: &ResourceId) -> Diagnostic {
    let message = format!("the automatic edge {from} → {to} is left out, since it would close a circle");
    Diagnostic::note(codes::DROPPED_EDGE, Stage::Catalog, message)
}
