//! Loading: a full catalog and a delta both become one [`GraphDiff`], and applying it costs what it touches.
//!
//! A diff is applied as a whole or not at all. What it does not name is not even paused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_model::{
    Catalog, CatalogDelta, Digest, EdgeDecl, Meta, ResourceDecl, ResourceId, SendDecl, Span,
};

use super::state::{Leaving, Owed, Past, Phase, Receive, Standing, State, Watching};
use super::{Command, Scheduler, Subject};
use crate::event::EventKind;
use crate::graph::{Claims, Cycle, EdgeKinds};
use crate::journal::{Former, Intent, Record};
use crate::resource::{Causes, Claim, Drift};

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
struct Staged {
    added: Vec<u32>,
    changed: Vec<u32>,
    removed: Vec<u32>,
    /// They go, but asked to be brought in order before.
    realized: Vec<u32>,
    /// Their declared edges and sends go with the declaration that they belonged to.
    unlinked: BTreeSet<u32>,
    claims_before: Vec<(u32, Claims)>,
}

impl Staged {
    /// Whether a send that was declared before is still there, unless the diff says otherwise.
    fn keeps_send(&self, from: u32, to: u32) -> bool {
        let sends = !self.removed.contains(&from) && !self.realized.contains(&from);
        sends && !self.unlinked.contains(&from) && !self.unlinked.contains(&to)
    }
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// What differs between the graph and a full catalog, and what only stands elsewhere in it.
    pub(crate) fn compare(&self, catalog: Catalog) -> (CatalogDelta, Vec<Moved>) {
        let Catalog { resources, edges, sends, .. } = catalog;
        let mut declared: Vec<bool> = vec![false; self.graph.slots_len()];
        let found: Vec<Option<u32>> = resources.iter().map(|decl| self.graph.find(&decl.id)).collect();
        for at in found.iter().flatten() {
            declared[*at as usize] = true;
        }
        let mut delta = CatalogDelta::default();
        let mut stay: Vec<bool> = vec![false; self.graph.slots_len()];
        for (at, vertex) in self.graph.iter().filter(|(_, vertex)| vertex.data.leaving == Leaving::No) {
            if declared[at as usize] {
                stay[at as usize] = true;
            } else {
                delta.remove.push(vertex.id.clone());
            }
        }
        self.compare_edges(edges, &stay, &mut delta);
        self.compare_sends(sends, &stay, &mut delta);
        let receivers: BTreeSet<ResourceId> = delta.set_sends.iter().map(|send| send.to.clone()).collect();
        let mut moved = Vec::new();
        for (decl, at) in resources.into_iter().zip(found) {
            match at {
                Some(at) if !self.differs(&decl, Some(at), &receivers) => {
                    if self.state(at).origin != decl.origin {
                        moved.push((at, decl.origin));
                    }
                }
                Some(_) | None => delta.set.push(decl),
            }
        }
        (delta, moved)
    }

    /// Whether a declaration is new or different. One that begins to receive is needed even if it is the same as before.
    fn differs(&self, decl: &ResourceDecl, at: Option<u32>, receivers: &BTreeSet<ResourceId>) -> bool {
        let Some(at) = at else { return true };
        let state = self.state(at);
        let begins_to_receive =
            !receivers.is_empty() && state.receives.is_none() && receivers.contains(&decl.id);
        state.leaving != Leaving::No || begins_to_receive || state.digest != decl.digest()
    }

    fn compare_edges(&self, edges: Vec<EdgeDecl>, stay: &[bool], delta: &mut CatalogDelta) {
        let stays = |at: &u32| stay[*at as usize];
        let mut wanted: BTreeSet<(u32, u32)> = BTreeSet::new();
        for edge in edges {
            let ends = self.graph.find(&edge.from).zip(self.graph.find(&edge.to));
            let kept = ends.filter(|(from, to)| stays(from) && stays(to));
            let kinds = kept.map_or(EdgeKinds::NONE, |(from, to)| self.graph.edge(from, to));
            wanted.extend(ends);
            if !kinds.has(EdgeKinds::DECLARED) || kinds.has(EdgeKinds::NOTIFY) != edge.notify {
                delta.set_edges.push(edge);
            }
        }
        for (at, vertex) in self.graph.iter().filter(|(at, _)| stays(at)) {
            for link in vertex.succs.iter().filter(|link| link.kinds.has(EdgeKinds::DECLARED)) {
                if stays(&link.at) && !wanted.contains(&(at, link.at)) {
                    delta.remove_edges.push((vertex.id.clone(), self.graph.at(link.at).id.clone()));
                }
            }
        }
    }

