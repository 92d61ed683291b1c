//! What of a program is wrong, by parts: so that the rest can be looked at, and nothing is said that only follows.
//!
//! A part that has an error has no type and no value, and declares nothing. Whatever depends on it is unknown, as what only the
//! world can answer is where nobody asks.

use std::collections::{HashMap, HashSet};

use homeostat_model::{Diagnostic, SourceId, Span, codes};

use crate::ast::{Part, Parts, StatementId};
use crate::modules::{FileId, Modules};
use crate::syntax::Confined;

/// The parts of a program that have errors.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    parts: HashSet<(FileId, Part)>,
    may_hide: bool,
}

impl Wrong {
    /// The parts that diagnostics are about; and where these places are.
    pub(crate) fn of<'a>(
        modules: &Modules,
        found: impl IntoIterator<Item = &'a Diagnostic>,
        places: impl IntoIterator<Item = Span>,
    ) -> Self {
        let mut by_source: HashMap<SourceId, Vec<Span>> = HashMap::new();
        for span in found.into_iter().filter(|found| found.is_error()).flat_map(about).chain(places) {
            by_source.entry(span.source).or_default().push(span);
        }
        let mut wrong = Self::default();
        for (file, loaded) in modules.files() {
            let places = by_source.get(&loaded.program.source);
            let fits = loaded.confined() == Confined::Everywhere;
            if places.is_none() && fits {
                continue;
            }
            let parts = Parts::of(&loaded.program);
            wrong.parts.extend(places.into_iter().flatten().map(|place| (file, parts.at(*place))));
            if let Confined::UpTo(position) = loaded.confined() {
                wrong.parts.extend(parts.beyond(position).map(|part| (file, part)));
            }
        }
        wrong.may_hide = wrong.parts.iter().any(|(_, part)| *part == Part::Between);
        wrong
    }

    /// Whether nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether a statement is, apart from what is in its blocks, and from the lines of a resource.
    pub(crate) fn statement(&self, file: FileId, statement: StatementId) -> bool {
        !self.is_empty() && self.parts.contains(&(file, Part::Statement(statement)))
    }

    /// Whether a line of a resource is.
    pub(crate) fn line(&self, file: FileId, resource: StatementId, line: usize) -> bool {
        !self.is_empty() && self.parts.contains(&(file, Part::Line(resource, line)))
    }

    /// Keeps what was found outside of these parts.
    pub(crate) fn retain_elsewhere(&self, modules: &Modules, found: &mut Vec<Diagnostic>) {
        for (file, loaded) in modules.files() {
            if !self.parts.iter().any(|(wrong, _)| *wrong == file) {
                continue;
            }
            let parts = Parts::of(&loaded.program);
            let is_here = |span: &Span| span.source == loaded.program.source;
            let is_in = |span: Span| self.parts.contains(&(file, parts.at(span)));
            found.retain(|found| !found.span.filter(is_here).is_some_and(is_in));
        }
    }

    /// Whether something could not be read that may have been any statement.
    pub(crate) fn may_hide_statements(&self) -> bool {
        self.may_hide
    }
}

/// The places that are wrong. What is there twice is wrong at both.
fn about(found: &Diagnostic) -> impl Iterator<Item = Span> {
    let others = (found.code == codes::DUPLICATE_NAME).then_some(&found.labels);
    found.span.into_iter().chain(others.into_iter().flatten().map(|label| label.span))
}
