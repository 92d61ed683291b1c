//! Literals with parts that are not.

use std::sync::Arc;

use crate::Value;
use crate::eval::flow::{Operate, Step};
use crate::eval::outcome::Outcome;

/// Puts its inputs together.
pub(in crate::eval) enum Make {
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
        Outcome::Value(match self {
            Self::List => Value::list(values),
            Self::Map => {
                let mut values = values.into_iter();
                Value::map(std::iter::from_fn(|| Some((values.next()?, values.next()?))))
            }
            Self::Struct(names) => Value::structure(names.iter().cloned().zip(values)),
            Self::Text(parts) => text(parts, &values),
        })
    }

    fn is_pure(&self) -> bool {
        true
    }
}

fn text(parts: &[Part], values: &[Value]) -> Value {
    let mut text = String::new();
    let mut printed = values.iter();
    for part in parts {
        match part {
            Part::Text(fixed) => text.push_str(fixed),
            Part::Printed => {
                if let Some(value) = printed.next() {
                    match value.reveal() {
                        Value::Str(inner) => text.push_str(inner),
                        other => text.push_str(&other.reveal_all().to_string()),
                    }
                }
            }
        }
    }
    let made = Value::from(text);
    if values.iter().any(Value::is_sensitive) { made.into_sensitive() } else { made }
}
