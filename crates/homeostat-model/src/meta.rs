//! Meta parameters: how the engine should treat a resource.

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::params::Params;
use crate::schema::{self, ParamSchema};
use crate::value::Value;

/// The meta parameters as they are written; [`Meta`] is what they mean.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)]
struct MetaParams {
    /// Only report what would change.
    #[serde(default)]
    noop: bool,
    /// How often a failure is tried again after a delay: -1 for ever, 0 only when something wakes it. Not given: for ever, with a
    /// growing delay.
    retry: Option<i16>,
    /// Start counting retries anew after a success.
    #[serde(default)]
    retryreset: bool,
    /// Milliseconds between retries. Not given: growing from one second to five minutes.
    delay: Option<u32>,
    /// Seconds after which a check or an apply is ended; 0 is never.
    #[serde(default)]
    timeout: u32,
    /// Check every so many seconds, instead of watching; 0 is watching.
    #[serde(default)]
    poll: u32,
    /// Checks per second at most.
    limit: Option<f64>,
    /// How many checks may come at once before `limit` counts.
    #[serde(default)]
    burst: u32,
    /// Start the limit anew when a new catalog changes the resource.
    #[serde(default)]
    reset: bool,
    /// Semaphores to hold while changing the system, each `name:count`; the count is 1 where none is given.
    #[serde(default)]
    sema: Vec<String>,
    /// Watch anew when a new catalog changes the resource, even if what it watches is the same.
    #[serde(default)]
    rewatch: bool,
    /// Bring it in order once before it is removed.
    #[serde(default)]
    realize: bool,
    /// Allow a name that begins with `$`.
    #[serde(default)]
    dollar: bool,
    /// Never apply it: it is only there to be referred to.
    #[serde(default)]
    hidden: bool,
    /// Hosts to offer it to; `*` is any.
    #[serde(default)]
    export: Vec<String>,
    /// Tell other hosts how it stands, for those that refer to it with a `remote`.
    #[serde(default)]
    publish: bool,
    /// Undo it when it is removed from the catalog.
    #[serde(default)]
    reverse: bool,
    /// Take part in automatic edges.
    #[serde(default = "yes")]
    autoedge: bool,
    /// Take part in batches.
    #[serde(default = "yes")]
    autogroup: bool,
}

fn yes() -> bool {
    true
}

/// How often a failure is tried again without anybody asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Retry {
    /// For ever.
    #[default]
    Forever,
    /// So many times.
    Times(u16),
}

/// How many checks a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Tokens that come back each second.
    pub per_second: f64,
    /// Tokens at most.
    pub burst: u32,
}

/// A semaphore and how many may hold it at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Semaphore {
    /// Its name, shared by everybody who uses it.
    pub name: Arc<str>,
    /// Holders at most.
    pub count: NonZeroU32,
}

/// How the engine should treat a resource.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Meta {
    /// Only report.
    pub noop: bool,
    /// Retries of a failure.
    pub retry: Retry,
    /// Whether `retry` was given; failures then count as final after so many.
    pub retry_given: bool,
    /// Whether a success starts the count anew.
    pub retry_reset: bool,
    /// A fixed delay between retries, in milliseconds.
    pub delay_ms: Option<u32>,
    /// A deadline for checks and applies, in seconds; 0 is none.
    pub timeout_seconds: u32,
    /// Seconds between checks, instead of watching; 0 is watching.
    pub poll_seconds: u32,
    /// Checks per second.
    pub limit: Option<Limit>,
    /// Whether a changed resource starts with a full `limit`.
    pub limit_reset: bool,
    /// Held while changing the system; in the order of their names, each once.
    pub semaphores: Vec<Semaphore>,
    /// Whether a changed resource watches anew.
    pub rewatch: bool,
    /// Whether it is brought in order once before it is removed.
    pub realize: bool,
    /// Whether its name may begin with `$`.
    pub dollar: bool,
    /// Whether it is never applied.
    pub hidden: bool,
    /// Hosts that it is offered to.
    pub export: Vec<Arc<str>>,
    /// Whether other hosts are told how it stands.
    pub publish: bool,
    /// Whether it is undone when removed.
    pub reverse: bool,
    /// Whether it takes part in automatic edges.
    pub autoedge: bool,
    /// Whether it takes part in batches.
    pub autogroup: bool,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            noop: false,
            retry: Retry::Forever,
            retry_given: false,
            retry_reset: false,
            delay_ms: None,
            timeout_seconds: 0,
            poll_seconds: 0,
            limit: None,
            limit_reset: false,
            semaphores: Vec::new(),
            rewatch: false,
            realize: false,
            dollar: false,
            hidden: false,
            export: Vec::new(),
            publish: false,
            reverse: false,
            autoedge: true,
            autogroup: true,
        }
    }
}

