//! `collect kind name { … }`

use std::sync::Arc;

use homeostat_model::{KindName, KindSchema, ResourceId, Span};

use super::declared::{complaint, names};
use super::resource::{Lines, no_kind};
use crate::Value;
use crate::ast::{Resource, StatementId, StatementKind};
use crate::eval::collector::{Pieces, Report, UnknownPart};
use crate::eval::flow::{Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::{Failure, Outcome};

/// Asks for resources that hosts export, with what its own lines say instead. Inputs are those of a resource.
pub(in crate::eval) struct Collect {
    frame: Arc<Frame>,
    id: StatementId,
}

/// A resource that is asked for: its name, and the host if that was said.
pub(in crate::eval) type Wanted = (Arc<str>, Option<Arc<str>>);

impl Collect {
    pub(in crate::eval) fn new(frame: Arc<Frame>, id: StatementId) -> Self {
        Self { frame, id }
    }
}

impl Operate for Collect {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let program = self.frame.program.clone();
        let statement = program.statement(self.frame.file, self.id);
        let StatementKind::Collect(resource) = &statement.kind else { return Outcome::NOTHING };
        let place = statement.span;
        let report = match program.kinds.schema(&resource.kind.text) {
            Some(schema) => collect(step, resource, schema, (place, &self.frame)).unwrap_or_else(|other| {
                let kind = KindName::new(resource.kind.text.clone());
                complaint(&other, place, UnknownPart::Names(kind))
            }),
            None => no_kind(&resource.kind, place),
        };
        step.report(report);
        Outcome::NOTHING
    }
}

fn collect(
    step: &Step<'_>,
    resource: &Resource,
    schema: &KindSchema,
    (place, frame): (Span, &Frame),
) -> Result<Report, Outcome> {
    let wanted = wanted(step.value(0)?, place).map_err(Outcome::Failed)?;
    let mut pieces = Pieces::default();
    if wanted.is_empty() {
        return Ok(Report::Pieces(pieces));
    }
    let mut lines = Lines::new(place, frame.given_at());
    let failed = lines.read(step, 1, resource, schema);
    for (name, host) in wanted {
        let id = ResourceId::new(resource.kind.text.clone(), name);
        lines.gather(id, host, &mut pieces).map_err(Outcome::Failed)?;
    }
    Ok(Report::of(failed, pieces))
}

/// A name, names, or structs of names and hosts.
pub(in crate::eval) fn wanted(value: &Value, place: Span) -> Result<Vec<Wanted>, Failure> {
    match value.reveal() {
        Value::List(items) if items.iter().all(|item| matches!(item, Value::Struct(_))) => {
            Ok(items.iter().filter_map(offer).map(|(name, host)| (name, Some(host))).collect())
        }
        _ => Ok(names(value, place)?.into_iter().map(|name| (name, None)).collect()),
    }
}

/// `struct{name str; host str}`
fn offer(value: &Value) -> Option<(Arc<str>, Arc<str>)> {
    Some((value.field("name")?.as_str()?.into(), value.field("host")?.as_str()?.into()))
}
