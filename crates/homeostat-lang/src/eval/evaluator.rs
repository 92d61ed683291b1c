//! A program that is evaluated, one batch of answers after the other.

use std::sync::Arc;

use homeostat_model::{CatalogDelta, Diagnostic, ResourceDecl};

use super::build::Body;
use super::collector::{Collector, Unknown, Unknowns};
use super::flow::{Asking, Flow, SubscriptionId};
use super::program::Program;
use crate::functions::Answer;
use crate::modules::FileId;

/// A program and what it has come to. It does no input or output: it says what it wants to know, and takes answers.
pub struct Evaluator {
    program: Arc<Program>,
    flow: Flow,
    collector: Collector,
    /// Everything else is kept by these.
    _root: Body,
}

impl Evaluator {
    /// Builds a program. Nothing is computed before [`settle`](Self::settle).
    pub fn new(program: Program, unknowns: Unknowns) -> Self {
        let program = Arc::new(program);
        let mut flow = Flow::default();
        let main = program.file(FileId::MAIN);
        let root = Body::new(&mut flow, main, &program.checked.modules.file(FileId::MAIN).program.body);
        let mut collector = Collector::new(unknowns);
        if program.checked.wrong.may_hide_statements() {
            collector.may_lack_anything();
        }
        Self { program, flow, collector, _root: root }
    }

    /// Whether it is what is right of a program that was refused.
    pub fn is_of_refused(&self) -> bool {
        !self.program.checked.wrong.is_empty()
    }

    /// What has to be asked of the world, and what not any more, since this was last called.
    pub fn take_askings(&mut self) -> Vec<Asking> {
        self.flow.take_askings()
    }

    /// Takes an answer; the latest of each subscription counts.
    pub fn answer(&mut self, subscription: SubscriptionId, answer: Answer) {
        self.flow.answer(subscription, answer);
    }

    /// Computes what has changed. `None` while nothing can be said: see [`diagnostics`](Self::diagnostics) and
    /// [`unknown`](Self::unknown) for why.
    pub fn settle(&mut self) -> Option<CatalogDelta> {
        self.flow.settle();
        self.program.end_batch();
        self.collector.take(self.flow.take_reports());
        self.collector.give()
    }

    /// The resources that are declared at present with all their parameters known, right or wrong.
    pub fn declared(&self) -> Vec<&ResourceDecl> {
        self.collector.declared()
    }

    /// What is wrong at present.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let modules = &self.program.checked.modules;
        self.collector.diagnostics().into_iter().map(|found| modules.with_imports(found)).collect()
    }

    /// What is not known at present.
    pub fn unknown(&self) -> Vec<&Unknown> {
        self.collector.unknown()
    }

    /// How many operations there are, and how many times one has run.
    pub fn size(&self) -> (usize, u64) {
        (self.flow.len(), self.flow.runs())
    }
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        // Frames refer to the program, and to each other.
        self.program.close();
    }
}