/// A meta parameter that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaError {
    /// Which one, when it is one.
    pub param: Option<&'static str>,
    /// What is wrong with it.
    pub message: String,
}

impl MetaError {
    fn new(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), message: message.into() }
    }
}

impl Meta {
    /// One shared value for the many resources that say nothing.
    pub fn shared_default() -> Arc<Self> {
        static DEFAULT: LazyLock<Arc<Meta>> = LazyLock::new(|| Arc::new(Meta::default()));
        DEFAULT.clone()
    }

    /// Their names, types and docs.
    pub fn schema() -> &'static [ParamSchema] {
        static SCHEMA: LazyLock<Vec<ParamSchema>> = LazyLock::new(|| schema::params_of(Meta::json_schema()));
        &SCHEMA
    }

    /// The same as JSON Schema.
    pub fn json_schema() -> &'static serde_json::Value {
        static JSON: LazyLock<serde_json::Value> =
            LazyLock::new(|| schemars::schema_for!(MetaParams).to_value());
        &JSON
    }

    /// Reads meta parameters whose types already fit [`Meta::schema`].
    pub fn parse(params: &Params) -> Result<Self, Vec<MetaError>> {
        let given: MetaParams =
            params.parse().map_err(|error| vec![MetaError { param: None, message: error.to_string() }])?;
        let mut errors = Vec::new();
        let retry = match given.retry {
            None | Some(-1) => Retry::Forever,
            Some(times) => u16::try_from(times).map_or_else(
                |_| {
                    errors.push(MetaError::new("retry", "must be -1 (for ever) or more"));
                    Retry::Forever
                },
                Retry::Times,
            ),
        };
        let limit = parse_limit(given.limit, given.burst, &mut errors);
        let semaphores = parse_semaphores(&given.sema, &mut errors);
        if given.export.iter().any(String::is_empty) {
            errors.push(MetaError::new("export", "a host to export to cannot be empty"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            noop: given.noop,
            retry,
            retry_given: given.retry.is_some(),
            retry_reset: given.retryreset,
            delay_ms: given.delay,
            timeout_seconds: given.timeout,
            poll_seconds: given.poll,
            limit,
            limit_reset: given.reset,
            semaphores,
            rewatch: given.rewatch,
            realize: given.realize,
            dollar: given.dollar,
            hidden: given.hidden,
            export: given.export.into_iter().map(Arc::from).collect(),
            publish: given.publish,
            reverse: given.reverse,
            autoedge: given.autoedge,
            autogroup: given.autogroup,
        })
    }

    /// As parameters, where they are not the default; [`Self::parse`] reads them back.
    pub fn to_params(&self) -> Params {
        // Spelled out, so that a new one cannot be forgotten.
        let Self {
            noop,
            retry,
            retry_given,
            retry_reset,
            delay_ms,
            timeout_seconds,
            poll_seconds,
            limit,
            limit_reset,
            semaphores,
            rewatch,
            realize,
            dollar,
            hidden,
            export,
            publish,
            reverse,
            autoedge,
            autogroup,
        } = self;
        let mut out = Params::new();
        let mut put = |name: &str, differs: bool, value: Value| {
            if differs {
                out.set(name, value);
            }
        };
        let times = match retry {
            Retry::Forever => Value::Int(-1),
            Retry::Times(times) => Value::Int((*times).into()),
        };
        put("noop", *noop, Value::Bool(true));
        put("retry", *retry_given || *retry != Retry::Forever, times);
        put("retryreset", *retry_reset, Value::Bool(true));
        put("delay", delay_ms.is_some(), Value::Int(delay_ms.unwrap_or_default().into()));
        put("timeout", *timeout_seconds != 0, Value::Int((*timeout_seconds).into()));
        put("poll", *poll_seconds != 0, Value::Int((*poll_seconds).into()));
        if let Some(Limit { per_second, burst }) = limit {
            put("limit", true, Value::Float(*per_second));
            put("burst", true, Value::Int((*burst).into()));
        }
        put("reset", *limit_reset, Value::Bool(true));
        let texts = semaphores.iter().map(|semaphore| format!("{}:{}", semaphore.name, semaphore.count));
        put(
            "sema",
            !semaphores.is_empty(),
            Value::List(texts.map(|text| Value::from(text.as_str())).collect()),
        );
        put("rewatch", *rewatch, Value::Bool(true));
        put("realize", *realize, Value::Bool(true));
        put("dollar", *dollar, Value::Bool(true));
        put("hidden", *hidden, Value::Bool(true));
        let hosts = export.iter().map(|host| Value::from(&**host));
        put("export", !export.is_empty(), Value::List(hosts.collect()));
        put("publish", *publish, Value::Bool(true));
        put("reverse", *reverse, Value::Bool(true));
        put("autoedge", !*autoedge, Value::Bool(false));
        put("autogroup", !*autogroup, Value::Bool(false));
        out
    }
}

