//! Any text as a whole program: names, types and a first evaluation end in diagnostics with good places, never in a panic.
//! `cargo +nightly fuzz run mcl_check fuzz/corpus/mcl_check crates/homeostat-lang/tests/refused crates/homeostat-lang/tests/programs`
#![no_main]

use std::cell::LazyCell;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/homeostat-lang/tests/common/kinds.rs"]
mod kinds;
#[path = "../../crates/homeostat-lang/tests/common/whole.rs"]
mod whole;

thread_local! {
    static KINDS: LazyCell<Arc<kinds::TextKinds>> = LazyCell::new(|| Arc::new(whole::kinds()));
}

fuzz_target!(|text: &str| {
    KINDS.with(|kinds| drop(whole::is_checked(text, kinds)));
});
