//! `collect kind name { … }`

use std::sync::Arc;

use homeostat_model::{KindName, KindSchema, Params, ResourceId, Span, codes};

use super::declared::{complaint, names};
use super::params::param;
use super::resource::Lines;
use crate::Value;
use crate::ast::{Resource, StatementId, StatementKind};
use crate::eval::collector::{Pieces, Report, UnknownPart};
use crate::eval::flow::{Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::{Failure, Outcome};
use crate::functions::SourceRequest;

/// Declares resources that hosts export, with what its own lines say instead. Inputs are those of a resource.
pub(in crate::eval) struct Collect {
    frame: Arc<Frame>,
    id: StatementId,
}

/// A resource that is asked for: its name, and the host if that was said.
type Wanted = (Arc<str>, Option<Arc<str>>);

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
            Some(schema) => match collect(step, resource, schema, place) {
                Ok(pieces) => Report::Pieces(pieces),
                Err(other) => {
                    let kind = KindName::new(resource.kind.text.clone());
                    complaint(&other, place, UnknownPart::Names(kind))
                }
            },
            None => {
                let message = format!("there is no kind `{}`", resource.kind.text);
                Report::Failed(Failure::new(codes::UNKNOWN_KIND, message).at(resource.kind.span))
            }
        };
        step.report(report);
        Outcome::NOTHING
    }
}

fn collect(
    step: &mut Step<'_>,
    resource: &Resource,
    schema: &KindSchema,
    place: Span,
) -> Result<Pieces, Outcome> {
    let wanted = wanted(step.value(0)?, place).map_err(Outcome::Failed)?;
    let kind = resource.kind.text.clone();
    let offered = ask(step, &SourceRequest::Exports { kind: kind.clone() }, place)?;
    let offers = match &offered {
        Value::List(offers) => offers.iter().filter_map(offer).collect(),
        _ => Vec::new(),
    };
    let mut pieces = Pieces::default();
    for (name, host) in wanted {
        let found = offers
            .iter()
            .filter(|(offered, from)| *offered == name && host.as_ref().is_none_or(|host| host == from));
        for (name, host) in found {
            let request =
                SourceRequest::Export { kind: kind.clone(), name: name.clone(), host: host.clone() };
            let exported = params(schema, &ask(step, &request, place)?, place).map_err(Outcome::Failed)?;
            let mut lines = Lines::new(place);
            lines.read(step, 1, resource, schema).map_err(Outcome::Failed)?;
            lines.complete(&exported);
            lines
                .declare(ResourceId::new(kind.clone(), name.clone()), &mut pieces)
                .map_err(Outcome::Failed)?;
        }
    }
    Ok(pieces)
}

fn ask(step: &mut Step<'_>, request: &SourceRequest, place: Span) -> Result<Value, Outcome> {
    match step.ask(request) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(match Failure::of_call(&error, place) {
            Some(failure) => Outcome::Failed(failure),
            None => Outcome::Unknown(Some(place)),
        }),
        None => Err(Outcome::Unknown(Some(place))),
    }
}

/// A name, names, or structs of names and hosts.
fn wanted(value: &Value, place: Span) -> Result<Vec<Wanted>, Failure> {
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

fn params(schema: &KindSchema, exported: &Value, place: Span) -> Result<Params, Failure> {
    let Value::Struct(fields) = exported.reveal() else { return Ok(Params::new()) };
    let known = fields.iter().filter_map(|(name, value)| Some((schema.param(name)?, value)));
    known
        .map(|(declared, value)| Ok((declared.name.clone(), param(declared, value, place)?)))
        .collect::<Result<Vec<_>, _>>()
        .map(|all| all.into_iter().collect())
}
