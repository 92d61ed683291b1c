//! One component as it is written.

use std::collections::BTreeMap;

use homeostat_model::{Diagnostic, Params, ResourceId, Span, Stage, Type, Value, codes};

use super::engine::{self, Engine, Resource};
use super::order::lifecycle;
use crate::findings::quoted;
use crate::reader::Reader;
use crate::tree::{At, Shape};

/// A component of a topology.
pub(super) struct Component {
    pub(super) id: i64,
    pub(super) name: Option<String>,
    /// The host that plays it.
    pub(super) target: String,
    /// In the order of their lifecycle.
    pub(super) methods: Vec<Method>,
    /// The components that it comes after, and where it says so.
    pub(super) deps: Vec<(i64, Span)>,
    pub(super) span: Span,
}

/// One of its methods.
pub(super) struct Method {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) meta: Option<At>,
    work: Work,
}

enum Work {
    /// It looks and changes by itself.
    Resource(Resource),
    Engines {
        check: Value,
        action: Value,
    },
}

impl Method {
    /// Of a method that is a resource of ours.
    pub(super) fn resource_id(&self) -> Option<&ResourceId> {
        match &self.work {
            Work::Resource(resource) => Some(&resource.id),
            Work::Engines { .. } => None,
        }
    }

    pub(super) fn params(&self) -> (Params, Vec<Span>) {
        match &self.work {
            Work::Resource(resource) => (resource.params.clone(), resource.param_spans.clone()),
            Work::Engines { check, action } => {
                let params = [("check", check.clone()), ("do", action.clone())];
                (params.into_iter().collect(), vec![self.span, self.span])
            }
        }
    }
}

/// Reads a component; what is wrong with it is reported.
pub(super) fn read(reader: &mut Reader<'_>, at: At) -> Option<Component> {
    let keys = ["id", "name", "target", "interfaces", "deps"];
    let [id, name, target, interfaces, deps] = reader.fields(at, "a component", keys)?;
    let id_at = required(reader, at, id, "a component", "id");
    let id = id_at.and_then(|at| integer(reader, at, "id"));
    let span = id_at.map_or(reader.tree.head(at), |id| reader.tree.span(id));
    let target = required(reader, at, target, "a component", "target")
        .and_then(|at| reader.text(at, "`target`"))
        .map(str::to_owned);
    let name = name.filter(|at| !reader.tree.is_null(*at)).and_then(|at| reader.text(at, "`name`"));
    let name = name.map(str::to_owned);
    let methods = methods(reader, interfaces);
    let deps = dependencies(reader, deps);
    // Without a target it is there all the same, so that what depends on it is not reported too.
    Some(Component { id: id?, name, target: target.unwrap_or_default(), methods, deps, span })
}

fn required(reader: &mut Reader<'_>, at: At, value: Option<At>, what: &str, key: &str) -> Option<At> {
    let value = value.filter(|value| !reader.tree.is_null(*value));
    if value.is_none() {
        reader.error(codes::MISSING_KEY, at, format!("{what} has no `{key}`"));
    }
    value
}

fn integer(reader: &mut Reader<'_>, at: At, what: &str) -> Option<i64> {
    match reader.convert(at, &Type::INT, what)? {
        Value::Int(number) => Some(number),
        _ => None,
    }
}

fn methods(reader: &mut Reader<'_>, at: Option<At>) -> Vec<Method> {
    let Some(at) = at.filter(|at| !reader.tree.is_null(*at)) else { return Vec::new() };
    let tree = reader.tree;
    if tree.shape(at) != Shape::Mapping {
        reader.error(codes::WRONG_SHAPE, at, "`interfaces` must be a mapping of methods");
        return Vec::new();
    }
    let mut methods = Vec::new();
    for (key, value) in tree.entries(at) {
        let Some(name) = tree.scalar(key).filter(|name| !name.is_empty()) else {
            reader.error(codes::INVALID_NAME, key, "the name of a method must be text");
            continue;
        };
        methods.extend(method(reader, key, name, value));
    }
    // Stable: what has no place of its own in the lifecycle keeps that in the text.
    methods.sort_by_key(|method: &Method| lifecycle(&method.name));
    methods
}

fn method(reader: &mut Reader<'_>, key: At, name: &str, at: At) -> Option<Method> {
    let what = format!("the method {}", quoted(name));
    let [check, action, meta] = reader.fields(at, &what, ["check", "do", "meta"])?;
    let check_at = check.filter(|at| !reader.tree.is_null(*at));
    let action_at = action.filter(|at| !reader.tree.is_null(*at));
    let check = check_at.map(|at| engine::read(reader, at, "check"));
    let action = action_at.map(|at| engine::read(reader, at, "do"));
    let span = reader.tree.span(key);
    let work = match (check, action) {
        (Some(None), _) | (_, Some(None)) => return None,
        (Some(Some(Engine::Resource(one))), Some(Some(Engine::Resource(other)))) => {
            if !one.is_same(&other) {
                split(reader, action_at.unwrap_or(key), "the two sides are different resources");
                return None;
            }
            Work::Resource(one)
        }
        (Some(Some(Engine::Resource(one))), None) | (None, Some(Some(Engine::Resource(one)))) => {
            Work::Resource(one)
        }
        (Some(Some(Engine::Resource(_))), Some(_)) => {
            split(reader, action_at.unwrap_or(key), "what checks is a resource, and what does is none");
            return None;
        }
        (Some(_), Some(Some(Engine::Resource(_)))) => {
            split(reader, check_at.unwrap_or(key), "what does is a resource, and what checks is none");
            return None;
        }
        (None, _) => {
            reader.error(codes::MISSING_KEY, key, format!("{what} has no `check`"));
            return None;
        }
        (Some(Some(Engine::Plain(check))), None) => Work::Engines { check, action: nothing() },
        (Some(Some(Engine::Plain(check))), Some(Some(Engine::Plain(action)))) => {
            Work::Engines { check, action }
        }
    };
    Some(Method { name: name.to_owned(), span, meta, work })
}

fn nothing() -> Value {
    Value::Struct(BTreeMap::new())
}

fn split(reader: &mut Reader<'_>, at: At, message: &str) {
    let diagnostic = Diagnostic::error(codes::SPLIT_RESOURCE, Stage::Structure, message)
        .at(reader.tree.head(at))
        .help("a resource looks and changes by itself: give it on one side only");
    reader.findings.push(diagnostic);
}

fn dependencies(reader: &mut Reader<'_>, at: Option<At>) -> Vec<(i64, Span)> {
    let mut deps = Vec::new();
    for item in reader.list(at, "`deps`") {
        let Some([ids]) = reader.fields(item, "a dependency", ["nodes"]) else { continue };
        let Some(ids) = required(reader, item, ids, "a dependency", "nodes") else { continue };
        for id in reader.list(Some(ids), "`nodes`") {
            let span = reader.tree.span(id);
            deps.extend(integer(reader, id, "nodes").map(|id| (id, span)));
        }
    }
    deps
}
