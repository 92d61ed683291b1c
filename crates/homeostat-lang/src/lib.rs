//! The MCL language: from text to a tree, from the tree to a program, and back to text in canonical form; and what programs
//! compute with: types, values and functions.
//!
//! Invariants: nothing here does input or output or knows an operating system. What a program learns from outside is asked for
//! as plain data ([`functions::SourceRequest`]) and answered by whoever implements [`functions::Sources`]. A text is never
//! refused before all of it was looked at: every step goes on after an error, and says each error once, with its place.
#![warn(missing_docs)]

pub mod ast;
pub mod eval;
pub mod format;
pub mod functions;
pub mod infer;
mod interpolate;
pub mod modules;
pub mod program;
pub mod scope;
pub mod syntax;
pub mod testing;
pub mod types;
pub mod value;
mod wrong;

pub use functions::{Function, registry};
pub use types::Type;
pub use value::Value;
