//! The language: what its programs compute with, and everything they can call.
//!
//! Invariant: nothing here touches the operating system. What a program learns from outside is asked for as plain data
//! ([`functions::SourceRequest`]) and answered by whoever implements [`functions::Sources`].
#![warn(missing_docs)]

pub mod functions;
pub mod types;
pub mod value;

pub use functions::{Function, registry};
pub use types::Type;
pub use value::Value;
