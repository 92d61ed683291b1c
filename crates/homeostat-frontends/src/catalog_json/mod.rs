//! Our catalogs as JSON, both ways: what `graph --format json` prints, `run` accepts.
//!
//! Invariant: reading what was printed gives an equal catalog, except for what is redacted, which is refused, and for keys
//! of untyped mappings, which become text. Automatic
//! edges are printed and not read: they are computed again.

mod read;
mod write;

pub(crate) use read::read;
pub use write::to_json;
