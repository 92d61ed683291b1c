//! Any bytes as what a member answers, as the certificate that the other end of a connection shows, and as the name in it: reading ends
//! without a panic. `cargo fuzz run join_answer`
#![no_main]

use homeostat_cluster::identity::{Authority, Certificate, HostName};
use homeostat_cluster::join::{Granted, JoinAnswer, Refusal};
use libfuzzer_sys::fuzz_target;

fn look(granted: &Granted) {
    let _ = Certificate::all_of(&granted.trusted);
    let _ = Certificate::all_of(&granted.certificates.host);
    if let Some(files) = &granted.authority {
        let _ = Authority::load(files);
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(JoinAnswer::Admitted(admitted)) = serde_json::from_slice(bytes) {
        look(&admitted.granted);
    }
    if let Ok(granted) = serde_json::from_slice::<Granted>(bytes) {
        look(&granted);
    }
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(bytes) {
        let _ = refusal.to_string();
    }
    if let Ok(certificate) = Certificate::new(bytes.to_vec().into()) {
        let _ = certificate.renewal_due();
        let _ = certificate.common_name().map(str::parse::<HostName>);
        let _ = certificate.serial().bytes();
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = Certificate::all_of(&text);
    if let Ok(host) = text.parse::<HostName>() {
        assert_eq!(host.as_str(), text);
    }
});
