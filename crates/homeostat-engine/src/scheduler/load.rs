//! Loading: a full catalog and a delta both become one [`GraphDiff`], and applying it costs what it touches.
//!
//! A diff is applied as a whole or not at all. What it does not name is not even paused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_model::{Digest, Meta, ResourceId, Span};

use super::state::{Leaving, Owed, State};
use super::{Command, Scheduler, Subject};
use crate::event::EventKind;
use crate::graph::{Claims, Cycle, EdgeKinds};
use crate::journal::{Former, Record};
use crate::resource::{Causes, Drift};

/// A resource that is new or differently declared.
#[derive(Debug)]
pub(crate) struct Incoming<R> {
    pub(crate) id: ResourceId,
    pub(crate) resource: R,
    /// What it provides and needs, for automatic edges.
    pub(crate) claims: Claims,
    pub(crate) digest: Digest,
    pub(crate) meta: Arc<Meta>,
    pub(crate) origin: Option<Span>,
    /// It is there only to undo what was declared before, and goes when that is done.
    pub(crate) undoes: bool,
    /// How it was declared last, where what undoes it is durable already.
    pub(crate) former: Option<Former>,
}

/// A declared edge that is new, or goes.
#[derive(Debug)]
pub(crate) struct NewEdge {
    pub(crate) from: ResourceId,
    pub(crate) to: ResourceId,
    /// Whether it notifies; none when it goes.
    pub(crate) notify: Option<bool>,
}

/// A received parameter that is new, or goes.
#[derive(Debug)]
pub(crate) struct NewSend {
    pub(crate) to: ResourceId,
    pub(crate) param: Arc<str>,
    /// Who sends it, under which key; none when it goes.
    pub(crate) from: Option<(ResourceId, Arc<str>)>,
}

/// What is to change of the graph.
#[derive(Debug)]
pub(crate) struct GraphDiff<R> {
    pub(crate) set: Vec<Incoming<R>>,
    pub(crate) remove: Vec<ResourceId>,
    pub(crate) edges: Vec<NewEdge>,
    pub(crate) sends: Vec<NewSend>,
    /// Resources that stay as they are, but stand elsewhere in their text.
    pub(crate) moved: Vec<Moved>,
}

/// A vertex with the new place of its declaration.
pub(crate) type Moved = (u32, Option<Span>);

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LoadSummary {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) removed: usize,
    /// Automatic edges that are left out since they would close a cycle.
    pub(crate) dropped: Vec<(ResourceId, ResourceId)>,
}

/// Why a diff was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LoadError {
    /// Each comes before the next one, and the last before the first.
    Cycle(Vec<ResourceId>),
    /// An edge or a send names a resource that is not there.
    Unknown(ResourceId),
}

/// The structure of a diff once it is in the graph and before it is kept.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) added: Vec<u32>,
    pub(super) changed: Vec<u32>,
    removed: Vec<u32>,
    /// They go, but asked to be brought in order before.
    pub(super) realized: Vec<u32>,
    /// Their declared edges and sends go with the declaration that they belonged to.
    pub(super) unlinked: BTreeSet<u32>,
    claims_before: Vec<(u32, Claims)>,
}

impl Staged {
    /// Whether a send that was declared before is still there, unless the diff says otherwise.
    pub(super) fn keeps_send(&self, from: u32, to: u32) -> bool {
        let sends = !self.removed.contains(&from) && !self.realized.contains(&from);
        sends && !self.unlinked.contains(&from) && !self.unlinked.contains(&to)
    }
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// Applies a diff, or leaves everything as it was.
    pub(crate) fn load(&mut self, diff: GraphDiff<R>) -> Result<LoadSummary, LoadError> {
        let GraphDiff { set, remove, edges, sends, moved } = diff;
        let mut incoming = set;
        let staged = self.stage(&mut incoming, &remove);
        let explicit = match self.explicit_edges(&edges, &sends, &staged) {
            Ok(explicit) => explicit,
            Err(error) => {
                self.unstage(staged);
                return Err(error);
            }
        };
        let resolution = match self.graph.settle_edges(explicit) {
            Ok(resolution) => resolution,
            Err(Cycle(way)) => {
                let ids = way.into_iter().map(|at| self.graph.at(at).id.clone()).collect();
                self.unstage(staged);
                return Err(LoadError::Cycle(ids));
            }
        };
        let edges_before = self.graph.changed_edges();
        self.graph.keep();
        let id = |at: u32| self.graph.at(at).id.clone();
        let summary = LoadSummary {
            added: staged.added.len(),
            changed: staged.changed.len(),
            removed: staged.removed.len(),
            dropped: resolution.dropped.into_iter().map(|(from, to)| (id(from), id(to))).collect(),
        };
        for (at, origin) in moved {
            self.graph.at_mut(at).data.origin = origin;
        }
        for (at, incoming) in staged.changed.iter().zip(incoming) {
            self.redeclare(*at, incoming);
        }
        for at in &staged.realized {
            self.state_mut(*at).leaving = Leaving::WhenDone;
        }
        self.remember_going(&staged);
        self.drop_sends(&edges_before, &staged);
        self.follow_sends(sends);
        self.follow_edges(&edges_before, &staged.removed);
        for at in &staged.removed {
            self.retire(*at);
        }
        for at in &staged.added {
            self.welcome(*at);
        }
        self.tell_directories(&staged.claims_before);
        let declared = staged.added.iter().chain(&staged.changed).copied();
        self.follow_formers(declared.chain(edges_before.iter().map(|(_, to, _)| *to)));
        self.retry_going();
        let (added, changed, removed) = (summary.added, summary.changed, summary.removed);
        let resources = self.graph.len();
        self.event(None, Causes::DECLARED, None, EventKind::Loaded { resources, added, changed, removed });
        self.pump();
        Ok(summary)
    }

