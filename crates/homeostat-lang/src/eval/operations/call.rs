//! Calls of functions that are values and may change.

use std::sync::Arc;

use crate::eval::build;
use crate::eval::flow::{Flow, OpId, Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::Outcome;
use crate::scope::Owner;
use crate::value::{Func, FuncBody};

/// A function and where it sees its names.
pub(in crate::eval) struct Closure {
    pub(in crate::eval) frame: Arc<Frame>,
    pub(in crate::eval) owner: Owner,
}

impl FuncBody for Closure {}

/// Builds the body of the function that its input has, and again when that is another one. The arguments stay.
pub(in crate::eval) struct Dynamic {
    args: Vec<OpId>,
    join: OpId,
    called: Option<Func>,
}

impl Dynamic {
    pub(in crate::eval) fn new(flow: &mut Flow, args: Vec<OpId>, join: OpId) -> Self {
        args.iter().for_each(|arg| flow.hold(*arg));
        Self { args, join, called: None }
    }
}

impl Operate for Dynamic {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let value = match step.value(0) {
            Ok(value) => value.clone(),
            Err(other) => return other,
        };
        let crate::Value::Func(func) = value.reveal() else { return Outcome::NOTHING };
        if self.called.as_ref() != Some(func) {
            self.called = Some(func.clone());
            let result = build::call(step.flow(), &value, &self.args);
            step.rewire(self.join, 1, &[result]);
        }
        Outcome::decided_by(&value)
    }

    fn holds(&self) -> Vec<OpId> {
        self.args.clone()
    }
}
