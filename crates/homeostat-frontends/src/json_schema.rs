//! The JSON Schema of graph YAML, for editors.

use homeostat_model::{KindSchema, Meta};
use serde_json::{Map, Value as Json, json};

use crate::Kinds;
use crate::graph_yaml::params_of_old;

/// The schema of a document (draft 2020-12), with every kind and its parameters.
pub fn json_schema(kinds: &dyn Kinds) -> Json {
    let mut defs = Map::new();
    let mut by_kind = Map::new();
    for name in kinds.names() {
        let Some(schema) = kinds.schema(name) else {
            continue;
        };
        defs.insert(name.to_owned(), resource(schema, &mut Map::new()));
        hoist(name, &schema.json, &mut defs);
        by_kind.insert(
            name.to_owned(),
            json!({
                "description": first_paragraph(schema.doc),
                "type": ["array", "null"],
                "items": { "$ref": reference(name) },
            }),
        );
    }
    defs.insert("$meta".into(), meta());
    defs.insert("$end".into(), end());
    defs.insert("$ends".into(), ends());
    let mut out = document(by_kind);
    out["$defs"] = defs.into();
    with_plain_texts(&mut out);
    out
}

/// Where text is asked for, every plain scalar is text to the reader: `mode: 0644`, `graph: 12`.
fn with_plain_texts(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            let is_open = ["enum", "const", "pattern"].iter().all(|key| !fields.contains_key(*key));
            if let Some(types) = fields.get_mut("type").filter(|_| is_open) {
                if types == "string" {
                    *types = json!(["string"]);
                }
                if let Json::Array(types) = types
                    && types.contains(&json!("string"))
                {
                    for other in [json!("number"), json!("boolean")] {
                        if !types.contains(&other) {
                            types.push(other);
                        }
                    }
                }
            }
            for (key, value) in fields {
                if !matches!(key.as_str(), "enum" | "const" | "default" | "examples") {
                    with_plain_texts(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(with_plain_texts),
        _ => {}
    }
}

fn document(by_kind: Map<String, Json>) -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Graph YAML",
        "type": "object",
        "additionalProperties": false,
        "required": ["graph"],
        "properties": {
            "graph": { "description": "What the graph is called.", "type": "string", "minLength": 1 },
            "hosts": {
                "description": "The hosts that this document is for; `*` and `?` stand for others.",
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
            },
            "comment": { "description": "Ignored." },
            "remote": { "description": "Ignored.", "deprecated": true },
            "resources": {
                "description": "Resources by kind.",
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": by_kind,
            },
            "edges": {
                "description": "What comes before what.",
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["from", "to"],
                    "properties": {
                        "name": { "description": "What the edge is called.", "type": "string" },
                        "from": { "$ref": "#/$defs/$end" },
                        "to": { "$ref": "#/$defs/$end" },
                        "notify": { "description": "Whether a change of `from` refreshes `to`.", "type": "boolean" },
                    },
                },
            },
            "collect": {
                "description": "Exported resources to gather.",
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["kind"],
                    "properties": {
                        "kind": { "type": "string" },
                        "pattern": { "description": "The directory that collected files go below.", "type": "string" },
                        "from": {
                            "description": "The hosts that are trusted; needed for kinds that run code.",
                            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
                        },
                    },
                },
            },
        },
    })
}

fn resource(schema: &KindSchema, properties: &mut Map<String, Json>) -> Json {
    properties.insert(
        "name".into(),
        json!({ "description": "Its name; with `@@` before it, it is exported.", "type": "string", "minLength": 1 }),
    );
    if let Some(params) = schema.json["properties"].as_object() {
        for (name, param) in params {
            properties.insert(name.clone(), rebased(schema.kind, param));
        }
    }
    for name in params_of_old(schema) {
        let old =
            json!({ "description": "A name of old; `check` says what became of it.", "deprecated": true });
        properties.insert((*name).into(), old);
    }
    properties.insert("meta".into(), json!({ "$ref": "#/$defs/$meta" }));
    for (key, doc) in [
        ("before", "Resources that come after this one."),
        ("depend", "Resources that come before this one."),
        ("notify", "Resources that a change of this one refreshes."),
        ("listen", "Resources whose change refreshes this one."),
    ] {
        properties.insert(key.into(), json!({ "description": doc, "$ref": "#/$defs/$ends" }));
    }
    if schema.receives {
        let names: Vec<&str> = schema.params.iter().map(|param| &*param.name).collect();
        properties.insert("recv".into(), recv(&names));
    }
    // Required parameters may be received instead, so only the name is required here.
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name"],
        "properties": properties,
    })
}

fn recv(params: &[&str]) -> Json {
    json!({
        "description": "Parameters that other resources send.",
        "type": "object",
        "propertyNames": { "enum": params },
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "required": ["kind", "name", "key"],
            "properties": {
                "kind": { "type": "string" },
                "name": { "type": "string" },
                "key": { "type": "string" },
            },
        },
    })
}

fn meta() -> Json {
    let mut meta = Meta::json_schema().clone();
    if let Some(fields) = meta.as_object_mut() {
        fields.shift_remove("$schema");
        fields.shift_remove("title");
    }
    meta
}

fn end() -> Json {
    json!({
        "anyOf": [
            { "type": "string", "pattern": r"^[^\s\[]+\[.+\]$" },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["kind", "name"],
                "properties": { "kind": { "type": "string" }, "name": { "type": "string" } },
            },
        ],
    })
}

fn ends() -> Json {
    let one = json!({ "type": "string", "pattern": r"^[^\s\[]+\[.+\]$" });
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

/// The definitions of a kind's own schema, below a name of their own.
fn hoist(kind: &str, schema: &Json, defs: &mut Map<String, Json>) {
    for (name, def) in schema["$defs"].as_object().into_iter().flatten() {
        defs.insert(format!("{kind}.{name}"), rebased(kind, def));
    }
}

fn rebased(kind: &str, schema: &Json) -> Json {
    match schema {
        Json::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let local = value.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
                let value = match (key.as_str(), local) {
                    ("$ref", Some(name)) => reference(&format!("{kind}.{name}")).into(),
                    _ => rebased(kind, value),
                };
                (key.clone(), value)
            })
            .collect(),
        Json::Array(items) => items.iter().map(|item| rebased(kind, item)).collect(),
        other => other.clone(),
    }
}

fn reference(name: &str) -> String {
    format!("#/$defs/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn first_paragraph(doc: &str) -> &str {
    doc.trim().split("\n\n").next().unwrap_or_default()
}
