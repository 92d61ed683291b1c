//! `kind name { … }`

use std::sync::Arc;

use homeostat_model::catalog::{CollectDecl, ExportDecl};
use homeostat_model::schema::Type as Schema;
use homeostat_model::{
    EdgeDecl, KindName, KindSchema, Meta, ParamSchema, Params, ResourceDecl, ResourceId, Span, codes,
};

use super::declared::{complaint, ends, names};
use super::params::param;
use crate::Value;
use crate::ast::{EdgeProperty, Field, Line, LineKind, Name, Resource, StatementId, StatementKind};
use crate::eval::collector::{Pieces, Report, Unknown, UnknownPart};
use crate::eval::flow::{Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::{Failure, Outcome};

/// Declares resources. Its inputs are the name, and for each line its condition, if it has one, and its value.
pub(in crate::eval) struct ResourceStatement {
    frame: Arc<Frame>,
    id: StatementId,
}

impl ResourceStatement {
    pub(in crate::eval) fn new(frame: Arc<Frame>, id: StatementId) -> Self {
        Self { frame, id }
    }
}

impl Operate for ResourceStatement {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let program = &self.frame.program;
        let statement = program.statement(self.frame.file, self.id);
        let StatementKind::Resource(resource) = &statement.kind else { return Outcome::NOTHING };
        let kind = &*resource.kind.text;
        let report = match program.kinds.schema(kind) {
            Some(schema) => {
                declare(step, resource, schema, (statement.span, &self.frame)).unwrap_or_else(|other| {
                    complaint(&other, statement.span, UnknownPart::Names(KindName::new(kind)))
                })
            }
            None => no_kind(&resource.kind, statement.span),
        };
        step.report(report);
        Outcome::NOTHING
    }
}

/// What is said of a kind that there is not.
pub(super) fn no_kind(kind: &Name, place: Span) -> Report {
    let message = format!("there is no kind `{}`", kind.text);
    let failed = Outcome::Failed(Failure::new(codes::UNKNOWN_KIND, message).at(kind.span));
    complaint(&failed, place, UnknownPart::Names(KindName::new(kind.text.clone())))
}

fn declare(
    step: &Step<'_>,
    resource: &Resource,
    schema: &KindSchema,
    (place, frame): (Span, &Frame),
) -> Result<Report, Outcome> {
    let given_at = |failure: Failure| Outcome::Failed(failure.given_at(&frame.given_at()));
    let names = names(step.value(0)?, resource.kind.span).map_err(given_at)?;
    if names.is_empty() {
        // What they would be is nobody's concern.
        return Ok(Report::Pieces(Pieces::default()));
    }
    let mut body = Lines::new(place, frame.given_at());
    let failed = body.read(step, 1, resource, schema);
    body.leave_out_defaults(schema);
    let mut pieces = Pieces::default();
    for name in names {
        let id = ResourceId::new(resource.kind.text.clone(), name);
        body.declare(id, &mut pieces).map_err(Outcome::Failed)?;
    }
    Ok(Report::of(failed, pieces))
}

/// What the lines of a resource say.
pub(super) struct Lines {
    place: Span,
    /// The arguments that led to it.
    given_at: Arc<[Span]>,
    params: Params,
    /// Where each parameter is, by its name.
    places: Vec<(Arc<str>, Span)>,
    meta: Params,
    edges: Vec<(EdgeProperty, ResourceId, Span)>,
    unknown: Vec<(Span, Part, Option<Span>)>,
}

/// What of a resource is not known.
enum Part {
    Param(Arc<str>),
    Meta(Arc<str>),
    Edge,
}

