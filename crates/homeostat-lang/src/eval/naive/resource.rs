//! Resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_model::catalog::{CollectDecl, ExportDecl};
use homeostat_model::schema::Type as Wanted;
use homeostat_model::{
    EdgeDecl, KindName, KindSchema, Meta, Params, ResourceDecl, ResourceId, Span, Value as Model, codes,
};

use super::frame::Frame;
use super::{Eval, Output};
use crate::ast::{EdgeProperty, ExprId, Field, Line, LineKind, Resource, ResourceRef};
use crate::eval::collector::{Unknown, UnknownPart};
use crate::eval::operations::wanted;
use crate::eval::outcome::{Failure, Outcome};
use crate::value::Value;

/// What is given to a resource, by name, and where.
type Given = BTreeMap<Arc<str>, (Model, Span)>;

/// An edge that a line of a resource asks for.
struct LineEdge {
    property: EdgeProperty,
    ends: Vec<ResourceId>,
    span: Span,
}

/// What the lines of a resource say.
struct Body {
    params: Given,
    metas: Given,
    meta: Arc<Meta>,
    edges: Vec<LineEdge>,
}

impl Eval<'_> {
    pub(super) fn resource(&self, frame: &Arc<Frame>, resource: &Resource, span: Span) {
        let kind = &resource.kind.text;
        let Some(schema) = self.world.kinds.schema(kind) else {
            let unknown = Failure::new(codes::UNKNOWN_KIND, format!("there is no kind `{kind}`"));
            return self.fail(unknown.at(span));
        };
        let part = UnknownPart::Names(KindName::new(kind.clone()));
        let names = self.expr(frame, resource.name);
        let Some(names) = self.known(names, span, part) else { return };
        let place = self.expr_of(frame.file, resource.name).span;
        let place = Span { start: resource.kind.span.start, ..place };
        let Some(ids) = self.ids(kind, &names, place) else { return };
        // Where there is none of them, what they would be is nobody's concern.
        let Some(first) = ids.first() else { return };
        let before = self.output.borrow().pieces.unknown.len();
        let Some(Body { params, meta, edges, .. }) = self.body(frame, resource, (first, schema, span)) else {
            return;
        };
        let is_partial = self.output.borrow().pieces.unknown[before..]
            .iter()
            .any(|one| matches!(one.part, UnknownPart::Param(..) | UnknownPart::Meta(..)));
        let spans: Vec<Span> = params.values().map(|(_, span)| *span).collect();
        let params: Params = params.into_iter().map(|(name, (value, _))| (name, value)).collect();
        for id in ids {
            if id.name.starts_with('$') && !meta.dollar {
                let failure =
                    Failure::new(codes::INVALID_NAME, format!("the name of `{id}` begins with a `$`"));
                self.fail(failure.at(span));
                continue;
            }
            for edge in &edges {
                self.line_edge(&id, edge);
            }
            let decl = ResourceDecl {
                meta: meta.clone(),
                origin: Some(span),
                param_spans: spans.clone(),
                ..ResourceDecl::new(id, params.clone())
            };
            let Output { pieces, partial: [resources, exports], .. } = &mut *self.output.borrow_mut();
            if is_partial {
                resources.insert(pieces.resources.len());
            }
            if !meta.export.is_empty() {
                if is_partial {
                    exports.insert(pieces.exports.len());
                }
                let is_for_all = meta.export.iter().any(|host| &**host == "*");
                let hosts = if is_for_all { Vec::new() } else { meta.export.clone() };
                let offered = Meta { hidden: false, export: Vec::new(), ..Meta::clone(&meta) };
                let resource = ResourceDecl { meta: Arc::new(offered), ..decl.clone() };
                pieces.exports.push(ExportDecl { resource, hosts });
            }
            pieces.resources.push(decl);
        }
    }

    /// Resources of the names that a value gives.
    pub(super) fn ids(&self, kind: &Arc<str>, names: &Value, place: Span) -> Option<Vec<ResourceId>> {
        let name = |value: &Value| match value.reveal() {
            Value::Str(text) if !text.is_empty() => Ok(ResourceId::new(kind.clone(), text.clone())),
            Value::Str(_) => Err("the name of a resource is empty".to_owned()),
            other => Err(format!("the name of a resource is text, and this is `{}`", other.type_of())),
        };
        if names.is_sensitive() {
            let message =
                "names of resources are shown everywhere, and this one is made of what is sensitive";
            self.fail(Failure::new(codes::INVALID_NAME, message).at(place));
            return None;
        }
        let ids = match names.reveal() {
            Value::List(items) => items.iter().map(name).collect(),
            one => name(one).map(|id| vec![id]),
        };
        ids.map_err(|message| self.fail(Failure::new(codes::INVALID_NAME, message).at(place))).ok()
    }

    /// Takes a line into account; says whether that was possible.
    fn line(
        &self,
        frame: &Arc<Frame>,
        (id, schema, resource): (&ResourceId, &KindSchema, Span),
        line: &Line,
        (params, metas, edges): (&mut Given, &mut Given, &mut Vec<LineEdge>),
    ) -> bool {
        let (name, part) = match &line.kind {
            LineKind::Field(field) => {
                (&field.name.text, UnknownPart::Param(id.clone(), field.name.text.clone()))
            }
            LineKind::Meta(field) => {
                (&field.name.text, UnknownPart::Meta(id.clone(), field.name.text.clone()))
            }
            LineKind::MetaStruct(_) => (&id.name, UnknownPart::Meta(id.clone(), "Meta".into())),
            LineKind::Edge(..) => (&id.name, UnknownPart::Edge),
        };
        let needed = |outcome: Outcome| match outcome {
            Outcome::Value(value) => Ok(value),
            Outcome::Failed(failure) => {
                self.fail(failure);
                Err(false)
            }
            Outcome::Unknown(because) => {
                self.unknown(Unknown { place: line.span, part: part.clone(), because });
                Err(true)
            }
        };
        if let Some(condition) = line.condition {
            match needed(self.expr(frame, condition)) {
                Ok(holds) if *holds.reveal() == Value::Bool(true) => {}
                Ok(_) => return true,
                Err(goes_on) => return goes_on,
            }
        }
        let value = match needed(self.expr(frame, value_of(&line.kind))) {
            Ok(value) => value,
            Err(goes_on) => return goes_on,
        };
        match &line.kind {
            LineKind::Field(field) => self.field(schema, field, &value, line.span, params),
            LineKind::Meta(_) => self.meta(metas, name, &value, (line.span, resource)),
            LineKind::MetaStruct(_) => match value.reveal() {
                Value::Struct(fields) => {
                    fields.iter().all(|(name, value)| self.meta(metas, name, value, (line.span, resource)))
                }
                _ => false,
            },
            LineKind::Edge(property, ResourceRef { kind, span, .. }) => {
                let Some(ends) = self.ids(&kind.text, &value, *span) else { return false };
                edges.push(LineEdge { property: *property, ends, span: line.span });
                true
            }
        }
    }

    fn field(
        &self,
        schema: &KindSchema,
        field: &Field,
        value: &Value,
        line: Span,
        params: &mut Given,
    ) -> bool {
        let name = &field.name.text;
        let Some(param) = schema.param(name) else { return false };
        if matches!(param.ty, Wanted::Func(..)) {
            return true;
        }
        if let Some((code, message)) = misfit(&param.ty, value) {
            self.fail(Failure::new(code, format!("`{name}` of `{}`: {message}", schema.kind)).at(line));
            return false;
        }
        match Model::try_from(value) {
            Ok(value) => drop(params.insert(name.clone(), (value, line))),
            Err(why) => {
                self.fail(
                    Failure::new(codes::WRONG_TYPE, format!("`{name}` cannot be this: {why}")).at(line),
                );
                return false;
            }
        }
        true
    }

    fn meta(
        &self,
        metas: &mut Given,
        name: &Arc<str>,
        value: &Value,
        (line, resource): (Span, Span),
    ) -> bool {
        let Ok(model) = Model::try_from(value) else { return false };
        let wanted = Meta::schema().iter().find(|param| param.name == *name);
        if let Some((code, message)) = wanted.and_then(|param| misfit(&param.ty, value)) {
            self.fail(Failure::new(code, format!("`Meta:{name}`: {message}")).at(line));
            return false;
        }
        if let Some((_, first)) = metas.insert(name.clone(), (model, line)) {
            let twice =
                Failure::new(codes::DUPLICATE_NAME, format!("the meta parameter `{name}` is given twice"));
            self.fail(twice.at(resource).because(first, "once here").because(line, "and again here"));
            return false;
        }
        true
    }

    fn line_edge(&self, id: &ResourceId, LineEdge { property, ends, span }: &LineEdge) {
        for end in ends {
            let (from, to) = match property {
                EdgeProperty::Before | EdgeProperty::Notify => (id, end),
                EdgeProperty::Depend | EdgeProperty::Listen => (end, id),
            };
            let notify = matches!(property, EdgeProperty::Notify | EdgeProperty::Listen);
            let edge = EdgeDecl { notify, origin: Some(*span), ..EdgeDecl::before(from.clone(), to.clone()) };
            self.output.borrow_mut().pieces.edges.push(edge);
        }
    }

    /// What others offer, as it is asked for: a name, names, or names with their hosts.
    pub(super) fn collect(&self, frame: &Arc<Frame>, resource: &Resource, span: Span) {
        let kind = &resource.kind.text;
        let Some(schema) = self.world.kinds.schema(kind) else {
            let unknown = Failure::new(codes::UNKNOWN_KIND, format!("there is no kind `{kind}`"));
            return self.fail(unknown.at(span));
        };
        let names = self.expr(frame, resource.name);
        let Some(names) = self.known(names, span, UnknownPart::Names(KindName::new(kind.clone()))) else {
            return;
        };
        let wanted = match wanted(&names, span) {
            Ok(wanted) => wanted,
            Err(failure) => return self.fail(failure),
        };
        let Some((first, _)) = wanted.first() else { return };
        let first = ResourceId::new(kind.clone(), first.clone());
        let Some(Body { params, metas, edges, .. }) = self.body(frame, resource, (&first, schema, span))
        else {
            return;
        };
        let values =
            |given: Given| -> Params { given.into_iter().map(|(name, (value, _))| (name, value)).collect() };
        let metas = metas.into_iter().filter(|(name, _)| &**name != "export").collect();
        let (params, meta) = (values(params), values(metas));
        for (name, host) in wanted {
            let id = ResourceId::new(kind.clone(), name);
            edges.iter().for_each(|edge| self.line_edge(&id, edge));
            self.output.borrow_mut().pieces.collects.push(CollectDecl {
                name: Some(id.name),
                from: host.into_iter().collect(),
                params: params.clone(),
                meta: meta.clone(),
                origin: Some(span),
                ..CollectDecl::of_kind(id.kind)
            });
        }
    }

    /// What the lines say, if all of them say something.
    fn body(
        &self,
        frame: &Arc<Frame>,
        resource: &Resource,
        (first, schema, span): (&ResourceId, &KindSchema, Span),
    ) -> Option<Body> {
        let mut params = Given::new();
        let mut metas = Given::new();
        let mut edges = Vec::new();
        let mut is_whole = true;
        for line in &resource.lines {
            is_whole &= self.line(frame, (first, schema, span), line, (&mut params, &mut metas, &mut edges));
        }
        if !is_whole {
            return None;
        }
        let meta =
            Meta::parse(&metas.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect());
        match meta {
            Ok(meta) => Some(Body { params, metas, meta: Arc::new(meta), edges }),
            Err(wrong) => {
                for error in wrong {
                    let at = error.param.and_then(|param| metas.get(param)).map_or(span, |(_, span)| *span);
                    let name = error.param.map_or_else(String::new, |param| format!("`Meta:{param}`: "));
                    self.fail(Failure::new(codes::INVALID_META, format!("{name}{}", error.message)).at(at));
                }
                None
            }
        }
    }
}

fn value_of(kind: &LineKind) -> ExprId {
    match kind {
        LineKind::Field(field) | LineKind::Meta(field) => field.value,
        LineKind::MetaStruct(value) => *value,
        LineKind::Edge(_, other) => other.name,
    }
}

/// What a value of the right type may still be wrong about.
fn misfit(wanted: &Wanted, value: &Value) -> Option<(&'static str, String)> {
    let quoted = |value: &Value| if value.is_sensitive() { "it".to_owned() } else { format!("`{value}`") };
    match (wanted, value.reveal()) {
        (Wanted::Int { min, max }, Value::Int(number)) if number < min || number > max => {
            Some((codes::OUT_OF_RANGE, format!("{} is not {}", quoted(value), wanted.describe())))
        }
        (Wanted::Choice(texts), Value::Str(text)) if !texts.contains(text) => {
            Some((codes::INVALID_PARAM, format!("{} is not {}", quoted(value), wanted.describe())))
        }
        (Wanted::List(item), Value::List(items)) => items.iter().find_map(|value| misfit(item, value)),
        (Wanted::Map(_, item), Value::Map(map)) => map.values().find_map(|value| misfit(item, value)),
        _ => None,
    }
}
