//! Kinds to test with, and how a load is written down.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use homeostat_frontends::{Context, Input, Kinds, Loaded, Pool, load};
use homeostat_model::schema::{OutputSchema, params_of};
use homeostat_model::{Diagnostic, KindSchema, Meta, SourceMap, Span, Type, Value};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Presence {
    Exists,
    Absent,
}

#[derive(Deserialize, JsonSchema)]
struct File {
    path: Option<String>,
    dirname: Option<String>,
    basename: Option<String>,
    state: Option<Presence>,
    source: Option<String>,
    owner: Option<String>,
    group: Option<String>,
    mode: Option<String>,
    content: Option<String>,
    #[serde(default)]
    fragments: Vec<String>,
    recurse: Option<bool>,
    force: Option<bool>,
    purge: Option<bool>,
    symlink: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
struct Exec {
    cmd: Option<String>,
    cwd: Option<String>,
    shell: Option<String>,
    watchcmd: Option<String>,
    watchshell: Option<String>,
    ifcmd: Option<String>,
    ifshell: Option<String>,
    nifcmd: Option<String>,
    creates: Option<String>,
    donecmd: Option<String>,
    user: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    watchfiles: Vec<String>,
    env: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, JsonSchema)]
struct Timer {
    interval: u32,
}

#[derive(Deserialize, JsonSchema)]
struct Noop {
    comment: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Print {
    msg: Option<String>,
    refresh_only: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
struct Kv {
    key: Option<String>,
    value: Option<String>,
    mapped: Option<bool>,
    skiplessthan: Option<bool>,
    skipcmpstyle: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct Msg {
    body: Option<String>,
    priority: Option<String>,
    fields: Option<BTreeMap<String, String>>,
    journal: Option<bool>,
    syslog: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
struct AnyValue {
    any: Option<serde_json::Value>,
}

#[derive(Deserialize, JsonSchema)]
struct Line {
    file: String,
    state: Presence,
    content: Option<String>,
    trim: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
struct Path {
    path: String,
}

#[derive(Deserialize, JsonSchema)]
struct Shell {
    artifact: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Default, Deserialize, JsonSchema)]
struct Engine {
    file: Option<Path>,
    shell: Option<Shell>,
}

#[derive(Deserialize, JsonSchema)]
struct Method {
    #[serde(default)]
    check: Engine,
    #[serde(default, rename = "do")]
    action: Engine,
}

#[derive(Deserialize, JsonSchema)]
struct Remote {
    host: String,
    id: String,
}

#[derive(Deserialize, JsonSchema)]
struct Mixed {
    somebool: Option<bool>,
    somestr: Option<String>,
    someint: Option<i64>,
    somefloat: Option<f64>,
}

#[derive(Deserialize, JsonSchema)]
struct Test {
    bool: Option<bool>,
    str: Option<String>,
    int: Option<i64>,
    int8: Option<i8>,
    uint16: Option<u16>,
    float64: Option<f64>,
    slicestring: Option<Vec<String>>,
    mapintfloat: Option<BTreeMap<i64, f64>>,
    mixedstruct: Option<Mixed>,
    interface: Option<serde_json::Value>,
    validate_error: Option<String>,
    send_value: Option<String>,
}

pub struct Registry(Vec<KindSchema>);

fn kind<T: JsonSchema>(name: &'static str, outputs: &[(&'static str, Type)], receives: bool) -> KindSchema {
    let json = schemars::schema_for!(T).to_value();
    KindSchema {
        kind: name,
        doc: "A kind to test with.",
        params: params_of(&json),
        outputs: outputs.iter().map(|(key, ty)| OutputSchema { key, ty: ty.clone(), doc: "" }).collect(),
        receives,
        json,
    }
}

impl Registry {
    pub fn new() -> Self {
        let text = |key| (key, Type::Str);
        Self(vec![
            kind::<Exec>("exec", &[text("output"), text("stdout"), text("stderr")], false),
            kind::<File>("file", &[], true),
            kind::<Kv>("kv", &[], true),
            kind::<Line>("line", &[], false),
            kind::<Method>("method", &[], true),
            kind::<Msg>("msg", &[], false),
            kind::<Noop>("noop", &[], false),
            kind::<Print>("print", &[], true),
            kind::<Remote>("remote", &[], false),
            kind::<Test>("test", &[text("hello"), ("answer", Type::INT)], true),
            kind::<Timer>("timer", &[], false),
            kind::<AnyValue>("value", &[("any", Type::Any)], true),
        ])
    }
}

impl Kinds for Registry {
    fn schema(&self, kind: &str) -> Option<&KindSchema> {
        self.0.iter().find(|schema| schema.kind == kind)
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|schema| schema.kind).collect()
    }
}

pub fn input(name: &str, bytes: impl Into<Vec<u8>>) -> Input {
    Input { name: name.to_owned(), bytes: bytes.into(), format: None }
}

/// Loads on the host `a`, without a cluster.
pub fn load_all(inputs: Vec<Input>) -> Loaded {
    load_with(inputs, "a", Pool::ThisHost)
}

pub fn load_with(inputs: Vec<Input>, hostname: &str, pool: Pool) -> Loaded {
    static KINDS: LazyLock<Registry> = LazyLock::new(Registry::new);
    let cx = Context { kinds: &*KINDS, hostname, pool };
    load(inputs, &cx)
}

pub fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

/// Everything that a load gave, for comparing with what is written down.
pub fn describe(loaded: &Loaded) -> String {
    let mut out = String::new();
    for diagnostic in &loaded.diagnostics {
        describe_diagnostic(&mut out, diagnostic, &loaded.sources);
    }
    if loaded.is_refused() {
        return out;
    }
    let catalog = &loaded.catalog;
    if let Some(name) = &catalog.name {
        writeln!(out, "graph {name}").unwrap();
    }
    for resource in &catalog.resources {
        let place = resource.origin.and_then(|span| loaded.sources.place(span));
        writeln!(out, "{} at {}", resource.id, place.unwrap_or_default()).unwrap();
        assert_eq!(resource.params.iter().len(), resource.param_spans.len());
        for (name, value) in resource.params.iter() {
            writeln!(out, "  {name} = {}", shown(value)).unwrap();
        }
        if *resource.meta != Meta::default() {
            let meta = homeostat_frontends::to_json(catalog, &[], &loaded.sources)["resources"]
                .as_array()
                .unwrap()
                .iter()
                .find(|json| json["name"] == *resource.id.name && json["kind"] == resource.id.kind.as_str())
                .map(|json| json["meta"].to_string());
            writeln!(out, "  meta {}", meta.unwrap_or_default()).unwrap();
        }
    }
    for edge in &catalog.edges {
        let arrow = if edge.notify { "=>" } else { "->" };
        let label = edge.label.as_deref().map(|label| format!(" ({label})"));
        writeln!(out, "{} {arrow} {}{}", edge.from, edge.to, label.unwrap_or_default()).unwrap();
    }
    for send in &catalog.sends {
        writeln!(out, "{}.{} sends to {}.{}", send.from, send.key, send.to, send.param).unwrap();
    }
    for export in &catalog.exports {
        writeln!(out, "exports {} to {:?}", export.resource.id, export.hosts).unwrap();
    }
    for collect in &catalog.collects {
        writeln!(out, "collects {} below {:?} from {:?}", collect.kind, collect.pattern, collect.from)
            .unwrap();
    }
    out
}

fn shown(value: &Value) -> String {
    format!("{value:?}")
}

fn part(sources: &SourceMap, span: Span) -> String {
    let place = sources.place(span).unwrap();
    let text = &sources.get(span.source).unwrap().text[span.start as usize..span.end as usize];
    let short: String = text.chars().take(30).collect();
    format!("{place} {short:?}")
}

fn describe_diagnostic(out: &mut String, diagnostic: &Diagnostic, sources: &SourceMap) {
    let severity = diagnostic.severity.as_str();
    let place = diagnostic.span.map(|span| part(sources, span)).unwrap_or_default();
    writeln!(out, "{severity}[{}] {place}", diagnostic.code).unwrap();
    writeln!(out, "  {}", diagnostic.message).unwrap();
    assert!(!diagnostic.message.ends_with('.'), "{}", diagnostic.message);
    if let Some(at) = &diagnostic.at {
        writeln!(out, "  ^ {at}").unwrap();
    }
    for label in &diagnostic.labels {
        writeln!(out, "  {}: {}", part(sources, label.span), label.text).unwrap();
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "  help: {help}").unwrap();
    }
}
