//! Why two types cannot be one.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::Type;

/// One step from a type to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The items of a list.
    Item,
    /// The keys of a map.
    Key,
    /// The values of a map.
    Value,
    /// A field of a struct.
    Field(Arc<str>),
    /// A parameter of a function, from 0.
    Param(usize),
    /// The result of a function.
    Result,
}

/// Why two types cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The way from the whole to the part that differs, outermost first.
    pub path: Vec<Step>,
    /// That part of the type that was wanted, as far as known.
    pub expected: Type,
    /// That part of the type that was there.
    pub found: Type,
    /// What is wrong with them.
    pub cause: Cause,
}

/// What is wrong with two types that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// They differ.
    Differ,
    /// One would have to contain itself.
    Infinite,
    /// Together they are larger, or deeper, than any program needs.
    TooLarge,
}

impl Mismatch {
    pub(super) fn new(expected: &Type, found: &Type, cause: Cause) -> Self {
        Self { path: Vec::new(), expected: expected.clone(), found: found.clone(), cause }
    }

    pub(super) fn under(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    /// How the parts differ, where their kinds are the same.
    fn detail(&self) -> Option<String> {
        match (&self.expected, &self.found) {
            _ if self.cause != Cause::Differ => None,
            (Type::Struct(a), Type::Struct(b)) => {
                let missing = a.iter().find(|field| b.iter().all(|other| other.name != field.name));
                let extra = b.iter().find(|field| a.iter().all(|other| other.name != field.name));
                Some(match (missing, extra) {
                    (Some(field), _) => format!("the field `{}` is missing", field.name),
                    (None, Some(field)) => format!("the field `{}` is too many", field.name),
                    (None, None) => "the order of the fields differs".into(),
                })
            }
            (Type::Func(a), Type::Func(b)) if a.params.len() != b.params.len() => {
                Some(format!("it takes {}, not {}", b.params.len(), a.params.len()))
            }
            _ => None,
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item => f.write_str("the items"),
            Self::Key => f.write_str("the keys"),
            Self::Value => f.write_str("the values"),
            Self::Field(name) => write!(f, "the field `{name}`"),
            Self::Param(at) => write!(f, "parameter {}", at + 1),
            Self::Result => f.write_str("the result"),
        }
    }
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (expected, found) = (&self.expected, &self.found);
        match self.cause {
            Cause::Differ => write!(f, "expected `{expected}`, found `{found}`")?,
            Cause::Infinite => write!(f, "`{expected}` and `{found}` would contain themselves")?,
            Cause::TooLarge => f.write_str("the type is too large")?,
        }
        if let Some(detail) = self.detail() {
            write!(f, ": {detail}")?;
        }
        for (at, step) in self.path.iter().rev().enumerate() {
            write!(f, "{} {step}", if at == 0 { ", in" } else { " of" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Mismatch {}
