//! Any bytes, as what lies in the store for a release or for the operators, and as a manifest: reading ends without a panic, nothing
//! counts that nobody signed, and what is read as a manifest stays in its place and has one text. The same bytes as what a host says that it holds. `cargo fuzz run release`
#![no_main]

use std::sync::LazyLock;

use homeostat_cluster::deploys::blobs::Holder;
use homeostat_cluster::deploys::{Manifest, OperatorKey, RELEASE_BYTES_MAX, Roster, Stored};
use homeostat_cluster::identity::Operator;
use libfuzzer_sys::fuzz_target;

static OPERATORS: LazyLock<Vec<Operator>> = LazyLock::new(|| {
    let operator = OperatorKey::generate().operator("ann");
    operator.into_iter().collect()
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert_eq!(manifest.to_bytes(), bytes);
        assert!(manifest.files.iter().map(|file| file.bytes).sum::<u64>() <= RELEASE_BYTES_MAX);
        for file in &manifest.files {
            let path = file.path.below("/prefix".as_ref());
            assert!(path.starts_with("/prefix") && !path.components().any(|part| part.as_os_str() == ".."));
        }
    }
    for stored in [bytes, &[&[1], bytes].concat()] {
        if let Some(holder) = Holder::parse("holds/a", stored) {
            assert!(holder.host == "a" && holder.releases.len() <= 100);
        }
    }
    let key = OPERATORS[0].key().as_slice();
    for stored in [bytes.to_vec(), [&[1], key, bytes].concat(), [&[1], key, &[0; 64], bytes].concat()] {
        let stored = Stored { number: 1, signed: stored.into() };
        assert!(stored.verify(&OPERATORS, "c").is_err());
        assert!(Roster::open(&OPERATORS, "c", &stored).is_err());
        drop(stored.unverified());
    }
});
