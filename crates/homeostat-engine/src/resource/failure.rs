//! How a check or an apply fails. The scheduler reads the policy from the variant.

use std::error::Error;
use std::fmt;

/// Why a resource could not be looked at or brought in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may go away by itself: tried again after a second, and then after twice as long each time, up to five minutes.
    Transient(String),
    /// It will not go away unless something changes. What is missing may be on its way, so the first attempts come as quickly; after
    /// that it is tried again every five minutes, since not everything that changes is seen.
    Permanent(String),
    /// This host cannot do it: only a wake, or another declaration, tries again.
    Unsupported(String),
    /// It has not failed: something outside must happen first, and this says what. Only a wake looks again.
    Waiting(String),
    /// Nobody can say how it stands. What comes after it waits, unless it was done before and only has to be repaired.
    Unknown(String),
}

impl Failure {
    /// A failure that may go away by itself.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient(message.into())
    }

    /// A failure that stays until something changes.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent(message.into())
    }

    /// Something that this host cannot do.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// No failure: something outside must happen first.
    pub fn waiting(on: impl Into<String>) -> Self {
        Self::Waiting(on.into())
    }

    /// Nobody can say how it stands, and why.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }

    /// A failure out of an error with its sources, each said once.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::Transient(text)
    }

    /// What to tell people.
    pub fn message(&self) -> &str {
        match self {
            Self::Transient(text)
            | Self::Permanent(text)
            | Self::Unsupported(text)
            | Self::Waiting(text)
            | Self::Unknown(text) => text,
        }
    }

    /// The same failure with another text.
    #[must_use]
    pub fn map_message(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Transient(text) => Self::Transient(change(text)),
            Self::Permanent(text) => Self::Permanent(change(text)),
            Self::Unsupported(text) => Self::Unsupported(change(text)),
            Self::Waiting(text) => Self::Waiting(change(text)),
            Self::Unknown(text) => Self::Unknown(change(text)),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for Failure {}
