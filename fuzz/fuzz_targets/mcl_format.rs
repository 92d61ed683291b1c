//! Any text that is MCL: its canonical form is the same tree with the same comments, and its own canonical form.
//! `cargo +nightly fuzz run mcl_format fuzz/corpus/mcl_format crates/homeostat-lang/tests/programs`
#![no_main]

#[path = "../../crates/homeostat-lang/tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| common::is_formatted(text));