fn parse_limit(limit: Option<f64>, burst: u32, errors: &mut Vec<MetaError>) -> Option<Limit> {
    match limit {
        None => None,
        Some(rate) if rate == f64::INFINITY => None,
        Some(rate) if rate.is_nan() || rate < 0.0 => {
            errors.push(MetaError::new("limit", "must be a rate per second, 0 or more"));
            None
        }
        Some(_) if burst == 0 => {
            errors.push(MetaError::new(
                "limit",
                "a finite `limit` with `burst: 0` would never let anything through",
            ));
            None
        }
        Some(per_second) => Some(Limit { per_second, burst }),
    }
}

fn parse_semaphores(texts: &[String], errors: &mut Vec<MetaError>) -> Vec<Semaphore> {
    let mut semaphores: Vec<Semaphore> = Vec::new();
    for text in texts {
        match parse_semaphore(text) {
            Ok(semaphore) => semaphores.push(semaphore),
            Err(message) => errors.push(MetaError::new("sema", message)),
        }
    }
    semaphores.sort();
    semaphores.dedup_by(|later, earlier| later.name == earlier.name);
    semaphores
}

fn parse_semaphore(text: &str) -> Result<Semaphore, String> {
    let (name, count) = match text.rsplit_once(':') {
        Some((name, count)) => {
            (name, count.parse().map_err(|_| format!("`{count}` in `{text}` is no count of 1 or more"))?)
        }
        None => (text, NonZeroU32::MIN),
    };
    if name.is_empty() || name.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("`{text}` gives the semaphore no name; write `name:count`"));
    }
    Ok(Semaphore { name: name.into(), count })
}

impl Hash for Meta {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Most resources give none.
        let is_default = *self == Self::default();
        is_default.hash(state);
        if is_default {
            return;
        }
        let Self {
            noop,
            retry,
            retry_given,
            retry_reset,
            delay_ms,
            timeout_seconds,
            poll_seconds,
            limit,
            limit_reset,
            semaphores,
            rewatch,
            realize,
            dollar,
            hidden,
            export,
            publish,
            reverse,
            autoedge,
            autogroup,
        } = self;
        (noop, retry, retry_given, retry_reset, delay_ms, timeout_seconds, poll_seconds).hash(state);
        limit.map(|limit| (limit.per_second.to_bits(), limit.burst)).hash(state);
        (limit_reset, semaphores, rewatch, realize, dollar, hidden, export, reverse, autoedge, autogroup)
            .hash(state);
        publish.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[(&str, Value)]) -> Result<Meta, Vec<MetaError>> {
        Meta::parse(&entries.iter().map(|(name, value)| (*name, value.clone())).collect())
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(parse(&[]), Ok(Meta::default()));
    }

    #[test]
    fn a_limit_that_lets_nothing_through_is_refused() {
        assert!(parse(&[("limit", Value::Float(0.2))]).is_err());
        assert!(parse(&[("limit", Value::Float(f64::INFINITY)), ("burst", Value::Int(0))]).is_ok());
    }

    #[test]
    fn semaphores_are_ordered_by_name_and_need_one() {
        let list = |texts: &[&str]| Value::List(texts.iter().map(|text| Value::from(*text)).collect());
        let meta = parse(&[("sema", list(&["net:2", "db"]))]).unwrap();
        let names: Vec<_> = meta.semaphores.iter().map(|s| (&*s.name, s.count.get())).collect();
        assert_eq!(names, [("db", 1), ("net", 2)]);
        for bad in ["", ":1", "12", "12:3", "x:0", "x:y"] {
            assert!(parse(&[("sema", list(&[bad]))]).is_err(), "{bad}");
        }
    }

    #[test]
    fn meta_parameters_read_back_what_they_show() {
        let all = Meta {
            noop: true,
            retry: Retry::Times(3),
            retry_given: true,
            retry_reset: true,
            delay_ms: Some(7),
            timeout_seconds: 1,
            poll_seconds: 2,
            limit: Some(Limit { per_second: 1.0, burst: 2 }),
            limit_reset: true,
            semaphores: vec![Semaphore { name: "net".into(), count: NonZeroU32::MIN }],
            rewatch: true,
            realize: true,
            dollar: true,
            hidden: true,
            export: vec!["*".into()],
            publish: true,
            reverse: true,
            autoedge: false,
            autogroup: false,
        };
        for meta in [all, Meta::default()] {
            assert_eq!(Meta::parse(&meta.to_params()), Ok(meta));
        }
        assert!(Meta::default().to_params().is_empty());
    }

    #[test]
    fn every_meta_parameter_has_a_doc() {
        assert_eq!(Meta::schema().len(), 19);
        assert!(Meta::schema().iter().all(|param| !param.doc.is_empty()));
    }
}
