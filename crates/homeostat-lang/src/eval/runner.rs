//! Connects a program to the sources of the world.
//!
//! Sources answer from wherever they run. Only the latest answer of each counts, so what waits is bounded by what was asked,
//! and a source that is faster than the program costs no memory; answers that wait together are one batch.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_model::{Catalog, CatalogDelta, Diagnostic, ResourceDecl};

use super::collector::{Unknown, Unknowns};
use super::evaluator::Evaluator;
use super::flow::{Asking, SubscriptionId};
use super::program::Program;
use crate::functions::{Answer, Sources, Subscription};

/// Called from any thread when there is something for [`Runner::step`] to do. It must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a program desires.
#[derive(Debug, Clone)]
pub enum Change {
    /// All of it: the first time.
    Full(Catalog),
    /// What differs from the time before.
    Delta(CatalogDelta),
}

/// A program that runs.
pub struct Runner {
    evaluator: Evaluator,
    sources: Arc<dyn Sources>,
    inbox: Arc<Inbox>,
    subscriptions: HashMap<SubscriptionId, Subscription>,
    has_given: bool,
}

struct Inbox {
    answers: Mutex<BTreeMap<SubscriptionId, Answer>>,
    wake: Wake,
}

impl Inbox {
    fn put(&self, subscription: SubscriptionId, answer: Answer) {
        let is_first = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.insert(subscription, answer);
            answers.len() == 1
        };
        if is_first {
            (self.wake)();
        }
    }

    fn take(&self) -> BTreeMap<SubscriptionId, Answer> {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Runner {
    /// Starts a program. [`step`](Self::step) has something to do at once.
    pub fn new(program: Program, sources: Arc<dyn Sources>, wake: Wake) -> Self {
        let evaluator = Evaluator::new(program, Unknowns::Wait);
        let inbox = Arc::new(Inbox { answers: Mutex::default(), wake });
        Self { evaluator, sources, inbox, subscriptions: HashMap::new(), has_given: false }
    }

    /// Takes the answers that wait, as one batch. `None` when nothing has changed, or nothing can be said.
    pub fn step(&mut self) -> Option<Change> {
        for (subscription, answer) in self.inbox.take() {
            self.evaluator.answer(subscription, answer);
        }
        let delta = self.evaluator.settle();
        for asking in self.evaluator.take_askings() {
            match asking {
                Asking::Begin(id, request) => {
                    let inbox = self.inbox.clone();
                    let sink = Arc::new(move |answer| inbox.put(id, answer));
                    self.subscriptions.insert(id, self.sources.subscribe(&request, sink));
                }
                Asking::End(id) => drop(self.subscriptions.remove(&id)),
            }
        }
        let delta = delta?;
        if std::mem::replace(&mut self.has_given, true) {
            return (!delta.is_empty()).then_some(Change::Delta(delta));
        }
        Some(Change::Full(Catalog {
            resources: delta.set,
            edges: delta.set_edges,
            sends: delta.set_sends,
            exports: delta.set_exports,
            collects: delta.collects.unwrap_or_default(),
            ..Catalog::default()
        }))
    }

    /// What is wrong at present: why nothing is said although the world has answered.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.evaluator.diagnostics()
    }

    /// The resources that are declared at present with all their parameters known, right or wrong.
    pub fn declared(&self) -> Vec<&ResourceDecl> {
        self.evaluator.declared()
    }

    /// What is waited for.
    pub fn unknown(&self) -> Vec<&Unknown> {
        self.evaluator.unknown()
    }
}
