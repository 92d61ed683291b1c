//! What statements that declare something have in common.

use std::sync::Arc;

use homeostat_model::{ResourceId, Span, codes};

use crate::Value;
use crate::ast::ResourceRef;
use crate::eval::collector::{Pieces, Report, Unknown, UnknownPart};
use crate::eval::flow::Step;
use crate::eval::outcome::{Failure, Outcome};

/// Tells the collector what is wrong, and once that it is over.
#[derive(Default)]
pub(super) struct Voice {
    has_complained: bool,
}

impl Voice {
    pub(super) fn content(&mut self, step: &mut Step<'_>) {
        if std::mem::take(&mut self.has_complained) {
            step.report(Report::Pieces(Pieces::default()));
        }
    }

    pub(super) fn complain(&mut self, step: &mut Step<'_>, what: &Outcome, place: Span, part: UnknownPart) {
        self.has_complained = true;
        step.report(complaint(what, place, part));
    }
}

/// What to say of something that has no value.
pub(super) fn complaint(what: &Outcome, place: Span, part: UnknownPart) -> Report {
    let without = |because| Pieces::unknown(Unknown { place, part, because });
    match what {
        Outcome::Failed(failure) => Report::Failed(failure.clone(), without(None)),
        Outcome::Unknown(because) => Report::Pieces(without(*because)),
        Outcome::Value(_) => Report::Pieces(Pieces::default()),
    }
}

/// The names that a value gives to resources.
pub(super) fn names(value: &Value, place: Span) -> Result<Vec<Arc<str>>, Failure> {
    let name = |value: &Value| match value {
        Value::Str(text) if !text.is_empty() => Ok(text.clone()),
        Value::Str(_) => Err(Failure::new(codes::INVALID_NAME, "the name of a resource is empty").at(place)),
        other => {
            let message = format!("the name of a resource is text, and this is `{}`", other.type_of());
            Err(Failure::new(codes::INVALID_NAME, message).at(place))
        }
    };
    if value.is_sensitive() {
        let message = "names of resources are shown everywhere, and this one is made of what is sensitive";
        return Err(Failure::new(codes::INVALID_NAME, message).at(place));
    }
    match value {
        Value::List(items) => items.iter().map(name).collect(),
        one => Ok(vec![name(one)?]),
    }
}

/// The resources that one end of an edge stands for.
pub(super) fn ends(reference: &ResourceRef, value: &Value) -> Result<Vec<ResourceId>, Failure> {
    let names = names(value, reference.span)?;
    Ok(names.into_iter().map(|name| ResourceId::new(reference.kind.text.clone(), name)).collect())
}