    fn compare_sends(&self, sends: Vec<SendDecl>, stay: &[bool], delta: &mut CatalogDelta) {
        let stays = |at: &u32| stay[*at as usize];
        let mut wanted: BTreeSet<(u32, Arc<str>)> = BTreeSet::new();
        for send in sends {
            let receiver = self.graph.find(&send.to).filter(stays);
            let sender = self.graph.find(&send.from).filter(stays);
            let same = receiver.zip(sender).is_some_and(|(at, sender)| {
                wanted.insert((at, send.param.clone()));
                let list = self.state(at).receives.iter().flat_map(|receives| &receives.list);
                let mut same = list.filter(|receive| receive.param == send.param);
                same.any(|receive| receive.key == send.key && receive.from == sender)
            });
            if !same {
                delta.set_sends.push(send);
            }
        }
        for (at, vertex) in self.graph.iter().filter(|(at, _)| stays(at)) {
            for receive in vertex.data.receives.iter().flat_map(|receives| &receives.list) {
                if !wanted.contains(&(at, receive.param.clone())) {
                    delta.remove_sends.push((vertex.id.clone(), receive.param.clone()));
                }
            }
        }
    }

    /// Remembers refreshes that were owed before we started.
    pub(crate) fn remember_owed(&mut self, intents: Vec<Intent>) {
        for intent in intents {
            self.owed_before.entry(intent.receiver).or_default().push(intent.sender);
        }
    }

    /// Refreshes that were owed before we started, for vertices that are no more: nobody will do them.
    pub(crate) fn forget_owed_before(&mut self) {
        let forgotten = std::mem::take(&mut self.owed_before);
        let clear = |receiver: ResourceId, sender| Record::Clear(Intent { receiver, sender });
        let records: Vec<Record> = forgotten
            .into_iter()
            .flat_map(|(receiver, senders)| {
                senders.into_iter().map(move |sender| clear(receiver.clone(), sender))
            })
            .collect();
        if !records.is_empty() {
            self.commands.push(Command::Record(None, records));
        }
        self.forget_elsewhere_before();
    }

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
        self.settled_said = false;
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

    /// A vertex gets another declaration, wherever it is on its way.
    fn redeclare(&mut self, at: u32, incoming: Incoming<R>) {
        if !self.state(at).phase.is_in_flight() {
            self.call_back(at);
        }
        // What was captured may be on its way to the journal.
        let known =
            incoming.former.is_some() || self.state(at).former.is_some() || self.state(at).undo.is_some();
        let forget = known && !incoming.meta.reverse && !incoming.undoes;
        if forget {
            self.commands.push(Command::Record(None, vec![Record::ForgetUndo(incoming.id.clone())]));
            self.state_mut(at).undo = None;
            self.set_former(at, None);
        } else if let Some(former) = incoming.former.clone()
            && self.state(at).former.is_none()
        {
            self.set_former(at, Some(former));
        }
        self.rearm(at, &incoming);
        let state = self.state_mut(at);
        if state.digest != incoming.digest {
            state.past = Past::New;
        }
        state.resource = incoming.resource;
        state.digest = incoming.digest;
        state.meta = incoming.meta;
        state.origin = incoming.origin;
        state.version += 1;
        state.leaving = if incoming.undoes { Leaving::WhenUndone } else { Leaving::No };
        state.dirty = true;
        state.causes = state.causes.and(Causes::DECLARED);
        let meta = state.meta.clone();
        state.pace.redeclare(&meta);
        self.begin_or_end_publishing(at);
        if meta.hidden {
            self.stop_waiting(at);
            self.tell_what_was_half_applied(at);
        }
        self.advance(at);
        if self.state(at).is_done() {
            self.release_waiters(at);
        }
    }

