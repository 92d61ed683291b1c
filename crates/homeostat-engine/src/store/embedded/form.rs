//! What lies on disk: the tables, and the forms of their values. Each value begins with the version of its form.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_model::{Params, Value};
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

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

/// In [`NUMBERS`]: the revision of the store.
pub(super) const REVISION: &str = "revision";

const ENTRY_FORM: u8 = 1;
const PARAMS_FORM: u8 = 1;
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

/// Parameters as they lie on disk.
pub(super) fn params_bytes(params: &Params) -> Vec<u8> {
    let kept: BTreeMap<&str, Kept> = params.iter().map(|(name, value)| (&**name, value.into())).collect();
    let mut bytes = vec![PARAMS_FORM];
    serde_json::to_writer(&mut bytes, &kept)
        .expect("memory takes whatever is written, and every key is text");
    bytes
}

/// Reads parameters.
pub(super) fn params(bytes: &[u8]) -> Result<Params, StoreError> {
    let Some((&PARAMS_FORM, json)) = bytes.split_first() else {
        return Err(StoreError::Damaged("parameters have a form that this version does not know".into()));
    };
    let kept: BTreeMap<Arc<str>, Kept> = serde_json::from_slice(json)
        .map_err(|error| StoreError::Damaged(format!("parameters cannot be read: {error}")))?;
    Ok(kept.into_iter().map(|(name, kept)| (name, kept.into())).collect())
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
        let back = params(&params_bytes(&given)).unwrap();
        assert_eq!(back, given);
        assert!(back.get("secret").unwrap().is_sensitive());
    }

    #[test]
    fn an_unknown_form_is_damage_and_not_a_guess() {
        assert!(matches!(entry("k", &[9; 40]), Err(StoreError::Damaged(_))));
        assert!(matches!(entry("k", &[1; 4]), Err(StoreError::Damaged(_))));
        assert!(matches!(params(b"\x07{}"), Err(StoreError::Damaged(_))));
    }
}
