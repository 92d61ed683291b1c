//! `a <|> b`

use std::sync::Arc;

use crate::ast::ExprId;
use crate::eval::build;
use crate::eval::flow::{OpId, Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::Outcome;

/// Chooses what comes after `<|>` for as long as what stands before it has failed.
pub(in crate::eval) struct Except {
    frame: Arc<Frame>,
    fallback: ExprId,
    join: OpId,
    main: OpId,
    has_failed: Option<bool>,
}

impl Except {
    pub(in crate::eval) fn new(frame: Arc<Frame>, fallback: ExprId, join: OpId, main: OpId) -> Self {
        Self { frame, fallback, join, main, has_failed: None }
    }
}

impl Operate for Except {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let has_failed = matches!(step.input(0), Outcome::Failed(failure) if failure.is_catchable());
        if self.has_failed.replace(has_failed) != Some(has_failed) {
            let result = match has_failed {
                true => build::expr(step.flow(), &self.frame, self.fallback),
                false => self.main,
            };
            step.rewire(self.join, 1, &[result]);
        }
        Outcome::NOTHING
    }
}
