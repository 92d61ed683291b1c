//! What an operation has: a value, a failure, or nothing yet.

use std::fmt;
use std::sync::Arc;

use homeostat_model::{Diagnostic, Span, Stage, codes};

use crate::Value;
use crate::functions::{Error, bounds};

/// What travels along the edges of the flow.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is known.
    Value(Value),
    /// It could not be computed.
    Failed(Failure),
    /// Somebody has to answer first; where the question is asked, if that is known. Where nothing is executed, nobody ever
    /// does.
    Unknown(Option<Span>),
}

impl Outcome {
    /// What operations have that are there for what they do.
    pub const NOTHING: Outcome = Outcome::Value(Value::Bool(true));

    /// What an operation has that has decided something because of a value: whatever it has chosen tells of that.
    pub fn decided_by(value: &Value) -> Self {
        let decided = Value::Bool(true);
        Self::Value(if value.is_sensitive() { decided.into_sensitive() } else { decided })
    }

    /// The same, no less secret than what chose it.
    #[must_use]
    pub fn chosen_by(self, control: &Outcome) -> Self {
        match (self, control) {
            (Self::Value(value), Self::Value(Value::Sensitive(_))) => Self::Value(value.into_sensitive()),
            (outcome, Self::Value(_)) => outcome,
            (_, other) => other.clone(),
        }
    }

    /// What was made at a place; a failure if that is too large.
    pub fn made(value: Value, place: Span) -> Self {
        match bounds::value(value) {
            Ok(value) => Self::Value(value),
            Err(error) => Failure::of_call(&error, place).map_or(Self::Unknown(None), Self::Failed),
        }
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Failed(_) | Self::Unknown(_) => None,
        }
    }
}

impl From<Value> for Outcome {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// Why there is no value. Cheap to clone: it travels far.
#[derive(Clone, PartialEq)]
pub struct Failure(Arc<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    code: &'static str,
    message: String,
    is_catchable: bool,
    place: Option<Span>,
    because: Vec<(Span, String)>,
    /// What failed beside it.
    others: Vec<Failure>,
}

impl Failure {
    /// What a function said at a place; `None` if it has to be asked again when something is answered.
    pub fn of_call(error: &Error, place: Span) -> Option<Self> {
        match error {
            Error::Unanswered(_) => None,
            Error::Catchable(message) | Error::Permanent(message) => {
                let failure = Self::new(codes::FAILED, message.clone()).at(place);
                Some(if error.is_catchable() { failure.catchable() } else { failure })
            }
        }
    }

    /// A failure that nothing catches.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Arc::new(Inner {
            code,
            message,
            is_catchable: false,
            place: None,
            because: Vec::new(),
            others: Vec::new(),
        }))
    }

    /// Lets `<|>` catch it.
    #[must_use]
    pub fn catchable(mut self) -> Self {
        Arc::make_mut(&mut self.0).is_catchable = true;
        self
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Span>>) -> Self {
        Arc::make_mut(&mut self.0).place = place.into();
        self
    }

    /// Says what led to it.
    #[must_use]
    pub fn because(mut self, place: Span, words: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).because.push((place, words.into()));
        self
    }

    /// Says which arguments led to it.
    #[must_use]
    pub fn given_at(self, places: &[Span]) -> Self {
        places.iter().fold(self, |failure, place| match failure.0.place == Some(*place) {
            true => failure,
            false => failure.because(*place, "given here"),
        })
    }

    /// Says what failed beside it, where neither is the reason of the other.
    #[must_use]
    pub fn beside(mut self, other: Failure) -> Self {
        Arc::make_mut(&mut self.0).others.push(other);
        self
    }

    /// It, and all that failed beside it.
    pub fn all(&self) -> Vec<&Failure> {
        let others = self.0.others.iter().flat_map(Failure::all);
        std::iter::once(self).chain(others).collect()
    }

    /// Whether `<|>` catches it.
    pub fn is_catchable(&self) -> bool {
        self.0.is_catchable
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// For the user; without what failed beside it.
    pub fn diagnostic(&self) -> Diagnostic {
        let Inner { code, message, place, because, .. } = &*self.0;
        // Meta parameters are put together while values are computed.
        let is_of_values = [codes::FAILED, codes::DUPLICATE_NAME].contains(code);
        let stage = if is_of_values { Stage::Evaluation } else { Stage::Catalog };
        let diagnostic = Diagnostic::error(code, stage, message.clone()).at(*place);
        because.iter().fold(diagnostic, |diagnostic, (span, words)| diagnostic.label(*span, words.clone()))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_as_small_as_a_value() {
        assert_eq!(size_of::<Outcome>(), size_of::<Value>());
    }
}
