//! What a file may have said where it could not be read.

use std::collections::HashSet;

use homeostat_model::{Diagnostic, Span, Stage};

use crate::ast::{Parsed, Part, Parts, StatementKind};

/// The words on the lines with errors, unless those lie in statements that define nothing.
pub(super) fn words(text: &str, parsed: &Parsed) -> HashSet<String> {
    let places = unread(&parsed.diagnostics);
    let parts = Parts::of(&parsed.program);
    let may_define = |place: &Span| match parts.at(*place) {
        Part::Line(..) => false,
        Part::Between => true,
        Part::Statement(id) => match &parsed.program.statement(id).kind {
            StatementKind::Bind(_)
            | StatementKind::Func(..)
            | StatementKind::Class(_)
            | StatementKind::Include(_)
            | StatementKind::Import(_) => true,
            StatementKind::Panic(_)
            | StatementKind::Collect(_)
            | StatementKind::Resource(_)
            | StatementKind::Edge(_)
            | StatementKind::If(_)
            | StatementKind::Loop(_) => false,
        },
    };
    let lines = places.filter(may_define).map(|place| lines(text, place));
    let is_no_word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    lines.flat_map(|lines| lines.split(is_no_word)).map(ToOwned::to_owned).collect()
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