    /// Puts new vertices and claims into the graph and takes the edges of those that go. The incoming resources come in the order of
    /// `changed`, and after them those of `added`.
    fn stage(&mut self, incoming: &mut [Incoming<R>], remove: &[ResourceId]) -> Staged {
        let mut staged = Staged::default();
        self.graph.reserve(incoming.len());
        if self.graph.len() > 0 {
            incoming.sort_by_cached_key(|incoming| self.graph.find(&incoming.id).is_none());
        }
        for resource in incoming.iter_mut() {
            let claims = if self.policy.autoedges && resource.meta.autoedge {
                std::mem::take(&mut resource.claims)
            } else {
                Claims::default()
            };
            let at = match self.graph.find(&resource.id) {
                Some(at) => {
                    if resource.undoes || self.state(at).leaving != Leaving::No {
                        self.unlink(at);
                        staged.unlinked.insert(at);
                    }
                    staged.changed.push(at);
                    staged.claims_before.push((at, self.graph.claims_mut().of(at)));
                    at
                }
                None => {
                    let mut state =
                        State::new(resource.resource.clone(), resource.digest, resource.meta.clone());
                    state.origin = resource.origin;
                    state.leaving = if resource.undoes { Leaving::WhenUndone } else { Leaving::No };
                    let at = self.graph.insert(resource.id.clone(), state);
                    self.set_former(at, resource.former.take());
                    staged.added.push(at);
                    at
                }
            };
            self.graph.claims_mut().set(at, claims);
        }
        let going: Vec<u32> = remove.iter().filter_map(|id| self.graph.find(id)).collect();
        for at in going {
            let state = self.state(at);
            // One that would have to be undone right after is not brought in order first.
            let realize = state.meta.realize && !state.meta.reverse;
            if realize && !state.is_done() && !self.policy.noop {
                // Those that come before it still do; what came after it has nothing to wait for any more.
                self.unlink_successors(at);
                staged.realized.push(at);
            } else if state.leaving != Leaving::Now {
                staged.removed.push(at);
                staged.claims_before.push((at, self.graph.claims_mut().of(at)));
                self.graph.claims_mut().clear(at);
                self.graph.isolate(at);
            }
        }
        staged
    }

    /// Takes all that was declared between a vertex and others.
    fn unlink(&mut self, at: u32) {
        let preds: Vec<u32> = self.graph.at(at).preds.iter().map(|link| link.at).collect();
        for pred in preds {
            self.graph.take_edge(pred, at, EdgeKinds::EXPLICIT);
        }
        self.unlink_successors(at);
    }

    fn unlink_successors(&mut self, at: u32) {
        let succs: Vec<u32> = self.graph.at(at).succs.iter().map(|link| link.at).collect();
        for succ in succs {
            self.graph.take_edge(at, succ, EdgeKinds::EXPLICIT);
        }
    }

    /// Takes a staged diff back out.
    fn unstage(&mut self, staged: Staged) {
        self.graph.undo();
        for (at, claims) in staged.claims_before {
            self.graph.claims_mut().set(at, claims);
        }
        for at in staged.added {
            self.set_former(at, None);
            self.graph.remove(at);
        }
        self.graph.settle_edges([]).expect("what was there before had no cycle");
        self.graph.keep();
    }