    /// Makes the next check arm the watches of a new declaration where they differ. What is polled or hidden is not watched.
    fn rearm(&mut self, at: u32, incoming: &Incoming<R>) {
        let watched = incoming.meta.poll_seconds == 0 && !incoming.meta.hidden;
        let state = self.state_mut(at);
        let same = state.resource.same_watches(&incoming.resource) && !incoming.meta.rewatch;
        match state.watching {
            Watching::Current | Watching::Former if !watched => {
                state.watching = Watching::Nothing;
                let key = self.graph.key(at);
                self.commands.push(Command::Disarm(key));
            }
            Watching::Current if !same => state.watching = Watching::Former,
            Watching::Current | Watching::Former | Watching::Nothing => {}
        }
    }

    /// Takes a vertex that is under way, but not in flight, back to idle.
    fn call_back(&mut self, at: u32) {
        self.batch_no_longer_expects(at);
        match self.state(at).phase {
            Phase::Batching(_) => self.leave_batch(at),
            Phase::Starved => self.stop_starving(at),
            Phase::Idle
            | Phase::Queued
            | Phase::Checking
            | Phase::Recording(_)
            | Phase::Ready(_)
            | Phase::Applying => {}
        }
        self.state_mut(at).phase = Phase::Idle;
        self.release_permits(at);
    }

    fn follow_sends(&mut self, sends: Vec<NewSend>) {
        for send in sends {
            let Some(to) = self.graph.find(&send.to) else {
                continue;
            };
            let from = send.from.and_then(|(id, key)| Some((self.graph.find(&id)?, key)));
            let receive = from.map(|(from, key)| Receive {
                value: self.sent_value(from, &key),
                param: send.param.clone(),
                from,
                key,
            });
            let receives = self.state_mut(to).receives.get_or_insert_default();
            receives.list.retain(|have| have.param != send.param);
            receives.list.extend(receive);
            self.received_anew(to);
            self.wake(to, Causes::RECEIVED);
        }
    }

    /// Those who waited for a predecessor that is none any more go on; what senders announced over edges that are gone stays announced.
    fn follow_edges(&mut self, before: &[(u32, u32, EdgeKinds)], removed: &[u32]) {
        for (from, to, kinds) in before.iter().copied() {
            let sender = self.graph.at(from).id.clone();
            let lost_notify =
                kinds.has(EdgeKinds::NOTIFY) && !self.graph.edge(from, to).has(EdgeKinds::NOTIFY);
            let announced = |state: &State<R, D>| state.owed.get(&sender).is_some_and(|owed| !owed.fired);
            if lost_notify && announced(self.state(to)) && !removed.contains(&to) {
                let key = self.graph.key(to);
                self.state_mut(from).announced.push(key);
            }
            if self.state(to).waiting_on == Some(from) {
                self.state_mut(to).waiting_on = None;
                self.advance(to);
            }
        }
    }

    /// Forgets the sends that went with one of their ends.
    fn drop_sends(&mut self, before: &[(u32, u32, EdgeKinds)], staged: &Staged) {
        for (from, to, kinds) in before.iter().copied() {
            if kinds.has(EdgeKinds::SEND) && !staged.keeps_send(from, to) {
                self.drop_receives(to, from);
            }
        }
        for at in &staged.unlinked {
            self.state_mut(*at).receives = None;
        }
    }

    fn drop_receives(&mut self, at: u32, from: u32) {
        let Some(receives) = &mut self.state_mut(at).receives else { return };
        let before = receives.list.len();
        receives.list.retain(|receive| receive.from != from);
        if receives.list.len() == before {
            return;
        }
        self.received_anew(at);
        self.wake(at, Causes::RECEIVED);
    }

