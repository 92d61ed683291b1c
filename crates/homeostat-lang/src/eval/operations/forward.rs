//! The join of what is one value.

use crate::eval::flow::{Operate, Step};
use crate::eval::outcome::Outcome;

/// Has what the result has that its control, the first input, chose as the second.
pub(in crate::eval) struct Forward;

impl Operate for Forward {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        step.input(1).clone().chosen_by(step.input(0))
    }
}
