//! What a file may have said where it could not be read.

use std::collections::HashSet;

use homeostat_model::{Diagnostic, Span, Stage};

use crate::ast::{Parsed, Part, Parts, StatementKind};
use crate::syntax::Confined;

/// The names that statements with errors define, all words on lines with errors that are in no statement, and all words from where brackets
/// do not fit.
pub(super) fn words(text: &str, parsed: &Parsed, confined: Confined) -> HashSet<String> {
    let is_no_word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let parts = Parts::of(&parsed.program);
    let mut words = HashSet::new();
    if let Confined::UpTo(position) = confined {
        let rest = text.get(position as usize..).unwrap_or_default();
        words.extend(rest.split(is_no_word).map(ToOwned::to_owned));
    }
    for place in unread(&parsed.diagnostics) {
        let statement = match parts.at(place) {
            Part::Line(..) => continue,
            Part::Between => {
                words.extend(lines(text, place).split(is_no_word).map(ToOwned::to_owned));
                continue;
            }
            Part::Statement(id) => parsed.program.statement(id),
        };
        let name = match &statement.kind {
            StatementKind::Bind(bind) => Some(&bind.name),
            StatementKind::Func(name, _) => Some(name),
            StatementKind::Class(class) => Some(&class.name),
            // What they are reached by may have gone with what could not be read.
            StatementKind::Include(_) | StatementKind::Import(_) => {
                words.extend(lines(text, place).split(is_no_word).map(ToOwned::to_owned));
                None
            }
            StatementKind::Panic(_)
            | StatementKind::Collect(_)
            | StatementKind::Resource(_)
            | StatementKind::Edge(_)
            | StatementKind::If(_)
            | StatementKind::Loop(_) => None,
        };
        words.extend(name.map(|name| name.text.to_string()));
    }
    words
}

/// The lines that a place lies on.
fn lines(text: &str, place: Span) -> &str {
    let (before, after) = (text.get(..place.start as usize), text.get(place.end as usize..));
    let start = before.and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = after.and_then(|after| after.find('\n')).map_or(text.len(), |at| place.end as usize + at);
    text.get(start..end).unwrap_or_default()
}

/// The places that could not be read.
fn unread(found: &[Diagnostic]) -> impl Iterator<Item = Span> {
    found.iter().filter(|found| found.stage == Stage::Parse).filter_map(|found| found.span)
}
