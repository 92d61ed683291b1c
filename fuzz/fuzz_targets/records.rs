//! The first byte as the choice of a record, and the others as what lies in the store for it: reading ends without a panic, what was
//! read is written again as something that reads as the same, and grows by no more than a few names. What is sealed to us holds any
//! bytes too: they follow a zero. Keys of any form belong to nobody else's range.
//! `cargo fuzz run -s none records -- -dict=fuzz/records.dict`
#![no_main]

use std::sync::LazyLock;

use homeostat_cluster::exchange::SealingKey;
use homeostat_cluster::testing::records::{KEYS, is_same_export, sealing, written_again};
use homeostat_engine::store::keys;
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SealingKey> = LazyLock::new(SealingKey::generate);
/// Names of fields that have a default, and what a sealed value comes in.
const GROWTH_BYTES_MAX: usize = 2048;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let key = KEYS[usize::from(choice) % KEYS.len()];
    let stored = [&[1], bytes].concat();
    look(key, &stored);
    if key.starts_with(keys::EXPORTS)
        && let Some(zero) = stored.iter().position(|byte| *byte == 0)
        && let Some(sealed) = sealing(&stored[..zero], &stored[zero + 1..], &KEY)
    {
        look(key, &sealed);
    }
    if choice == u8::MAX {
        look_at_key(&String::from_utf8_lossy(bytes));
    }
});

fn look(key: &str, stored: &[u8]) {
    let Some(again) = written_again(key, stored, &KEY) else { return };
    assert!(again.len() <= 2 * stored.len() + GROWTH_BYTES_MAX);
    if key.starts_with(keys::EXPORTS) {
        assert!(is_same_export(key, stored, &again, &KEY));
    } else {
        assert_eq!(written_again(key, &again, &KEY).as_ref(), Some(&again));
    }
}

fn look_at_key(text: &str) {
    for prefix in [keys::HOSTS, keys::KEYS, keys::HOLDS] {
        let key = format!("{prefix}{text}");
        if let Some(host) = keys::parse_host(&key) {
            assert!([keys::host(&host), keys::key_of(&host), keys::holds(&host)].contains(&key));
        }
    }
    let key = format!("{}{text}", keys::EXPORTS);
    if let Some((from, id)) = keys::parse_export(&key) {
        assert_eq!(keys::export(&from, &id), key);
        assert!(key.starts_with(&keys::exports_of(&from)));
    }
    let key = format!("{}{text}", keys::KV_EACH);
    if let Some((host, of)) = keys::parse_kv_each(&key) {
        assert_eq!(keys::kv_of(of, &host), key);
    }
    for (prefix, key_of) in [(keys::DEPLOYS, keys::deploy as fn(u64) -> String), (keys::OPERATORS, keys::operators)] {
        let key = format!("{prefix}{text}");
        if let Some(number) = keys::parse_number(&key) {
            assert_eq!(key_of(number), key);
        }
    }
    if let Some(hash) = keys::parse_blob(&format!("{}{text}", keys::BLOBS)) {
        assert!(text.starts_with(hash) && !hash.contains('/'));
    }
}
