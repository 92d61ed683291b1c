//! Literals with parts that are not.

use std::sync::Arc;

use homeostat_model::Span;

use crate::Value;
use crate::eval::flow::{Operate, Step};
use crate::eval::outcome::{Failure, Outcome};
use crate::eval::printed::Printed;
use crate::functions::Result;

/// Puts its inputs together, at a place.
pub(in crate::eval) struct Make(pub(in crate::eval) Form, pub(in crate::eval) Span);

/// What is made.
pub(in crate::eval) enum Form {
    /// A list of them.
    List,
    /// A map of keys and values in turn.
    Map,
    /// A struct with these fields.
    Struct(Vec<Arc<str>>),
    /// A text, with an input wherever something is printed.
    Text(Vec<Part>),
}

/// A part of a text.
pub(in crate::eval) enum Part {
    Text(Arc<str>),
    Printed,
}

impl Operate for Make {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let values = match step.all_values() {
            Ok(values) => values,
            Err(other) => return other,
        };
        let Self(form, place) = self;
        let made = match form {
            Form::List => Value::list(values),
            Form::Map => {
                let mut values = values.into_iter();
                Value::map(std::iter::from_fn(|| Some((values.next()?, values.next()?))))
            }
            Form::Struct(names) => Value::structure(names.iter().cloned().zip(values)),
            Form::Text(parts) => match text(parts, &values) {
                Ok(text) => text,
                Err(error) => {
                    return Failure::of_call(&error, *place).map_or(Outcome::Unknown(None), Outcome::Failed);
                }
            },
        };
        Outcome::made(made, *place)
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn place(&self) -> Option<Span> {
        Some(self.1)
    }
}

fn text(parts: &[Part], values: &[Value]) -> Result<Value> {
    let mut text = Printed::default();
    let mut printed = values.iter();
    for part in parts {
        match part {
            Part::Text(fixed) => text.push(fixed)?,
            Part::Printed => printed.next().map_or(Ok(()), |value| text.print(value))?,
        }
    }
    Ok(text.finish())
}
