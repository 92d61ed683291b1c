//! What lies on disk: the tables, and the forms of their values. Each value begins with the version of its form.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use homeostat_model::meta::{Limit, Retry, Semaphore};
use homeostat_model::{Meta, Params, ResourceId, Value};
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::journal::{Former, Undo};
use crate::store::{Entry, LeaseId, StoreError};

/// Keys to entries.
pub(super) const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
/// The keys that go with a lease; leases end with the process, so these are removed when the store is opened.
pub(super) const LEASED: TableDefinition<'_, &str, ()> = TableDefinition::new("leased");
/// Numbers of the store itself.
pub(super) const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// Refreshes that are owed: kind and name of the receiver, then of the sender.
pub(super) const INTENTS: TableDefinition<'_, (&str, &str, &str, &str), ()> = TableDefinition::new("intents");
/// Kind and name of a resource to what undoes it.
pub(super) const UNDO: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("undo");

/// Kind and name of a resource that was done after something of another host, to the digest of its declaration.
pub(super) const DONE: TableDefinition<'_, (&str, &str), (u64, u64)> = TableDefinition::new("done");
/// Kind and name of a resource that other hosts refer to, to how often it has changed.
pub(super) const COUNTS: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("counts");

/// In [`NUMBERS`]: the revision of the store.
pub(super) const REVISION: &str = "revision";

const ENTRY_FORM: u8 = 1;
/// Parameters alone.
const PARAMS_FORM: u8 = 1;
const UNDO_FORM: u8 = 2;
/// Form, revision, lease.
const ENTRY_HEAD: usize = 1 + 8 + 8;

/// An entry as it lies on disk.
pub(super) fn entry_bytes(value: &[u8], revision: u64, lease: Option<LeaseId>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ENTRY_HEAD + value.len());
    bytes.push(ENTRY_FORM);
    bytes.extend_from_slice(&revision.to_le_bytes());
    bytes.extend_from_slice(&lease.map_or(0, |lease| lease.0).to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// Reads an entry.
pub(super) fn entry(key: &str, bytes: &[u8]) -> Result<Entry, StoreError> {
    let (mod_revision, lease) = entry_head(key, bytes)?;
    Ok(Entry { key: key.into(), value: bytes[ENTRY_HEAD..].into(), mod_revision, lease })
}

/// Reads the revision and the lease of an entry.
pub(super) fn entry_head(key: &str, bytes: &[u8]) -> Result<(u64, Option<LeaseId>), StoreError> {
    let number =
        |at: usize| -> Option<u64> { Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?)) };
    match (bytes.first(), number(1), number(9)) {
        (Some(&ENTRY_FORM), Some(revision), Some(lease)) => {
            Ok((revision, (lease != 0).then_some(LeaseId(lease))))
        }
        (Some(&form), ..) if form != ENTRY_FORM => Err(StoreError::Damaged(format!(
            "the entry of `{key}` has form {form}, which this version does not know"
        ))),
        _ => Err(StoreError::Damaged(format!("the entry of `{key}` is cut off"))),
    }
}

/// A value with nothing lost: what must not be shown is still what it was. For our own closed file only.
#[derive(Serialize, Deserialize)]
enum Kept {
    #[serde(rename = "n")]
    Null,
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "i")]
    Int(i64),
    /// By its bits, since not every float is JSON.
    #[serde(rename = "f")]
    Float(u64),
    #[serde(rename = "s")]
    Str(Arc<str>),
    #[serde(rename = "l")]
    List(Vec<Kept>),
    #[serde(rename = "m")]
    Map(Vec<(Kept, Kept)>),
    #[serde(rename = "t")]
    Struct(BTreeMap<Arc<str>, Kept>),
    #[serde(rename = "x")]
    Sensitive(Box<Kept>),
}

impl From<&Value> for Kept {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) => Self::Float(value.to_bits()),
            Value::Str(text) => Self::Str(text.clone()),
            Value::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Map(map) => Self::Map(map.iter().map(|(k, v)| (k.into(), v.into())).collect()),
            Value::Struct(fields) => {
                Self::Struct(fields.iter().map(|(k, v)| (k.clone(), v.into())).collect())
            }
            Value::Sensitive(inner) => Self::Sensitive(Box::new((&**inner).into())),
        }
    }
}

impl From<Kept> for Value {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Null => Self::Null,
            Kept::Bool(value) => Self::Bool(value),
            Kept::Int(value) => Self::Int(value),
            Kept::Float(bits) => Self::Float(f64::from_bits(bits)),
            Kept::Str(text) => Self::Str(text),
            Kept::List(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Kept::Map(map) => Self::Map(map.into_iter().map(|(k, v)| (k.into(), v.into())).collect()),
            Kept::Struct(fields) => Self::Struct(fields.into_iter().map(|(k, v)| (k, v.into())).collect()),
            Kept::Sensitive(inner) => Self::Sensitive(Box::new((*inner).into())),
        }
    }
}

/// What undoes a resource, as it lies on disk.
#[derive(Serialize, Deserialize)]
struct KeptUndo {
    params: BTreeMap<Arc<str>, Kept>,
    meta: KeptMeta,
    /// Kind and name.
    after: Vec<(String, String)>,
}

/// What undoing follows of the meta parameters. One that is added later must have a default.
#[derive(Serialize, Deserialize)]
struct KeptMeta {
    noop: bool,
    /// None: for ever.
    retry: Option<u16>,
    retry_given: bool,
    retry_reset: bool,
    delay_ms: Option<u32>,
    timeout_seconds: u32,
    poll_seconds: u32,
    /// The rate by its bits, and the burst.
    limit: Option<(u64, u32)>,
    limit_reset: bool,
    semaphores: Vec<(Arc<str>, NonZeroU32)>,
    reverse: bool,
    autoedge: bool,
    autogroup: bool,
}

