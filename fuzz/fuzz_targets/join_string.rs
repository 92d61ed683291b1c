//! Any text as a join string: reading ends without a panic, what was refused is not repeated, and what was accepted reads
//! back. `cargo +nightly fuzz run join_string`
#![no_main]

use homeostat_cluster::join::JoinString;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Past the mark and the encoding too.
    for text in [text.to_owned(), format!("homeostat1-{text}")] {
        match text.parse::<JoinString>() {
            Ok(read) => assert_eq!(read.reveal().parse(), Ok(read)),
            Err(error) => assert!(text.len() < 60 || !error.to_string().contains(&text)),
        }
    }
});
