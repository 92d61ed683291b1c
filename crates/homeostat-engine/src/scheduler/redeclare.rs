//! Vertices that get another declaration, and what follows edges and sends that come and go.

use super::load::{Incoming, NewSend, Staged};
use super::state::{Leaving, Past, Phase, Receive, State, Watching};
use super::{Command, Scheduler, Subject};
use crate::graph::EdgeKinds;
use crate::journal::Record;
use crate::resource::{Causes, Drift};

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// A vertex gets another declaration, wherever it is on its way.
    pub(super) fn redeclare(&mut self, at: u32, incoming: Incoming<R>) {
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
    pub(super) fn call_back(&mut self, at: u32) {
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

    pub(super) fn follow_sends(&mut self, sends: Vec<NewSend>) {
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
    pub(super) fn follow_edges(&mut self, before: &[(u32, u32, EdgeKinds)], removed: &[u32]) {
        for (from, to, kinds) in before.iter().copied() {
            let sender = self.graph.at(from).id.clone();
            let lost_notify =
                kinds.has(EdgeKinds::NOTIFY) && !self.graph.edge(from, to).has(EdgeKinds::NOTIFY);
            let announced = |state: &State<R, D>| state.owed.get(&sender).is_some_and(|owed| !owed.fired);
            // Who goes while something runs for it may be declared again before that ends, and then is the same one.
            let is_gone = removed.contains(&to) && !self.state(to).phase.is_in_flight();
            if lost_notify && announced(self.state(to)) && !is_gone {
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
    pub(super) fn drop_sends(&mut self, before: &[(u32, u32, EdgeKinds)], staged: &Staged) {
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
}
