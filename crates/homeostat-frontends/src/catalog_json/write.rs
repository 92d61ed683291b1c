//! A catalog becomes JSON.

use std::collections::HashSet;

use homeostat_model::catalog::{CollectDecl, ExportDecl};
use homeostat_model::{
    Catalog, EdgeDecl, Params, ResourceDecl, ResourceId, SendDecl, SourceMap, Span, Value,
};
use serde_json::{Map, Value as Json, json};

/// The catalog with the automatic edges that it got when it was loaded. Sensitive values are redacted, meta parameters
/// stand where they are not the default, and an automatic edge that is declared as well is not repeated.
pub fn to_json(catalog: &Catalog, auto_edges: &[(ResourceId, ResourceId)], sources: &SourceMap) -> Json {
    let declared: HashSet<(&ResourceId, &ResourceId)> =
        catalog.edges.iter().map(|edge| (&edge.from, &edge.to)).collect();
    let auto = auto_edges
        .iter()
        .filter(|(from, to)| !declared.contains(&(from, to)))
        .map(|(from, to)| json!({ "from": id(from), "to": id(to), "notify": false, "auto": true }));
    let mut out = Map::new();
    if let Some(name) = &catalog.name {
        out.insert("graph".into(), (**name).into());
    }
    let resources = catalog.resources.iter().map(|one| resource(one, sources));
    out.insert("resources".into(), resources.collect());
    out.insert("edges".into(), catalog.edges.iter().map(edge).chain(auto).collect());
    out.insert("sends".into(), catalog.sends.iter().map(send).collect());
    let exports = catalog.exports.iter().map(|one| export(one, sources));
    out.insert("exports".into(), exports.collect());
    out.insert("collects".into(), catalog.collects.iter().map(collect).collect());
    Json::Object(out)
}

/// Unlike its display form, this one keeps every character, so that it can be read back.
fn id(id: &ResourceId) -> String {
    format!("{}[{}]", id.kind, id.name)
}

fn resource(resource: &ResourceDecl, sources: &SourceMap) -> Json {
    let mut out = Map::new();
    out.insert("kind".into(), resource.id.kind.as_str().into());
    out.insert("name".into(), (*resource.id.name).into());
    out.insert("params".into(), params(&resource.params).into());
    out.insert("meta".into(), params(&resource.meta.to_params()).into());
    if let Some(place) = resource.origin.and_then(|span: Span| sources.place(span)) {
        out.insert("origin".into(), place.into());
    }
    Json::Object(out)
}

fn params(params: &Params) -> Map<String, Json> {
    params.iter().map(|(name, value)| (name.to_string(), value_json(value))).collect()
}

fn edge(edge: &EdgeDecl) -> Json {
    let mut out = json!({
        "from": id(&edge.from), "to": id(&edge.to), "notify": edge.notify, "auto": false,
    });
    if let Some(label) = &edge.label {
        out["name"] = (**label).into();
    }
    out
}

fn send(send: &SendDecl) -> Json {
    json!({ "from": id(&send.from), "key": *send.key, "to": id(&send.to), "param": *send.param })
}

fn export(export: &ExportDecl, sources: &SourceMap) -> Json {
    let mut out = resource(&export.resource, sources);
    let hosts: Vec<&str> = export.hosts.iter().map(|host| &**host).collect();
    out["hosts"] = hosts.into();
    out
}

fn collect(collect: &CollectDecl) -> Json {
    let from: Vec<&str> = collect.from.iter().map(|host| &**host).collect();
    let mut out =
        json!({ "kind": collect.kind.as_str(), "pattern": collect.pattern.as_deref(), "from": from });
    if let Some(name) = &collect.name {
        out["name"] = (**name).into();
    }
    for (key, given) in [("params", &collect.params), ("meta", &collect.meta)] {
        if !given.is_empty() {
            out[key] = params(given).into();
        }
    }
    out
}

/// JSON has no infinity and no not-a-number; they are written as YAML writes them.
fn value_json(value: &Value) -> Json {
    match value {
        Value::Float(number) if number.is_nan() => ".nan".into(),
        Value::Float(number) if *number == f64::INFINITY => ".inf".into(),
        Value::Float(number) if *number == f64::NEG_INFINITY => "-.inf".into(),
        Value::List(items) => items.iter().map(value_json).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key_text(key), value_json(value))).collect(),
        Value::Struct(fields) => {
            fields.iter().map(|(key, value)| (key.to_string(), value_json(value))).collect()
        }
        // A map in the value would lose its form on the way through serde, so only these go there.
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::Sensitive(_) => serde_json::to_value(value).unwrap_or_default(),
    }
}

fn key_text(key: &Value) -> String {
    match key {
        Value::Str(text) => text.to_string(),
        Value::Sensitive(_) => homeostat_model::value::REDACTED.to_owned(),
        other => match value_json(other) {
            Json::String(text) => text,
            other => other.to_string(),
        },
    }
}
