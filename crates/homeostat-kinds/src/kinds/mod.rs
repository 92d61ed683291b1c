//! Every kind.

use homeostat_engine::Kind;

mod exec;
mod noop;

/// The documentation of a kind: the first comment of its file.
macro_rules! doc_of {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name, ".md"))
    };
}
use doc_of;

/// Every kind that an agent knows.
pub static KINDS: &[Kind] = &[Kind::of::<exec::Exec>(), Kind::of::<noop::Noop>()];
