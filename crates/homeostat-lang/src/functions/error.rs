//! How a call fails.

use super::sources::SourceRequest;

/// Why a call gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `<|>` may put something else in its place.
    #[error("{0}")]
    Catchable(String),
    /// Nothing catches it.
    #[error("{0}")]
    Permanent(String),
    /// It needs to know something first: ask for it, and call again with the answer.
    #[error("not known yet")]
    Unanswered(Box<SourceRequest>),
}

/// What a call gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that `<|>` catches.
    pub fn catchable(message: impl Into<String>) -> Self {
        Self::Catchable(message.into())
    }

    /// An error that nothing catches.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent(message.into())
    }

    /// Whether `<|>` catches it.
    pub fn is_catchable(&self) -> bool {
        matches!(self, Self::Catchable(_))
    }

    /// The same without its reason, which may quote what must not be shown.
    #[must_use]
    pub(super) fn without_reason(self, function: &str) -> Self {
        let message = format!("`{function}` failed; its arguments are sensitive, so the reason is not shown");
        match self {
            Self::Catchable(_) => Self::Catchable(message),
            Self::Permanent(_) => Self::Permanent(message),
            Self::Unanswered(request) => Self::Unanswered(request),
        }
    }
}
