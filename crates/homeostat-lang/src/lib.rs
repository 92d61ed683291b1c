//! The MCL language: from text to a tree, from the tree to a program, and back to text in canonical form.
//!
//! Invariants: nothing here does input or output or knows an operating system. A text is never refused before all of it was
//! looked at: every step goes on after an error, and says each error once, with its place.
#![warn(missing_docs)]

pub mod ast;
pub mod format;
mod interpolate;
pub mod syntax;