impl From<&Meta> for KeptMeta {
    fn from(meta: &Meta) -> Self {
        Self {
            noop: meta.noop,
            retry: match meta.retry {
                Retry::Forever => None,
                Retry::Times(times) => Some(times),
            },
            retry_given: meta.retry_given,
            retry_reset: meta.retry_reset,
            delay_ms: meta.delay_ms,
            timeout_seconds: meta.timeout_seconds,
            poll_seconds: meta.poll_seconds,
            limit: meta.limit.map(|limit| (limit.per_second.to_bits(), limit.burst)),
            limit_reset: meta.limit_reset,
            semaphores: meta.semaphores.iter().map(|one| (one.name.clone(), one.count)).collect(),
            reverse: meta.reverse,
            autoedge: meta.autoedge,
            autogroup: meta.autogroup,
        }
    }
}

impl From<KeptMeta> for Meta {
    fn from(kept: KeptMeta) -> Self {
        let limit = |(bits, burst)| Limit { per_second: f64::from_bits(bits), burst };
        Self {
            noop: kept.noop,
            retry: kept.retry.map_or(Retry::Forever, Retry::Times),
            retry_given: kept.retry_given,
            retry_reset: kept.retry_reset,
            delay_ms: kept.delay_ms,
            timeout_seconds: kept.timeout_seconds,
            poll_seconds: kept.poll_seconds,
            limit: kept.limit.map(limit),
            limit_reset: kept.limit_reset,
            semaphores: kept.semaphores.into_iter().map(|(name, count)| Semaphore { name, count }).collect(),
            reverse: kept.reverse,
            autoedge: kept.autoedge,
            autogroup: kept.autogroup,
            ..Self::default()
        }
    }
}

/// What undoes a resource, as it lies on disk.
pub(super) fn undo_bytes(undo: &Undo) -> Vec<u8> {
    let kept = KeptUndo {
        params: undo.params.iter().map(|(name, value)| (name.clone(), value.into())).collect(),
        meta: (&*undo.former.meta).into(),
        after: undo.former.after.iter().map(|id| (id.kind.to_string(), id.name.to_string())).collect(),
    };
    let mut bytes = vec![UNDO_FORM];
    serde_json::to_writer(&mut bytes, &kept)
        .expect("memory takes whatever is written, and every key is text");
    bytes
}

/// Reads what undoes a resource. The first form had nothing but the parameters.
pub(super) fn undo(bytes: &[u8]) -> Result<Undo, StoreError> {
    let damaged = |error: serde_json::Error| {
        StoreError::Damaged(format!("what undoes a resource cannot be read: {error}"))
    };
    let params = |kept: BTreeMap<Arc<str>, Kept>| -> Params {
        kept.into_iter().map(|(name, kept)| (name, kept.into())).collect()
    };
    match bytes.split_first() {
        Some((&PARAMS_FORM, json)) => {
            let kept = serde_json::from_slice(json).map_err(damaged)?;
            Ok(Undo { params: params(kept), former: Former::default() })
        }
        Some((&UNDO_FORM, json)) => {
            let kept: KeptUndo = serde_json::from_slice(json).map_err(damaged)?;
            let after = kept.after.into_iter().map(|(kind, name)| ResourceId::new(kind, name)).collect();
            let former = Former { meta: Arc::new(kept.meta.into()), after };
            Ok(Undo { params: params(kept.params), former })
        }
        _ => Err(StoreError::Damaged(
            "what undoes a resource has a form that this version does not know".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_back_whole_with_their_secrets() {
        let given: Params = [
            ("secret", Value::Sensitive(Box::new(Value::from("hunter2")))),
            ("float", Value::Float(f64::INFINITY)),
            ("map", Value::Map([(Value::Int(1), Value::List(vec![Value::Null, Value::Bool(true)]))].into())),
            ("struct", Value::Struct([("a".into(), Value::Int(i64::MIN))].into())),
        ]
        .into_iter()
        .collect();
        let undo = Undo { params: given, former: Former::default() };
        let back = super::undo(&undo_bytes(&undo)).unwrap();
        assert_eq!(back, undo);
        assert!(back.params.get("secret").unwrap().is_sensitive());
    }

    #[test]
    fn how_a_resource_was_declared_comes_back_with_what_undoes_it() {
        let meta = Meta {
            noop: true,
            retry: Retry::Times(3),
            retry_given: true,
            timeout_seconds: 7,
            limit: Some(Limit { per_second: 0.3, burst: 2 }),
            semaphores: vec![Semaphore { name: "net".into(), count: NonZeroU32::MIN }],
            reverse: true,
            autoedge: false,
            ..Meta::default()
        };
        let former = Former { meta: Arc::new(meta), after: vec![ResourceId::new("file", "/etc/x")] };
        let undo = Undo { params: Params::default(), former };
        assert_eq!(super::undo(&undo_bytes(&undo)), Ok(undo));
    }

    #[test]
    fn what_an_earlier_version_recorded_is_still_read() {
        let undo = super::undo(b"\x01{\"content\":{\"s\":\"before\"}}").unwrap();
        assert_eq!(undo.params.get("content"), Some(&Value::from("before")));
        assert_eq!(undo.former, Former::default());
    }

    #[test]
    fn an_unknown_form_is_damage_and_not_a_guess() {
        assert!(matches!(entry("k", &[9; 40]), Err(StoreError::Damaged(_))));
        assert!(matches!(entry("k", &[1; 4]), Err(StoreError::Damaged(_))));
        assert!(matches!(undo(b"\x07{}"), Err(StoreError::Damaged(_))));
    }
}
