//! Diagnostics as they are found.

use homeostat_model::{Diagnostic, Severity, Stage, codes};

/// More than anybody reads; it bounds what a file of garbage can cost.
const MAX_DIAGNOSTICS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Diagnostic>,
    is_cut: bool,
}

impl Findings {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.list.len() < MAX_DIAGNOSTICS {
            self.list.push(diagnostic);
        } else {
            self.is_cut = true;
        }
    }

    /// Whether looking for more is in vain.
    pub(crate) fn is_full(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(crate) fn has(&self, code: &str) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.code == code)
    }

    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    /// In the order of the texts; those without a place come first.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|diagnostic| diagnostic.span);
        if self.is_cut {
            let message = format!("there are more than {MAX_DIAGNOSTICS} findings; the others are left out");
            self.list.push(Diagnostic::error(codes::MORE_FINDINGS, Stage::Structure, message));
        }
        self.list
    }
}

/// `one`, `one and two`, `one, two and three`, each in backticks.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// What the user wrote, short enough for a message and safe to print.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let printable = homeostat_model::suggest::printable(text);
    if printable.chars().count() <= CHARS_MAX {
        return format!("`{printable}`");
    }
    let head: String = printable.chars().take(CHARS_MAX).collect();
    format!("`{head}…`")
}

/// Adds a suggestion at the place when a candidate is near enough.
pub(crate) fn suggesting<'a>(
    diagnostic: Diagnostic,
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    // A text of thousands of characters is no slip of the finger, and comparing it costs the square of its length.
    const LENGTH_MAX: usize = 200;
    if given.len() > LENGTH_MAX {
        return diagnostic;
    }
    let near =
        candidates.into_iter().filter(|candidate| candidate.len() <= given.len() + 12 && *candidate != given);
    match homeostat_model::suggest::did_you_mean(given, near) {
        Some(meant) => diagnostic.saying(format!("did you mean {}?", quoted(meant))),
        None => diagnostic,
    }
}
