//! Refreshes are owed from before the change that asks for them until they were done, and a crash in between loses none.
//!
//! Before a vertex with notify edges is applied, the intent is made durable and *announced* to the receivers. When the apply has
//! succeeded it is *fired*. A receiver that refreshed clears those that had fired when it began.

use homeostat_model::ResourceId;

use super::state::Owed;
use super::{Command, Scheduler, Subject};
use crate::graph::EdgeKinds;
use crate::journal::{Intent, Record};
use crate::resource::{Causes, Drift};

impl<R: Subject, D: Drift> Scheduler<R, D> {
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

    /// The receivers for whom it must be durable, before a vertex is applied, that they will have to refresh.
    pub(super) fn announcements(&self, at: u32) -> Vec<u32> {
        let vertex = self.graph.at(at);
        let receivers = vertex.succs.iter().filter(|link| link.kinds.has(EdgeKinds::NOTIFY));
        receivers.map(|link| link.at).filter(|receiver| !self.owes_durably(*receiver, &vertex.id)).collect()
    }

    pub(super) fn intent(&self, sender: u32, receiver: u32) -> Intent {
        Intent { receiver: self.graph.at(receiver).id.clone(), sender: self.graph.at(sender).id.clone() }
    }

    fn owes_durably(&self, receiver: u32, sender: &ResourceId) -> bool {
        self.state(receiver).owed.get(sender).is_some_and(|owed| owed.durable)
    }

    /// These will have to refresh when the vertex has changed.
    pub(super) fn announce(&mut self, at: u32, receivers: Vec<u32>) {
        let sender = self.graph.at(at).id.clone();
        for receiver in receivers {
            self.note_owed(receiver, sender.clone(), Owed { fired: false, durable: false });
        }
    }

    /// What was announced to these is durable now. Of one that was forgiven meanwhile, it was cleared again right after that.
    pub(super) fn announced_durably(&mut self, at: u32, receivers: Vec<u32>) {
        let sender = self.graph.at(at).id.clone();
        for receiver in receivers {
            if let Some(owed) = self.state_mut(receiver).owed.get_mut(&sender) {
                owed.durable = true;
            }
        }
    }

    /// A vertex changed: whoever it announced that to must refresh.
    pub(super) fn fire_announced(&mut self, at: u32) {
        self.count_change(at);
        let sender = self.graph.at(at).id.clone();
        let receivers: Vec<u32> = self.notified_by(at);
        for receiver in receivers {
            self.owe(receiver, &sender);
        }
    }

    /// A vertex goes. What it may have changed is told at last, and what it only meant to change is taken back.
    pub(super) fn end_announcements(&mut self, at: u32) {
        if self.state(at).half_applied {
            self.fire_announced(at);
            return;
        }
        let sender = self.graph.at(at).id.clone();
        let mut taken_back = Vec::new();
        for receiver in self.notified_by(at) {
            let state = self.state_mut(receiver);
            if state.owed.get(&sender).is_some_and(|owed| !owed.fired) {
                state.owed.remove(&sender);
                // A refresh that runs was asked for by an earlier change: it stays durable until that has ended.
                if !state.refreshing.contains_key(&sender) {
                    taken_back.push(Record::Clear(self.intent(at, receiver)));
                }
            }
        }
        self.record_unawaited(taken_back);
    }

    /// A vertex goes, and whatever it owed nobody will do.
    pub(super) fn forget_owed(&mut self, at: u32) {
        let receiver = self.graph.at(at).id.clone();
        let state = self.state_mut(at);
        let owed = state.owed.take().into_keys().chain(state.refreshing.take().into_keys());
        let clear = |sender| Record::Clear(Intent { receiver: receiver.clone(), sender });
        let records = owed.map(clear).collect();
        if !self.policy.noop {
            self.record_unawaited(records);
        }
    }

    /// Nobody waits for these: if they are lost, a refresh is done once more than needed.
    fn record_unawaited(&mut self, records: Vec<Record>) {
        if !records.is_empty() {
            self.commands.push(Command::Record(None, records));
        }
    }

    /// Its receivers now, and those from before an edge was taken away while it was being applied.
    fn notified_by(&mut self, at: u32) -> Vec<u32> {
        let links = self.graph.at(at).succs.iter().filter(|link| link.kinds.has(EdgeKinds::NOTIFY));
        let mut receivers: Vec<u32> = links.map(|link| link.at).collect();
        let former = self.state_mut(at).announced.take();
        receivers.extend(former.into_iter().filter_map(|key| self.graph.resolve(key)));
        receivers.sort_unstable();
        receivers.dedup();
        receivers
    }

    /// A receiver must refresh because a sender changed.
    pub(super) fn owe(&mut self, receiver: u32, sender: &ResourceId) {
        self.note_owed(receiver, sender.clone(), Owed { fired: true, durable: false });
        self.wake(receiver, Causes::PREDECESSOR);
    }

    /// Adds what is owed to what is known of it already.
    fn note_owed(&mut self, receiver: u32, sender: ResourceId, new: Owed) {
        let known = self.state_mut(receiver).owed.entry(sender).or_insert(new);
        known.fired |= new.fired;
        known.durable |= new.durable;
    }

    /// In a dry run, whoever would be notified would refresh.
    pub(super) fn announce_would_change(&mut self, at: u32) {
        let sender = self.graph.at(at).id.clone();
        for receiver in self.notified_by(at) {
            self.owe(receiver, &sender);
        }
    }

    /// A refresh was done: what asked for it before it began is cleared, unless it was asked for again meanwhile.
    pub(super) fn refresh_done(&mut self, at: u32) {
        let receiver = self.graph.at(at).id.clone();
        let state = self.state_mut(at);
        let done = state.refreshing.take();
        let cleared = done.into_keys().filter(|sender| !state.owed.contains_key(sender));
        let records: Vec<Record> =
            cleared.map(|sender| Record::Clear(Intent { receiver: receiver.clone(), sender })).collect();
        self.record_unawaited(records);
    }

    /// A refresh was not done: it is owed as before.
    pub(super) fn owe_again(&mut self, at: u32) {
        for (sender, owed) in self.state_mut(at).refreshing.take() {
            self.note_owed(at, sender, owed);
        }
    }

    /// Whoever only reports does not refresh, and then owes nothing. A dry run leaves what is durable as it is.
    pub(super) fn forgive(&mut self, at: u32) {
        let dry = self.policy.noop;
        let receiver = self.graph.at(at).id.clone();
        let state = self.state_mut(at);
        let fired: Vec<ResourceId> =
            state.owed.iter().filter(|(_, owed)| owed.fired).map(|(sender, _)| sender.clone()).collect();
        if !fired.is_empty() {
            state.owed.retain(|_, owed| !owed.fired);
        }
        if !dry {
            let clear = |sender| Record::Clear(Intent { receiver: receiver.clone(), sender });
            self.record_unawaited(fired.into_iter().map(clear).collect());
        }
    }
}
