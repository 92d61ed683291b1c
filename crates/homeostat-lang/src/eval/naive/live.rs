//! A program that is evaluated again whenever a source says something else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_model::{Catalog, Diagnostic};

use super::{Answers, Asked, Output, World, assemble, evaluate};
use crate::eval::collector::Unknown;
use crate::functions::{Answer, Sources, Subscription};
use crate::infer::Kinds;
use crate::program::Checked;

/// What a program says of this host now.
#[derive(Debug)]
pub enum Evaluated {
    /// All of it.
    Complete(Catalog),
    /// Not everything is known yet: what is, and what is not.
    Partial(Catalog, Vec<Unknown>),
    /// Something could not be computed, or contradicts itself.
    Failed(Vec<Diagnostic>),
}

impl Evaluated {
    /// From what a program declares.
    pub fn of(output: Output) -> Self {
        if !output.failures.is_empty() {
            return Self::Failed(output.diagnostics());
        }
        match assemble(&output.pieces) {
            Err(wrong) => Self::Failed(wrong),
            Ok(catalog) if output.pieces.unknown.is_empty() => Self::Complete(catalog),
            Ok(catalog) => Self::Partial(catalog, output.pieces.unknown),
        }
    }
}

/// What sources have said, and those that are subscribed to.
pub struct Live {
    checked: Checked,
    sources: Arc<dyn Sources>,
    /// Called whenever a source has said something.
    wake: Arc<dyn Fn() + Send + Sync>,
    subscriptions: BTreeMap<Asked, Subscription>,
    heard: Heard,
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<BTreeMap<Asked, Answer>>>);

impl Heard {
    fn with<T>(&self, see: impl FnOnce(&mut BTreeMap<Asked, Answer>) -> T) -> T {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Answers for Heard {
    fn answer(&self, asked: &Asked) -> Option<Answer> {
        self.with(|heard| heard.get(asked).cloned())
    }
}

impl Live {
    /// Nothing is asked before the first evaluation.
    pub fn new(checked: Checked, sources: Arc<dyn Sources>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { checked, sources, wake, subscriptions: BTreeMap::new(), heard: Heard::default() }
    }

    /// Evaluates with what is known now, and follows what that wanted to know.
    pub fn evaluate(&mut self, kinds: &dyn Kinds, hostname: &str) -> Evaluated {
        loop {
            let heard = self.heard.clone();
            let output = evaluate(&self.checked, World { kinds, hostname, answers: &heard });
            if !self.follow(&output.asked) {
                return Evaluated::of(output);
            }
        }
    }

    /// Subscribes to what is asked for, and to nothing else. Says whether something new was answered at once.
    fn follow(&mut self, asked: &BTreeSet<Asked>) -> bool {
        self.subscriptions.retain(|known, _| asked.contains(known));
        self.heard.with(|heard| heard.retain(|known, _| asked.contains(known)));
        let mut is_answered = false;
        for question in asked {
            if self.subscriptions.contains_key(question) {
                continue;
            }
            let (heard, wake, key) = (self.heard.clone(), self.wake.clone(), question.clone());
            let sink = Arc::new(move |answer: Answer| {
                heard.with(|heard| heard.insert(key.clone(), answer));
                wake();
            });
            let subscription = self.sources.subscribe(&question.request, sink);
            self.subscriptions.insert(question.clone(), subscription);
            is_answered |= self.heard.answer(question).is_some();
        }
        is_answered
    }
}
