//! What an evaluation has come to.

use homeostat_model::{Catalog, Diagnostic};

use super::Output;
use super::assemble::assemble;
use crate::eval::collector::Unknown;

/// What a program says of this host now.
#[derive(Debug)]
pub enum Evaluated {
    /// All of it.
    Complete(Catalog),
    /// Not everything is known yet: what is, and what is not.
    Partial(Catalog, Vec<Unknown>),
    /// Something could not be computed, or contradicts itself.
    Failed(Vec<Diagnostic>),
}

impl Evaluated {
    /// From what a program declares.
    pub fn of(output: Output) -> Self {
        if !output.failures.is_empty() {
            return Self::Failed(output.diagnostics());
        }
        match assemble(&output) {
            Err(wrong) => Self::Failed(wrong),
            Ok(catalog) if output.pieces.unknown.is_empty() => Self::Complete(catalog),
            Ok(catalog) => Self::Partial(catalog, output.pieces.unknown),
        }
    }
}
