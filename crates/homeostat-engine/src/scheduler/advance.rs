//! From dirty to queued: predecessors, received values, pace.

use std::sync::Arc;

use crate::event::EventKind;
use crate::resource::{Causes, Drift};

use super::state::{Hindrance, Leaving, Phase, Standing};
use super::{Scheduler, Subject};

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// Makes a vertex be looked at. Wherever it is on its way, the wake is not lost.
    pub(super) fn wake(&mut self, at: u32, cause: Causes) {
        let now = self.now;
        let state = self.state_mut(at);
        if state.leaving == Leaving::Now || state.meta.hidden {
            return;
        }
        state.dirty = true;
        state.causes = state.causes.and(cause);
        if cause.any(Causes::WAKE.and(Causes::PREDECESSOR).and(Causes::RECEIVED).and(Causes::ASKED)) {
            state.pace.hasten(now);
        }
        self.advance(at);
    }

    /// Moves a dirty vertex as far as it can go. Does nothing for one that is under way: it is seen to when that ends.
    pub(super) fn advance(&mut self, at: u32) {
        let state = self.state(at);
        let idle = matches!(state.phase, Phase::Idle);
        if !idle || !state.dirty || self.stopping || state.leaving == Leaving::Now || state.meta.hidden {
            return;
        }
        if let Some(pred) = self.undone_pred(at) {
            self.wait_for(at, pred);
            return;
        }
        self.state_mut(at).waiting_on = None;
        let missing = self.missing_value(at);
        let waits = missing.is_some();
        self.hinder(at, missing.map(Hindrance::Waiting));
        if waits {
            return;
        }
        if let Some(until) = self.held_until(at) {
            self.schedule(at, until);
            return;
        }
        self.state_mut(at).phase = Phase::Queued;
        self.batch_expects(at);
        self.turns.add_check(at);
    }

    /// A predecessor that is not done. The search goes on where the last one ended, so that many predecessors that end one after the other
    /// cost each one look.
    pub(super) fn undone_pred(&mut self, at: u32) -> Option<u32> {
        let vertex = self.graph.at(at);
        let count = vertex.preds.len();
        let start = vertex.data.cursor as usize;
        let past = vertex.data.past;
        for step in 0..count {
            let position = (start + step) % count;
            let link = vertex.preds.nth(position).expect("the position is below the count");
            if !self.lets_pass(link.at, past) {
                let cursor = u32::try_from(position).expect("degrees fit 32 bits");
                self.graph.at_mut(at).data.cursor = cursor;
                return Some(link.at);
            }
        }
        None
    }

    pub(super) fn wait_for(&mut self, at: u32, pred: u32) {
        if self.state(at).waiting_on != Some(pred) {
            self.state_mut(at).waiting_on = Some(pred);
            self.graph.at_mut(pred).data.waiters.push(at);
        }
        self.follow_hindrance(at);
    }

    /// It waits for nobody any more, and is hindered by nothing.
    pub(super) fn stop_waiting(&mut self, at: u32) {
        self.state_mut(at).waiting_on = None;
        self.hinder(at, None);
    }

    /// Lets those go on that waited for a vertex which is done, or gone.
    pub(super) fn release_waiters(&mut self, at: u32) {
        let waiters = std::mem::take(&mut self.graph.at_mut(at).data.waiters);
        for waiter in waiters {
            if self.graph.is_used(waiter) && self.state(waiter).waiting_on == Some(at) {
                self.state_mut(waiter).waiting_on = None;
                self.advance(waiter);
            }
        }
    }

    /// Brings what hinders a vertex up to date with the predecessor that it waits for.
    pub(super) fn follow_hindrance(&mut self, at: u32) {
        let hindrance = self.state(at).waiting_on.and_then(|pred| self.hindrance_of(pred));
        self.hinder(at, hindrance);
    }

    /// Says what hinders a vertex, where that is news, and then those that wait for it in turn.
    fn hinder(&mut self, at: u32, hindrance: Option<Hindrance>) {
        let mut next = Some((at, hindrance));
        let mut todo = Vec::new();
        while let Some((at, hindrance)) = next.take().or_else(|| todo.pop()) {
            if hindrance.as_ref() == self.state(at).hindrance.as_deref() {
                continue;
            }
            let event = hindrance.as_ref().map(|hindrance| match hindrance {
                Hindrance::Blocked(by) => EventKind::Blocked { by: vec![by.clone()] },
                Hindrance::Waiting(on) => EventKind::Waiting { on: on.clone() },
            });
            self.state_mut(at).hindrance = hindrance.map(Box::new);
            if let Some(event) = event {
                self.event(Some(at), self.state(at).causes, None, event);
            }
            let waiters = self.waiters_of(at);
            todo.extend(waiters.into_iter().map(|waiter| (waiter, self.hindrance_of(at))));
        }
    }

    /// After a vertex failed.
    pub(super) fn tell_waiters(&mut self, at: u32) {
        for waiter in self.waiters_of(at) {
            self.follow_hindrance(waiter);
        }
    }

    fn waiters_of(&self, at: u32) -> Vec<u32> {
        let waiters = self.state(at).waiters.iter().copied();
        waiters
            .filter(|waiter| self.graph.is_used(*waiter) && self.state(*waiter).waiting_on == Some(at))
            .collect()
    }

    fn hindrance_of(&self, pred: u32) -> Option<Hindrance> {
        let vertex = self.graph.at(pred);
        match (&vertex.data.standing, &vertex.data.hindrance) {
            (Standing::Failed(_), _) => Some(Hindrance::Blocked(vertex.id.clone())),
            (_, Some(hindrance)) => Some((**hindrance).clone()),
            (Standing::Waiting(on) | Standing::Unknown(on), None) => Some(Hindrance::Waiting(on.clone())),
            (Standing::New | Standing::InOrder | Standing::Reported, None) => None,
        }
    }

    /// What a vertex should have received by now, since its predecessors are done.
    fn missing_value(&self, at: u32) -> Option<Arc<str>> {
        let receives = self.state(at).receives.as_ref()?;
        let missing = receives.list.iter().find(|receive| receive.value.is_none())?;
        Some(format!("`{}` from {}", missing.key, self.graph.at(missing.from).id).into())
    }
}
