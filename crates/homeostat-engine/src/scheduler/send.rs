//! Values that one vertex produces and others receive.

use std::sync::Arc;

use homeostat_model::Value;

use super::state::Watching;
use super::{Scheduler, Subject};
use crate::graph::EdgeKinds;
use crate::resource::{Causes, Drift, Outputs};

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// The value that a vertex sent last under a key.
    pub(super) fn sent_value(&self, at: u32, key: &str) -> Option<Value> {
        let mut sent = self.state(at).sent.iter();
        sent.find(|(have, _)| *have == key).map(|(_, value)| value.clone())
    }

    /// Hands on what changed of a vertex's outputs to those that receive it.
    pub(super) fn send(&mut self, at: u32, outputs: &Outputs) {
        let changed: Vec<(&'static str, Value)> = outputs
            .iter()
            .filter(|(key, value)| self.sent_value(at, key).as_ref() != Some(*value))
            .map(|(key, value)| (key, value.clone()))
            .collect();
        if changed.is_empty() {
            return;
        }
        let mut sent = std::mem::take(&mut self.state_mut(at).sent);
        for (key, value) in &changed {
            sent = sent.with(key, value.clone());
        }
        self.state_mut(at).sent = sent;
        let links = self.graph.at(at).succs.iter().filter(|link| link.kinds.has(EdgeKinds::SEND));
        let receivers: Vec<u32> = links.map(|link| link.at).collect();
        for receiver in receivers {
            if self.deliver(receiver, at, &changed) {
                self.wake(receiver, Causes::RECEIVED);
            }
        }
    }

    /// Says whether the receiver got anything new.
    fn deliver(&mut self, receiver: u32, from: u32, changed: &[(&'static str, Value)]) -> bool {
        let Some(receives) = &mut self.state_mut(receiver).receives else {
            return false;
        };
        let mut news = false;
        for receive in receives.list.iter_mut().filter(|receive| receive.from == from) {
            let value =
                changed.iter().find(|(key, _)| Arc::<str>::from(*key) == receive.key).map(|(_, value)| value);
            if let Some(value) = value {
                receive.value = Some(value.clone());
                news = true;
            }
        }
        if news {
            self.received_anew(receiver);
        }
        news
    }

    /// What a vertex receives is different: it gets a version that no other values had, and what it watches may differ too.
    pub(super) fn received_anew(&mut self, at: u32) {
        self.values_version += 1;
        let version = self.values_version;
        let state = self.state_mut(at);
        if state.watching == Watching::Current {
            state.watching = Watching::Former;
        }
        match &mut state.receives {
            Some(receives) if receives.list.is_empty() => state.receives = None,
            Some(receives) => receives.version = version,
            None => {}
        }
    }
}
