//! What checks and what does, as it is written.

use std::collections::BTreeMap;

use homeostat_model::{Diagnostic, Params, ResourceId, Span, Stage, Type, Value, codes};

use crate::findings::{listed, quoted, suggesting};
use crate::reader::{Given, Reader};
use crate::tree::{At, Shape};

const ENGINES: [&str; 4] = ["file", "shell", "nil", "resource"];

/// One side of a method.
pub(super) enum Engine {
    /// As the kind `method` has it.
    Plain(Value),
    Resource(Resource),
}

/// A resource of ours.
pub(super) struct Resource {
    pub(super) id: ResourceId,
    pub(super) params: Params,
    pub(super) param_spans: Vec<Span>,
}

impl Resource {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.params == other.params
    }
}

/// Reads an engine; what is wrong with it is reported.
pub(super) fn read(reader: &mut Reader<'_>, at: At, side: &str) -> Option<Engine> {
    let tree = reader.tree;
    if tree.shape(at) != Shape::Mapping {
        reader.error(codes::WRONG_SHAPE, at, format!("`{side}` must be a mapping with an engine"));
        return None;
    }
    let entries: Vec<(At, At)> = tree.entries(at).collect();
    let [(key, value)] = entries[..] else {
        let message = format!("`{side}` has {} engines, and takes one", entries.len());
        reader.error(codes::WRONG_SHAPE, at, message);
        return None;
    };
    match tree.text(key) {
        "file" => {
            let fields = fields(reader, value, "file", vec![("path", Type::Str)], "path")?;
            plain("file", Value::Struct(fields))
        }
        "shell" => {
            let types = vec![
                ("artifact", Type::Str),
                ("args", Type::List(Box::new(Type::Str))),
                ("env", Type::Map(Box::new(Type::Str), Box::new(Type::Str))),
            ];
            let fields = fields(reader, value, "shell", types, "artifact")?;
            plain("shell", Value::Struct(fields))
        }
        "nil" => {
            let is_empty = tree.is_null(value)
                || (tree.shape(value) == Shape::Mapping && tree.entries(value).next().is_none());
            if !is_empty {
                reader.error(codes::WRONG_SHAPE, value, "`nil` takes nothing");
                return None;
            }
            Some(Engine::Plain(Value::Struct(BTreeMap::new())))
        }
        "resource" => resource(reader, value).map(Engine::Resource),
        other => {
            let message = format!("there is no engine {}", quoted(other));
            let diagnostic = Diagnostic::error(codes::UNKNOWN_ENGINE, Stage::Structure, message)
                .at(tree.span(key))
                .help(format!("there are {}", listed(ENGINES)));
            reader.findings.push(suggesting(diagnostic, other, ENGINES));
            None
        }
    }
}

fn plain(name: &str, value: Value) -> Option<Engine> {
    Some(Engine::Plain(Value::Struct([(name.into(), value)].into())))
}

/// The fields of an engine, of which one must be there and not be empty.
fn fields(
    reader: &mut Reader<'_>,
    at: At,
    engine: &str,
    types: Vec<(&str, Type)>,
    required: &str,
) -> Option<BTreeMap<std::sync::Arc<str>, Value>> {
    let types = types.into_iter().map(|(name, ty)| (name.into(), ty)).collect();
    let Value::Struct(fields) = reader.convert(at, &Type::Struct(types), engine)? else { return None };
    if fields.get(required).and_then(Value::as_str).is_none_or(str::is_empty) {
        reader.error(codes::MISSING_KEY, at, format!("`{engine}` has no `{required}`"));
        return None;
    }
    Some(fields)
}

fn resource(reader: &mut Reader<'_>, at: At) -> Option<Resource> {
    let tree = reader.tree;
    if tree.shape(at) != Shape::Mapping {
        reader.error(codes::WRONG_SHAPE, at, "`resource` must be a mapping");
        return None;
    }
    let mut part = |key: &str| match tree.get(at, key) {
        Some(value) => Some((value, reader.text(value, &format!("`{key}` of the resource"))?)),
        None => {
            reader.error(codes::MISSING_KEY, at, format!("the resource has no `{key}`"));
            None
        }
    };
    let (kind, name) = (part("kind"), part("name"));
    let ((kind_at, kind), (_, name)) = (kind?, name?);
    let kind = reader.kind(kind, kind_at)?;
    let mut given = Given::default();
    given.start(kind.schema);
    // A kind may have a parameter of either name; here they say which resource it is.
    for (key, value) in tree.entries(at).filter(|(key, _)| !matches!(tree.text(*key), "kind" | "name")) {
        if !reader.param(&kind, key, value, &mut given) {
            reader.unknown_param(&kind, key, &[]);
        }
    }
    let id = ResourceId { kind: kind.name.clone(), name: name.into() };
    reader.missing_params(&kind, &given, &id.to_string(), tree.head(at));
    let (params, param_spans) = given.take();
    Some(Resource { id, params, param_spans })
}
