//! Any bytes as what a host without an identity asks, or one that renews or comes back: reading ends without a panic, and so does looking
//! at the key that it is for. `cargo +nightly fuzz run join_request`
#![no_main]

use homeostat_cluster::identity::SigningRequest;
use homeostat_cluster::join::{JoinRequest, Renewal, Return};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(JoinRequest::Admit(admission)) = JoinRequest::parse(bytes) {
        let _ = admission.request.key();
        let again = serde_json::to_vec(&JoinRequest::Admit(admission.clone())).expect("it is plain data");
        assert_eq!(JoinRequest::parse(&again), Ok(JoinRequest::Admit(admission)));
    }
    if let Ok(renewal) = Renewal::parse(bytes) {
        let _ = renewal.request.key();
    }
    if let Ok(asked) = Return::parse(bytes) {
        let _ = asked.request.key();
    }
    // What stands in the PEM of a request, and what stands around it.
    let _ = SigningRequest::new(String::from_utf8_lossy(bytes)).key();
    let _ = SigningRequest::from_der(bytes).key();
});
