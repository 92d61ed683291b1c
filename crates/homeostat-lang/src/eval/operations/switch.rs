//! `if` as a value.

use std::sync::Arc;

use crate::Value;
use crate::ast::ExprId;
use crate::eval::build;
use crate::eval::flow::{OpId, Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::Outcome;

/// Looks at one condition: where it holds, its value is built; otherwise what comes after it.
pub(in crate::eval) struct Switch {
    frame: Arc<Frame>,
    id: ExprId,
    arm: usize,
    join: OpId,
    chosen: Option<bool>,
}

impl Switch {
    pub(in crate::eval) fn new(frame: Arc<Frame>, id: ExprId, arm: usize, join: OpId) -> Self {
        Self { frame, id, arm, join, chosen: None }
    }
}

impl Operate for Switch {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let (holds, decided) = match step.value(0) {
            Ok(value) => (*value.reveal() == Value::Bool(true), Outcome::decided_by(value)),
            Err(other) => return other,
        };
        if self.chosen.replace(holds) != Some(holds) {
            let result = match holds {
                true => build::arm(step.flow(), &self.frame, self.id, self.arm),
                false => build::switch(step.flow(), &self.frame, self.id, self.arm + 1),
            };
            step.rewire(self.join, 1, &[result]);
        }
        decided
    }
}