    /// The explicit edges that the diff sets or takes, each pair of ends once.
    fn explicit_edges(
        &self,
        edges: &[NewEdge],
        sends: &[NewSend],
        staged: &Staged,
    ) -> Result<Vec<(u32, u32, EdgeKinds)>, LoadError> {
        let removed: BTreeSet<u32> = staged.removed.iter().copied().collect();
        let find = |id: &ResourceId| self.graph.find(id).filter(|at| !removed.contains(at));
        let mut explicit: BTreeMap<(u32, u32), EdgeKinds> = BTreeMap::new();
        for edge in edges {
            let unknown = |id: &ResourceId| LoadError::Unknown(id.clone());
            let (from, to) = match (find(&edge.from), find(&edge.to), edge.notify) {
                (Some(from), Some(to), _) => (from, to),
                (_, _, None) => continue,
                (None, _, Some(_)) => return Err(unknown(&edge.from)),
                (_, None, Some(_)) => return Err(unknown(&edge.to)),
            };
            let kinds = explicit.entry((from, to)).or_insert_with(|| self.explicit_of(from, to));
            *kinds = kinds.without(EdgeKinds::DECLARED.with(EdgeKinds::NOTIFY));
            *kinds = match edge.notify {
                Some(true) => kinds.with(EdgeKinds::DECLARED).with(EdgeKinds::NOTIFY),
                Some(false) => kinds.with(EdgeKinds::DECLARED),
                None => *kinds,
            };
        }
        self.explicit_sends(sends, staged, &find, &mut explicit)?;
        Ok(explicit.into_iter().map(|((from, to), kinds)| (from, to, kinds)).collect())
    }

    fn explicit_of(&self, from: u32, to: u32) -> EdgeKinds {
        self.graph.edge(from, to).without(EdgeKinds::AUTO)
    }

    fn explicit_sends(
        &self,
        sends: &[NewSend],
        staged: &Staged,
        find: &impl Fn(&ResourceId) -> Option<u32>,
        explicit: &mut BTreeMap<(u32, u32), EdgeKinds>,
    ) -> Result<(), LoadError> {
        let mut receivers: BTreeMap<u32, Vec<&NewSend>> = BTreeMap::new();
        for send in sends {
            match find(&send.to) {
                Some(to) => receivers.entry(to).or_default().push(send),
                None if send.from.is_some() => return Err(LoadError::Unknown(send.to.clone())),
                None => {}
            }
        }
        for (to, changes) in receivers {
            let mut senders: BTreeMap<Arc<str>, u32> = BTreeMap::new();
            let list = self.state(to).receives.iter().flat_map(|receives| &receives.list);
            let list = list.filter(|receive| staged.keeps_send(receive.from, to));
            let before: BTreeSet<u32> = list.clone().map(|receive| receive.from).collect();
            senders.extend(list.map(|receive| (receive.param.clone(), receive.from)));
            for change in changes {
                match &change.from {
                    Some((from, _)) => {
                        let at = find(from).ok_or_else(|| LoadError::Unknown(from.clone()))?;
                        senders.insert(change.param.clone(), at);
                    }
                    None => {
                        senders.remove(&change.param);
                    }
                }
            }
            let after: BTreeSet<u32> = senders.into_values().collect();
            for from in before.union(&after) {
                let kinds = explicit.entry((*from, to)).or_insert_with(|| self.explicit_of(*from, to));
                *kinds = kinds.without(EdgeKinds::SEND);
                if after.contains(from) {
                    *kinds = kinds.with(EdgeKinds::SEND);
                }
            }
        }
        Ok(())
    }

    /// A new vertex begins its life.
    fn welcome(&mut self, at: u32) {
        let owed = self.owed_before.remove(&self.graph.at(at).id).unwrap_or_default();
        let forget = {
            let state = self.state(at);
            state.former.is_some() && !state.meta.reverse && state.leaving == Leaving::No
        };
        if forget {
            let id = self.graph.at(at).id.clone();
            self.commands.push(Command::Record(None, vec![Record::ForgetUndo(id)]));
            self.set_former(at, None);
        }
        self.remember_elsewhere(at);
        self.begin_or_end_publishing(at);
        let state = self.state_mut(at);
        for sender in owed {
            state.owed.insert(sender, Owed { fired: true, durable: true });
        }
        if state.is_done() {
            self.release_waiters(at);
        } else {
            self.advance(at);
        }
    }
}
