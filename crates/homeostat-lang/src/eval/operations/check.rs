//! What has to hold: `panic`, and the checks of parameters.

use std::sync::Arc;

use homeostat_model::{Span, codes};

use super::declared::complaint;
use crate::Value;
use crate::eval::collector::{Pieces, Report, UnknownPart};
use crate::eval::flow::{Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::{Failure, Outcome};
use crate::functions::{Args, Body, Function};

/// `panic(condition)`, `panic(condition, message)`
pub(in crate::eval) struct Check {
    pub(in crate::eval) frame: Arc<Frame>,
    pub(in crate::eval) place: Span,
    pub(in crate::eval) function: &'static Function,
}

impl Operate for Check {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let report = match step.all_values() {
            Ok(args) => match self.said(&args) {
                Some(failure) => Report::Failed(failure, Pieces::default()),
                None => Report::Pieces(Pieces::default()),
            },
            Err(other) => complaint(&other, self.place, UnknownPart::Condition),
        };
        step.report(report);
        Outcome::NOTHING
    }
}

impl Check {
    fn said(&self, args: &[Value]) -> Option<Failure> {
        let Body::Pure(body) = self.function.body else { return None };
        let opened = self.function.open(args);
        let result = body(Args(opened.args().0));
        let error = self.function.close(&opened, result).err()?;
        Some(Failure::of_call(&error, self.place)?.given_at(&self.frame.given_at()))
    }
}

/// `$name int where …` of a class: what the check gives, and the value that it is about.
pub(in crate::eval) struct Require {
    /// The include.
    pub(in crate::eval) include: Span,
    /// The argument, if one is given.
    pub(in crate::eval) place: Span,
    /// The check.
    pub(in crate::eval) declared: Span,
    pub(in crate::eval) name: Arc<str>,
}

impl Operate for Require {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let report = match step.value(0) {
            Ok(holds) if *holds.reveal() == Value::Bool(true) => Report::Pieces(Pieces::default()),
            Ok(_) => {
                let given = step.input(1).value().map_or(String::new(), |value| format!(" `{value}`"));
                let message = format!("the value{given} is not allowed for `${}`", self.name);
                let failure = Failure::new(codes::FAILED, message).at(self.place);
                Report::Failed(failure.because(self.declared, "this has to hold"), Pieces::default())
            }
            Err(other) => complaint(&other, self.include, UnknownPart::Condition),
        };
        step.report(report);
        Outcome::NOTHING
    }
}