    /// A vertex goes: at once, or when what runs for it has ended.
    fn retire(&mut self, at: u32) {
        self.uncount(at);
        if self.state(at).phase.is_in_flight() {
            self.batch_no_longer_expects(at);
            self.state_mut(at).leaving = Leaving::Now;
            self.release_waiters(at);
        } else {
            self.call_back(at);
            self.drop_vertex(at);
        }
    }

    /// What is no longer declared is for the directory that it lies in to look at: it may purge what nobody declares.
    fn tell_directories(&mut self, claims_before: &[(u32, Claims)]) {
        let mut directories: BTreeSet<u32> = BTreeSet::new();
        for (at, before) in claims_before {
            let after = self.graph.claims_mut().of(*at);
            for claim in before.provides.iter().filter(|claim| !after.provides.contains(claim)) {
                if let Claim::Path(path) = claim {
                    directories.extend(self.graph.claims_mut().providers_above(path));
                }
            }
        }
        for directory in directories {
            self.wake(directory, Causes::DECLARED);
        }
    }

    /// A vertex that nothing runs for leaves the graph.
    pub(super) fn drop_vertex(&mut self, at: u32) {
        self.release_permits(at);
        self.end_announcements(at);
        self.forget_owed(at);
        self.forget_elsewhere(at);
        self.uncount(at);
        self.set_former(at, None);
        self.commands.push(Command::Disarm(self.graph.key(at)));
        self.event(Some(at), Causes::none(), None, EventKind::Removed);
        let waiters = std::mem::take(&mut self.graph.at_mut(at).data.waiters);
        let claimed = matches!(self.state(at).leaving, Leaving::WhenDone | Leaving::WhenUndone);
        self.graph.remove(at);
        if claimed {
            // Its claims made edges, and kept out others.
            self.graph.settle_edges([]).expect("what is left of a graph without a cycle has none");
        }
        let mut edges_before = self.graph.changed_edges();
        self.graph.keep();
        edges_before.retain(|(from, to, _)| self.graph.is_used(*from) && self.graph.is_used(*to));
        self.follow_edges(&edges_before, &[]);
        for waiter in waiters {
            if self.graph.is_used(waiter) && self.state(waiter).waiting_on == Some(at) {
                self.state_mut(waiter).waiting_on = None;
                self.advance(waiter);
            }
        }
    }

    fn remember_going(&mut self, staged: &Staged) {
        let declared = staged.added.iter().chain(&staged.changed).chain(&staged.realized);
        for at in declared.copied() {
            let key = self.graph.key(at);
            match self.state(at).leaving {
                Leaving::WhenDone | Leaving::WhenUndone => self.going.insert(key),
                Leaving::No | Leaving::Now => !self.going.is_empty() && self.going.remove(&key),
            };
        }
    }

    /// Nobody can declare those anew that are on their way out: whoever gave up tries again with each load.
    fn retry_going(&mut self) {
        let mut going = std::mem::take(&mut self.going);
        going.retain(|key| self.graph.resolve(*key).is_some());
        for key in &going {
            let Some(at) = self.graph.resolve(*key) else { continue };
            if matches!(self.state(at).standing, Standing::Failed(_)) && !self.state(at).dirty {
                self.wake(at, Causes::ASKED);
            }
        }
        self.going = going;
    }

    /// A vertex that was kept only until it was in order, or undone, goes.
    pub(super) fn leave_if_wanted(&mut self, at: u32) {
        match self.state(at).leaving {
            Leaving::No | Leaving::Now => {}
            // In a dry run nothing was undone: what would be stays to be seen. So does what only reports.
            Leaving::WhenDone | Leaving::WhenUndone if self.policy.noop => {}
            Leaving::WhenUndone if self.state(at).standing == Standing::Reported => {}
            Leaving::WhenDone => self.drop_vertex(at),
            Leaving::WhenUndone => {
                let id = self.graph.at(at).id.clone();
                self.commands.push(Command::Record(None, vec![Record::ForgetUndo(id)]));
                self.drop_vertex(at);
            }
        }
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