impl Lines {
    pub(super) fn new(place: Span, given_at: Vec<Span>) -> Self {
        Self {
            place,
            given_at: given_at.into(),
            params: Params::new(),
            places: Vec::new(),
            meta: Params::new(),
            edges: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// Goes through the lines, whose inputs begin at `at`, and says what fails of them: that is as good as unknown.
    pub(super) fn read(
        &mut self,
        step: &Step<'_>,
        mut at: usize,
        resource: &Resource,
        schema: &KindSchema,
    ) -> Option<Failure> {
        let mut failed: Option<Failure> = None;
        let given_at = self.given_at.clone();
        let mut fail = |failure: Failure| {
            failed = Some(match failed.take() {
                Some(first) => first.beside(failure),
                None => failure,
            });
        };
        for line in &resource.lines {
            let condition = line.condition.map(|_| step.input(at));
            at += usize::from(condition.is_some());
            let value = step.input(at);
            at += 1;
            let value = match condition {
                None => value,
                Some(Outcome::Value(holds)) if *holds.reveal() == Value::Bool(true) => value,
                Some(Outcome::Value(_)) => continue,
                Some(other) => other,
            };
            match value {
                Outcome::Value(value) => {
                    if let Err(failure) = self.line(line, value, schema) {
                        fail(failure.given_at(&given_at));
                        self.unknown.push((line.span, part(line), None));
                    }
                }
                Outcome::Failed(failure) => {
                    fail(failure.clone());
                    self.unknown.push((line.span, part(line), None));
                }
                Outcome::Unknown(because) => self.unknown.push((line.span, part(line), *because)),
            }
        }
        failed
    }

    fn line(&mut self, line: &Line, value: &Value, schema: &KindSchema) -> Result<(), Failure> {
        match &line.kind {
            LineKind::Field(Field { name, .. }) => {
                let declared = schema.param(&name.text).ok_or_else(|| {
                    let message = format!("`{}` has no parameter `{}`", schema.kind, name.text);
                    Failure::new(codes::UNKNOWN_PARAM, message).at(name.span)
                })?;
                if matches!(declared.ty, Schema::Func(..)) {
                    return Ok(());
                }
                self.params.set(declared.name.clone(), param(declared, value, line.span)?);
                self.places.push((declared.name.clone(), line.span));
            }
            LineKind::Meta(Field { name, .. }) => self.meta(&name.text, value, line.span)?,
            LineKind::MetaStruct(_) => {
                let Value::Struct(fields) = value.reveal() else {
                    let message = format!("`Meta` is a struct, and this is `{}`", value.type_of());
                    return Err(Failure::new(codes::INVALID_META, message).at(line.span));
                };
                for (name, value) in fields.iter() {
                    self.meta(name, value, line.span)?;
                }
            }
            LineKind::Edge(property, other) => {
                let others = ends(other, value)?;
                self.edges.extend(others.into_iter().map(|other| (*property, other, line.span)));
            }
        }
        Ok(())
    }

    fn meta(&mut self, name: &str, value: &Value, place: Span) -> Result<(), Failure> {
        let known: Option<&ParamSchema> = Meta::schema().iter().find(|param| &*param.name == name);
        let Some(known) = known else {
            let message = format!("there is no meta parameter `{name}`");
            return Err(Failure::new(codes::UNKNOWN_META, message).at(place));
        };
        match self.meta.set(known.name.clone(), param(known, value, place)?) {
            None => Ok(()),
            Some(_) => {
                let message = format!("the meta parameter `{name}` is given twice");
                Err(Failure::new(codes::DUPLICATE_NAME, message).at(self.place))
            }
        }
    }

    /// To write what is so anyway is to write nothing: two that differ in that only are the same.
    fn leave_out_defaults(&mut self, schema: &KindSchema) {
        let is_default = |(name, value): &(&Arc<str>, &homeostat_model::Value)| {
            schema.param(name).is_some_and(|param| param.default.as_ref() == Some(*value))
        };
        if self.params.iter().any(|given| is_default(&given)) {
            let rest = self.params.iter().filter(|given| !is_default(given));
            self.params = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
        }
    }

    /// Gathers a resource that these lines are about; of one host, if that is named.
    pub(super) fn gather(
        &self,
        id: ResourceId,
        host: Option<Arc<str>>,
        pieces: &mut Pieces,
    ) -> Result<(), Failure> {
        self.parsed_meta()?;
        self.tell_unknown(&id, pieces);
        self.tell_edges(&id, pieces);
        // What was collected is not offered further.
        let meta = self.meta.iter().filter(|(name, _)| &***name != "export");
        pieces.collects.push(CollectDecl {
            name: Some(id.name),
            from: host.into_iter().collect(),
            params: self.params.clone(),
            meta: meta.map(|(name, value)| (name.clone(), value.clone())).collect(),
            origin: Some(self.place),
            ..CollectDecl::of_kind(id.kind)
        });
        Ok(())
    }

    /// Declares one resource that these lines are about.
    pub(super) fn declare(&self, id: ResourceId, pieces: &mut Pieces) -> Result<(), Failure> {
        let meta = self.parsed_meta()?;
        if id.name.starts_with('$') && !meta.dollar {
            let message = format!("the name of `{id}` begins with `$`");
            let failure = Failure::new(codes::INVALID_NAME, message).at(self.place);
            return Err(failure.because(self.place, "allow it with `Meta:dollar => true`"));
        }
        self.tell_unknown(&id, pieces);
        self.tell_edges(&id, pieces);
        let spans = self.params.iter().map(|(name, _)| {
            let place = self.places.iter().find(|(known, _)| known == name);
            place.map_or(self.place, |(_, place)| *place)
        });
        let resource = ResourceDecl {
            id,
            params: self.params.clone(),
            meta: meta.clone(),
            origin: Some(self.place),
            param_spans: spans.collect(),
            given_at: self.given_at.clone(),
        };
        if !meta.export.is_empty() {
            pieces.exports.push(export(&resource));
        }
        pieces.resources.push(resource);
        Ok(())
    }

    fn tell_unknown(&self, id: &ResourceId, pieces: &mut Pieces) {
        for (place, part, because) in &self.unknown {
            let part = match part {
                Part::Param(name) => UnknownPart::Param(id.clone(), name.clone()),
                Part::Meta(name) => UnknownPart::Meta(id.clone(), name.clone()),
                Part::Edge => UnknownPart::Edge,
            };
            pieces.unknown.push(Unknown { place: *place, part, because: *because });
        }
    }

    fn tell_edges(&self, id: &ResourceId, pieces: &mut Pieces) {
        for (property, other, place) in &self.edges {
            pieces
                .edges
                .push(EdgeDecl { origin: Some(*place), ..edge(*property, id.clone(), other.clone()) });
        }
    }

    fn parsed_meta(&self) -> Result<Arc<Meta>, Failure> {
        if self.meta.is_empty() {
            return Ok(Meta::shared_default());
        }
        match Meta::parse(&self.meta) {
            Ok(meta) => Ok(Arc::new(meta)),
            Err(errors) => {
                let messages: Vec<String> = errors
                    .into_iter()
                    .map(|error| match error.param {
                        Some(param) => format!("`{param}` {}", error.message),
                        None => error.message,
                    })
                    .collect();
                let failure = Failure::new(codes::INVALID_META, messages.join("; ")).at(self.place);
                Err(failure.given_at(&self.given_at))
            }
        }
    }
}

fn part(line: &Line) -> Part {
    match &line.kind {
        LineKind::Field(field) => Part::Param(field.name.text.clone()),
        LineKind::Meta(field) => Part::Meta(field.name.text.clone()),
        LineKind::MetaStruct(_) => Part::Meta("Meta".into()),
        LineKind::Edge(..) => Part::Edge,
    }
}

fn edge(property: EdgeProperty, this: ResourceId, other: ResourceId) -> EdgeDecl {
    match property {
        EdgeProperty::Before => EdgeDecl::before(this, other),
        EdgeProperty::Notify => EdgeDecl::notify(this, other),
        EdgeProperty::Depend => EdgeDecl::before(other, this),
        EdgeProperty::Listen => EdgeDecl::notify(other, this),
    }
}

/// What others get: for them it is neither hidden nor to be offered further.
fn export(resource: &ResourceDecl) -> ExportDecl {
    let mut hosts = resource.meta.export.clone();
    if hosts.iter().any(|host| &**host == "*") {
        hosts.clear();
    }
    let meta = Meta { hidden: false, export: Vec::new(), ..(*resource.meta).clone() };
    ExportDecl { resource: ResourceDecl { meta: Arc::new(meta), ..resource.clone() }, hosts }
}
