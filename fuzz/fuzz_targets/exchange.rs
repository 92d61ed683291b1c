//! Any bytes, as what another host exports or says of itself: reading ends without a panic, and what was read is of the size of
//! what was there. `cargo fuzz run exchange`
#![no_main]

use std::sync::LazyLock;

use homeostat_cluster::exchange::{SealingKey, parse_recipient, read};
use homeostat_cluster::presence::Summary;
use homeostat_engine::store::{Stand, keys};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SealingKey> = LazyLock::new(SealingKey::generate);

fuzz_target!(|bytes: &[u8]| {
    let key = String::from_utf8_lossy(bytes);
    drop(keys::parse_export(&format!("exports/{key}")));
    drop(keys::parse_host(&format!("hosts/{key}")));
    for form in [0, 1] {
        let stored = [&[form], bytes].concat();
        drop(parse_recipient(&stored));
        drop(Summary::parse(&stored));
        if let Some(stand) = Stand::parse(&stored) {
            assert_eq!(Stand::parse(&stand.to_bytes("catalog")), Some(stand));
        }
        if let Ok(offer) = read("exports/a/file/x", &stored, "b", &KEY) {
            assert_eq!(&*offer.from, "a");
            let digest = offer.resource.digest();
            assert_eq!(digest, offer.resource.clone().digest());
        }
    }
});
