//! What operations ask of the world: shared where requests are equal, counted, and ended when nobody asks any more.
//!
//! Nothing is subscribed here. What has to be done is left as a list, and whoever runs the flow does it, or does not:
//! where nothing is executed, nothing is ever answered.

use std::collections::{BTreeSet, HashMap};

use crate::functions::{Answer, SourceRequest};

/// A subscription. An answer to one that has ended is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

/// What has to be done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asking {
    /// Somebody wants to know, now and for as long as it lasts.
    Begin(SubscriptionId, SourceRequest),
    /// Nobody does any more.
    End(SubscriptionId),
}

/// Of what a call remembers, so many values can be on their way; older ones are forgotten.
const DELAYED_MAX: usize = 1000;

#[derive(Default)]
pub(super) struct Subscriptions {
    all: HashMap<SubscriptionId, Subscription>,
    shared: HashMap<SourceRequest, SubscriptionId>,
    /// In the order in which each operation asked first.
    by_asker: HashMap<u32, Vec<SubscriptionId>>,
    /// Those that may have lost their last asker in this batch.
    unasked: Vec<SubscriptionId>,
    to_do: Vec<Asking>,
    next: u64,
}

struct Subscription {
    request: SourceRequest,
    answer: Option<Answer>,
    askers: BTreeSet<u32>,
}

impl Subscriptions {
    /// What an operation is told. It is asked for from now on, and goes into `asked`.
    pub(super) fn ask(
        &mut self,
        asker: u32,
        request: &SourceRequest,
        asked: &mut Vec<SubscriptionId>,
    ) -> Option<Answer> {
        let is_same = |id: &SubscriptionId| self.all[id].request == *request;
        let known = match request {
            // What it was before is another question: its time begins anew.
            SourceRequest::Delayed { .. } => self.own(asker).next_back().filter(is_same),
            request if request.is_per_call() => self.own(asker).find(is_same),
            request => self.shared.get(request).copied(),
        };
        let id = known.unwrap_or_else(|| self.begin(request));
        let subscription = self.all.get_mut(&id)?;
        if subscription.askers.insert(asker) {
            self.by_asker.entry(asker).or_default().push(id);
        }
        asked.push(id);
        match request {
            SourceRequest::Delayed { .. } => self.delayed(asker, asked),
            _ => self.all[&id].answer.clone(),
        }
    }

    /// An operation has run: what it did not ask this time, it does not want any more.
    pub(super) fn keep_only(&mut self, asker: u32, asked: &[SubscriptionId]) {
        let Some(own) = self.by_asker.get_mut(&asker) else { return };
        let (kept, dropped): (Vec<_>, Vec<_>) = own.iter().partition(|id| asked.contains(id));
        *own = kept;
        if own.is_empty() {
            self.by_asker.remove(&asker);
        }
        for id in dropped {
            if let Some(subscription) = self.all.get_mut(&id) {
                subscription.askers.remove(&asker);
                self.unasked.push(id);
            }
        }
    }

    /// Takes an answer and gives those that asked, if it is news.
    pub(super) fn answer(&mut self, id: SubscriptionId, answer: Answer) -> Vec<u32> {
        match self.all.get_mut(&id) {
            Some(subscription) if subscription.answer.as_ref() != Some(&answer) => {
                subscription.answer = Some(answer);
                subscription.askers.iter().copied().collect()
            }
            _ => Vec::new(),
        }
    }

    /// What has to be done outside, at the end of a batch.
    pub(super) fn take(&mut self) -> Vec<Asking> {
        for id in std::mem::take(&mut self.unasked) {
            if self.all.get(&id).is_some_and(|subscription| subscription.askers.is_empty()) {
                self.end(id);
            }
        }
        std::mem::take(&mut self.to_do)
    }

    fn own(&self, asker: u32) -> impl DoubleEndedIterator<Item = SubscriptionId> {
        self.by_asker.get(&asker).into_iter().flatten().copied()
    }

    fn begin(&mut self, request: &SourceRequest) -> SubscriptionId {
        let id = SubscriptionId(self.next);
        self.next += 1;
        if !request.is_per_call() {
            self.shared.insert(request.clone(), id);
        }
        self.to_do.push(Asking::Begin(id, request.clone()));
        self.all.insert(id, Subscription { request: request.clone(), answer: None, askers: BTreeSet::new() });
        id
    }

    fn end(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.all.remove(&id) {
            self.shared.remove(&subscription.request);
        }
        let before = self.to_do.len();
        self.to_do.retain(|asking| !matches!(asking, Asking::Begin(begun, _) if *begun == id));
        if self.to_do.len() == before {
            self.to_do.push(Asking::End(id));
        }
    }

    /// The latest answer to what a call has ever asked to be told later. The questions after it are still open and stay.
    fn delayed(&mut self, asker: u32, asked: &mut Vec<SubscriptionId>) -> Option<Answer> {
        let own: Vec<SubscriptionId> = self.own(asker).collect();
        let answered = own.iter().rposition(|id| self.all[id].answer.is_some());
        let first = answered.unwrap_or(0).max(own.len().saturating_sub(DELAYED_MAX));
        asked.extend(
            own[first..].iter().filter(|id| matches!(self.all[id].request, SourceRequest::Delayed { .. })),
        );
        answered.and_then(|at| self.all[&own[at]].answer.clone())
    }
}
