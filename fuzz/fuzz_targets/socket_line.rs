//! Any bytes as a line that a command sends to the agent of its prefix: reading ends without a panic, and a question that was read is read the
//! same when it is written again. Good files begin with `{"kv":{"op":"get","key":"x"}}`. `cargo fuzz run socket_line`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(again) = homeostat::socket_line_written_again(bytes) {
        assert_eq!(homeostat::socket_line_written_again(&again).as_ref(), Some(&again));
    }
});
