//! Any bytes as what another agent asks for and gives of a large file: the hash in the path, the headers that say from where on, and why it
//! is not taken. Reading ends without a panic, what is read is written as it was, and what people read has no control characters. `cargo fuzz run blob_request`
#![no_main]

use homeostat_cluster::deploys::Hash;
use homeostat_cluster::deploys::blobs::part;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    assert!(!homeostat_model::suggest::printable(&text).contains(char::is_control));
    if let Ok(hash) = text.parse::<Hash>() {
        assert!(hash.to_string().eq_ignore_ascii_case(&text));
    }
    for range in [text.to_string(), format!("bytes={text}-")] {
        if let Some(offset) = part::parse_asked(&range) {
            assert_eq!(part::parse_asked(&part::asked(offset)), Some(offset));
            assert!(range.trim_start_matches("bytes=").trim_start_matches('0').len() <= 21);
        }
    }
    let offset = bytes.iter().take(8).fold(0, |offset, byte| offset << 8 | u64::from(*byte));
    assert!(part::begins_at(&part::given(offset, u64::MAX), offset));
    for given in [text.to_string(), format!("bytes {offset}{text}")] {
        if part::begins_at(&given, offset) {
            assert!(!part::begins_at(&given, offset ^ 1), "{given}");
        }
    }
});
