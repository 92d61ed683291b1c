//! Evaluation: a program becomes operations that depend on each other, and what they declare becomes deltas of the catalog.
//!
//! Start reading at [`flow`], which knows nothing of programs; the operations of programs are in `operations`, made by `build`
//! from the tree; [`collector`] gathers what they declare. [`Evaluator`] holds them together and does nothing by itself; a [`Runner`]
//! connects one to the world.

mod build;
pub mod collector;
mod evaluator;
pub mod flow;
mod frame;
pub mod naive;
mod operations;
mod outcome;
mod printed;
mod product;
mod program;
mod runner;

pub use evaluator::Evaluator;
pub use outcome::{Failure, Outcome};
pub use program::{Given, Program};
pub use runner::{Change, Runner, Wake};
