//! Our words and etcd's: keys below a namespace, numbers without a sign.

use std::collections::BTreeMap;
use std::sync::Arc;

use etcd_client::{CompareOp, KeyValue, PutOptions, TxnOp};
use homeostat_engine::store::{Compare, Entry, LeaseId, Operation};

/// What all our keys begin with in etcd.
#[derive(Debug, Clone)]
pub(super) struct Namespace(Arc<str>);

impl Namespace {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// A key of ours as etcd has it.
    pub(super) fn key(&self, key: &str) -> Vec<u8> {
        [self.0.as_bytes(), key.as_bytes()].concat()
    }

    /// A key of etcd's as we have it; none for what we cannot have written.
    pub(super) fn ours<'k>(&self, key: &'k [u8]) -> Option<&'k str> {
        let key = key.strip_prefix(self.0.as_bytes())?;
        std::str::from_utf8(key).ok()
    }
}

/// The least key that is greater than all that begin so.
pub(super) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // There is none: to the end of all keys, as etcd has it.
    vec![0]
}

/// etcd counts with signs, and never below zero.
pub(super) fn number(signed: i64) -> u64 {
    u64::try_from(signed).unwrap_or(0)
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn entry(namespace: &Namespace, found: KeyValue) -> Option<Entry> {
    let mod_revision = number(found.mod_revision());
    let lease = Some(LeaseId(number(found.lease()))).filter(|lease| lease.0 != 0);
    let (key, value) = found.into_key_value();
    let key: Arc<str> = namespace.ours(&key)?.into();
    Some(Entry { key, value: value.into(), mod_revision, lease })
}

pub(super) fn compare(namespace: &Namespace, compare: &Compare) -> etcd_client::Compare {
    match compare {
        Compare::Missing(key) => etcd_client::Compare::version(namespace.key(key), CompareOp::Equal, 0),
        Compare::Revision(key, revision) => {
            // etcd takes a key that does not exist as one of revision 0, and nothing was ever changed by that.
            let revision = if *revision == 0 { -1 } else { signed(*revision) };
            etcd_client::Compare::mod_revision(namespace.key(key), CompareOp::Equal, revision)
        }
    }
}

/// etcd refuses a key that comes twice: of those, the last operation counts.
pub(super) fn operations(namespace: &Namespace, then: Vec<Operation>) -> Vec<TxnOp> {
    let mut last = BTreeMap::new();
    for operation in then {
        let (key, operation) = match operation {
            Operation::Put { key, value, lease } => {
                let at = namespace.key(&key);
                (key, TxnOp::put(at, value.to_vec(), Some(with_lease(lease))))
            }
            Operation::Delete(key) => {
                let at = namespace.key(&key);
                (key, TxnOp::delete(at, None))
            }
        };
        last.insert(key, operation);
    }
    last.into_values().collect()
}

pub(super) fn with_lease(lease: Option<LeaseId>) -> PutOptions {
    PutOptions::new().with_lease(lease.map_or(0, |lease| signed(lease.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_after_all_that_begin_so() {
        assert_eq!(end_of(b"/h/"), b"/h0");
        assert_eq!(end_of(b"a\xff"), b"b");
        assert_eq!(end_of(b"\xff"), b"\0");
    }

    #[test]
    fn only_our_own_keys_are_ours() {
        let namespace = Namespace::new("/h/");
        assert_eq!(namespace.ours(&namespace.key("kv/one/a")), Some("kv/one/a"));
        assert_eq!(namespace.ours(b"/other"), None);
        assert_eq!(namespace.ours(b"/h/\xff"), None);
    }

    #[test]
    fn of_operations_on_one_key_the_last_counts() {
        let put =
            |value: &str| Operation::Put { key: "a".into(), value: value.as_bytes().into(), lease: None };
        let then = vec![put("1"), Operation::Delete("b".into()), put("2")];
        assert_eq!(operations(&Namespace::new("/h/"), then).len(), 2);
    }
}
