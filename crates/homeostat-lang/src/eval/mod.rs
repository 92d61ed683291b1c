//! Evaluation: a program becomes operations that depend on each other, and what they declare becomes deltas of the catalog.
//!
//! Start reading at [`flow`], which knows nothing of programs; the operations of programs are in `operations`, made by `build`
//! from the tree; [`collector`] gathers what they declare.

pub mod collector;
pub mod flow;
pub mod naive;
mod outcome;

pub use outcome::{Failure, Outcome};
