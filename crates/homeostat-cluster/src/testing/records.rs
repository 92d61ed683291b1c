//! Everything that lies in the store, read as hosts read it and written again: for tests that take any bytes.

use homeostat_engine::store::{Stand, keys};

use crate::exchange::{SealingKey, form, parse_recipient};
use crate::presence::Summary;
use crate::{join, members};

/// A key of each record, by which [`written_again`] knows how it is read.
pub const KEYS: &[&str] = &[
    keys::CLUSTER_MEMBERS,
    keys::CLUSTER_SIZE,
    keys::CLUSTER_GRACE,
    keys::CLUSTER_ELECTED,
    keys::CLUSTER_STEP,
    keys::CLUSTER_AUTHORITY,
    "members/a",
    "cluster/tokens/0123456789abcdef",
    "cluster/hosts/a",
    "cluster/addresses/10.0.0.1:7420",
    "cluster/candidates/a",
    "cluster/refused/a.1f",
    "hosts/a",
    "keys/a",
    "vertices/a/file[/x]",
    "exports/a/file//x",
    "kv/one/x",
    "kv/each/a/x",
    "values/x",
    "rollouts/lead/0000000001",
    "blobs/0/0000",
];

/// What lies at a key, read and written again; none where nobody would read it, or nobody reads such a key.
pub fn written_again(key: &str, stored: &[u8], ours: &SealingKey) -> Option<Vec<u8>> {
    let below = |prefix: &str| key.starts_with(prefix);
    match key {
        _ if below(keys::HOSTS) => Summary::parse(stored).map(|summary| summary.to_bytes()),
        _ if below(keys::KEYS) => {
            parse_recipient(stored).map(|recipient| [&[stored[0]], recipient.to_text().as_bytes()].concat())
        }
        _ if below("vertices/") => Stand::parse(stored).map(|stand| stand.to_bytes("")),
        _ if below(keys::EXPORTS) => form::written_again(key, stored, ours),
        _ if below(keys::KV) => keys::kv_text(stored).map(keys::kv_value),
        _ if below(keys::BLOBS) => crate::deploys::piece_written_again(stored),
        _ if below(keys::ROLLOUTS) => crate::deploys::lead_written_again(stored),
        _ if below("values/") => keys::value_of(stored).map(|value| keys::value_form(&value)),
        _ => {
            members::records::written_again(key, stored).or_else(|| join::record::written_again(key, stored))
        }
    }
}

/// An export that seals any bytes to us, whatever they say; none where the rest of it is no export.
pub fn sealing(stored: &[u8], secrets: &[u8], ours: &SealingKey) -> Option<Vec<u8>> {
    form::sealing(stored, secrets, ours)
}

/// Whether an export that was read and written again says the same: what is sealed looks different each time.
pub fn is_same_export(key: &str, one: &[u8], other: &[u8], ours: &SealingKey) -> bool {
    let read = |stored| crate::exchange::read(key, stored, "b", ours).ok();
    match (read(one), read(other)) {
        (Some(one), Some(other)) => {
            (one.from, one.resource.digest(), one.hosts) == (other.from, other.resource.digest(), other.hosts)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each record looks like: where it does, nothing of it is lost.
    const EXAMPLES: &[(&str, &str)] = &[
        (
            keys::CLUSTER_MEMBERS,
            r#"{"seats":[{"id":1,"host":"a","peer_url":"p","client_url":"c","votes":true}]}"#,
        ),
        (keys::CLUSTER_SIZE, "3"),
        (keys::CLUSTER_GRACE, "120"),
        (keys::CLUSTER_ELECTED, r#""a""#),
        (keys::CLUSTER_STEP, r#"{"add":{"host":"a"}}"#),
        (keys::CLUSTER_AUTHORITY, r#"{"newest":"HASH","trusted":"-----BEGIN"}"#),
        (
            "members/a",
            r#"{"host":"a","peer_url":"p","client_url":"c","zone":"z","ability":{"lost":{"id":7}}}"#,
        ),
        ("cluster/tokens/0123456789abcdef", r#"{"secret":"HASH","ends":5,"uses_left":1,"role":"member"}"#),
        ("cluster/addresses/10.0.0.1:7420", r#""a.b""#),
        ("cluster/refused/a.1f", r#"{"host":"a","certificates":[{"serial":"1f","ends":5}]}"#),
        ("vertices/a/file[/x]", r#"{"catalog":"","done":true,"changes":7}"#),
        (
            "exports/a/file//x",
            r#"{"params":{"a":{"map":[[1,{"float":"inf"}]]},"b":0.1},"meta":{"noop":true},"hosts":["web*"]}"#,
        ),
        (
            "rollouts/lead/0000000001",
            r#"{"host":"a","beat":7,"failed_on":"b","everywhere":false,"over":true}"#,
        ),
        ("blobs/0/0000", "any bytes"),
        ("kv/one/x", "any text"),
        ("values/x", r#"{"struct":{"a":[1,null,1.5]}}"#),
    ];

    #[test]
    fn every_record_is_written_as_it_was_read() {
        let ours = SealingKey::generate();
        let hash = "ab".repeat(32);
        for (key, json) in EXAMPLES {
            assert!(KEYS.contains(key), "{key}");
            let stored = [b"\x01", json.replace("HASH", &hash).as_bytes()].concat();
            let again = written_again(key, &stored, &ours);
            assert_eq!(
                again.as_deref().map(String::from_utf8_lossy),
                Some(String::from_utf8_lossy(&stored)),
                "{key}"
            );
        }
    }

    #[test]
    fn what_is_sealed_reads_back_or_is_refused() {
        let ours = SealingKey::generate();
        let key = "exports/a/file//x";
        let open = br#"_{"params":{"a":{"sealed":0}}}"#;
        let open = [b"\x01", &open[1..]].concat();
        let good = sealing(&open, br#"{"of":"exports/a/file//x","values":["secret"]}"#, &ours).unwrap();
        let again = written_again(key, &good, &ours).unwrap();
        assert!(is_same_export(key, &good, &again, &ours));
        let empty = sealing(&open, br#"{"of":"exports/a/file//x","values":[]}"#, &ours).unwrap();
        assert_eq!(written_again(key, &empty, &ours), None);
    }
}
