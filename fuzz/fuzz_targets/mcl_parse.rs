//! Any text as MCL: it is read without a panic, the tree keeps every byte, and places lie in the text.
//! `cargo +nightly fuzz run mcl_parse fuzz/corpus/mcl_parse crates/homeostat-lang/tests/broken crates/homeostat-lang/tests/programs`
#![no_main]

#[path = "../../crates/homeostat-lang/tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| common::is_read(text));
