//! What is wrong with a user's text, as data. Rendering is for whoever has a terminal.

use crate::span::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text is refused.
    Error,
    /// The text is taken, but probably does not mean what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The step of reading a text that found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Characters and syntax.
    Parse,
    /// The shape of the document.
    Structure,
    /// Strings with expressions in them.
    Interpolation,
    /// Names that refer to something.
    Scope,
    /// Types of values.
    Type,
    /// Computing values.
    Evaluation,
    /// Resources and edges as a whole.
    Catalog,
}

impl Stage {
    /// The word tools see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Structure => "structure",
            Self::Interpolation => "interpolation",
            Self::Scope => "scope",
            Self::Type => "type",
            Self::Evaluation => "evaluation",
            Self::Catalog => "catalog",
        }
    }
}

/// A second place that explains the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is there to see.
    pub text: String,
}

/// One finding about a text: a stable code, a message, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, in kebab case; explained by [`crate::codes`].
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// Which step found it.
    pub stage: Stage,
    /// One sentence without a full stop; backticks around what the user wrote.
    pub message: String,
    /// The place, when there is one.
    pub span: Option<Span>,
    /// The file that it is about as a whole, where there is no text to have a place in.
    pub file: Option<String>,
    /// Words at the place itself, such as a suggestion.
    pub at: Option<String>,
    /// Other places.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, stage: Stage, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            stage,
            message: message.into(),
            span: None,
            file: None,
            at: None,
            labels: Vec::new(),
            help: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, stage: Stage, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, stage, message) }
    }

    /// A note.
    pub fn note(code: &'static str, stage: Stage, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, stage, message) }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// Says of which file, where none of its text is there.
    #[must_use]
    pub fn of_file(mut self, name: impl Into<String>) -> Self {
        self.file = Some(name.into());
        self
    }

    /// Writes words at the place itself.
    #[must_use]
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.at = Some(text.into());
        self
    }

    /// Points at a second place.
    #[must_use]
    pub fn label(mut self, span: impl Into<Option<Span>>, text: impl Into<String>) -> Self {
        if let Some(span) = span.into() {
            self.labels.push(Label { span, text: text.into() });
        }
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Whether the text must be refused because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
