//! Fields of structs.

use std::sync::Arc;

use homeostat_model::{Span, codes};

use crate::Value;
use crate::eval::flow::{Operate, Step};
use crate::eval::outcome::{Failure, Outcome};

/// `a->f`, or `a->f <|> b` with the second input for where there is no such field, or no `a`.
pub(in crate::eval) struct FieldAccess {
    pub(in crate::eval) name: Arc<str>,
    pub(in crate::eval) place: Span,
    pub(in crate::eval) has_default: bool,
}

impl Operate for FieldAccess {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let from = match step.value(0) {
            Ok(from) => from,
            Err(Outcome::Failed(failure)) if self.has_default && failure.is_catchable() => {
                return step.input(1).clone();
            }
            Err(other) => return other,
        };
        match from.field(&self.name) {
            Some(value) if matches!(from, Value::Sensitive(_)) => value.clone().into_sensitive().into(),
            Some(value) => value.clone().into(),
            None if self.has_default => step.input(1).clone(),
            None => {
                let message = format!("the struct has no field `{}`", self.name);
                Outcome::Failed(Failure::new(codes::FAILED, message).at(self.place))
            }
        }
    }

    fn is_pure(&self) -> bool {
        true
    }
}
