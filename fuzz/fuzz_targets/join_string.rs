//! Any text as a join string: reading ends without a panic, and what was accepted reads back. `cargo +nightly fuzz run join_string`
#![no_main]

use homeostat_cluster::join::JoinString;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Past the mark and the encoding too.
    for text in [text.to_owned(), format!("homeostat1-{text}")] {
        if let Ok(read) = text.parse::<JoinString>() {
            assert_eq!(read.reveal().parse(), Ok(read));
        }
    }
});
