//! Unit tests of classes: files named `*_test.mcl` say what is given and what is expected.
//!
//! A test is evaluated as views of its file: the same text, in which everything else is blank. One holds what is tested, and one
//! for each expectation what is expected. Views are programs like all others, and what they declare is compared; so places stay
//! what they are, and no other stage has to know of tests. Nothing is asked of a machine: what a test does not give is an error.

mod compare;
mod read;
mod run;

use homeostat_model::Span;

pub use read::read;
pub use run::{Bench, Outcome};

/// What names of files of tests end with.
pub const SUFFIX: &str = "_test.mcl";

/// A test.
#[derive(Debug, Clone)]
pub struct Test {
    /// What it is called.
    pub name: String,
    /// All of it.
    pub span: Span,
    /// The view with what is tested.
    subject: String,
    expectations: Vec<Expectation>,
}

/// A block of a test that says what is expected.
#[derive(Debug, Clone)]
struct Expectation {
    sense: Sense,
    span: Span,
    view: String,
}

/// What an expectation says of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    /// It is there.
    Present,
    /// None of it is there.
    Absent,
    /// It is there, and no other resources.
    Only,
}
