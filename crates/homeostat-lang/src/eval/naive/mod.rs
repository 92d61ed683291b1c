//! The simplest evaluation: the whole program at once, over what is known of the world now.
//!
//! It is what other ways of evaluation are measured and tested against. Invariant: equal answers give equal outputs.

mod assemble;
mod call;
mod evaluated;
mod expr;
mod frame;
mod resource;
mod statement;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use homeostat_model::Diagnostic;

use crate::ast::{self, ExprId, StatementId};
use crate::eval::collector::{Pieces, Unknown};
use crate::eval::outcome::Failure;
use crate::functions::{Answer, SourceRequest};
use crate::infer::{InstanceId, Kinds};
use crate::modules::FileId;
use crate::program::Checked;

pub use evaluated::Evaluated;
use frame::Frame;

/// What a program is evaluated among.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The kinds of resources.
    pub kinds: &'a dyn Kinds,
    /// The name of this host.
    pub hostname: &'a str,
    /// What is known of the rest.
    pub answers: &'a dyn Answers,
}

/// What sources have said.
pub trait Answers {
    /// The latest answer, if there is one.
    fn answer(&self, asked: &Asked) -> Option<Answer>;
}

/// Nobody answers anything.
#[derive(Debug, Clone, Copy)]
pub struct Silence;

impl Answers for Silence {
    fn answer(&self, _: &Asked) -> Option<Answer> {
        None
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// What is asked.
    pub request: SourceRequest,
    /// Which call asks, where each has an answer of its own; else 0.
    pub call: u64,
}

/// What a program says now.
#[derive(Debug, Default)]
pub struct Output {
    /// All that it declares, as it is declared.
    pub pieces: Pieces,
    /// Which of the resources and of the exports are not known as a whole, by their numbers: such a one may be equal to anything.
    pub(super) partial: [HashSet<usize>; 2],
    /// What could not be computed.
    pub failures: Vec<Failure>,
    /// What it wanted to know.
    pub asked: BTreeSet<Asked>,
}

impl Output {
    /// What is not known.
    pub fn unknown(&self) -> &[Unknown] {
        &self.pieces.unknown
    }

    /// The failures, each once.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut all: Vec<Diagnostic> = Vec::new();
        for failure in &self.failures {
            let diagnostic = failure.diagnostic();
            if !all.contains(&diagnostic) {
                all.push(diagnostic);
            }
        }
        all.sort_by_key(|diagnostic| diagnostic.span);
        all
    }
}

/// Evaluates a program.
pub fn evaluate(checked: &Checked, world: World<'_>) -> Output {
    let eval = Eval {
        checked,
        world,
        output: RefCell::new(Output::default()),
        files: RefCell::new(vec![None; checked.modules.files().len()]),
        frames: RefCell::new(Vec::new()),
        last_failure: RefCell::new(None),
        last_unknown: Cell::new(None),
    };
    let main = eval.file(FileId::MAIN);
    eval.block(&main, &checked.modules.file(FileId::MAIN).program.body);
    // Functions know their frames, and frames hold functions.
    eval.frames.borrow_mut().drain(..).for_each(|frame| frame.clear());
    eval.output.into_inner()
}

struct Eval<'a> {
    checked: &'a Checked,
    world: World<'a>,
    output: RefCell<Output>,
    files: RefCell<Vec<Option<Arc<Frame>>>>,
    frames: RefCell<Vec<Arc<Frame>>>,
    /// Why the last function value that was called failed: the library passes on its words only.
    last_failure: RefCell<Option<Failure>>,
    /// Where the last question was asked that nobody has answered.
    last_unknown: Cell<Option<homeostat_model::Span>>,
}

impl Eval<'_> {
    fn ast(&self, file: FileId) -> &ast::Program {
        &self.checked.modules.file(file).program
    }

    fn expr_of(&self, file: FileId, id: ExprId) -> &ast::Expr {
        self.ast(file).expr(id)
    }

    fn statement_of(&self, file: FileId, id: StatementId) -> &ast::Statement {
        self.ast(file).statement(id)
    }

    fn fail(&self, failure: Failure) {
        self.output.borrow_mut().failures.push(failure);
    }

    fn unknown(&self, unknown: Unknown) {
        self.output.borrow_mut().pieces.unknown.push(unknown);
    }

    /// The one frame of a file.
    fn file(&self, file: FileId) -> Arc<Frame> {
        if let Some(known) = &self.files.borrow()[file.index()] {
            return known.clone();
        }
        let frame = self.frame(self.checked.names.file(file), InstanceId::MAIN, None, file.index() as u64);
        self.files.borrow_mut()[file.index()] = Some(frame.clone());
        frame
    }
}
