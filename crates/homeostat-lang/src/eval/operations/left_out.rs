//! Statements with errors: what they would declare is not known.

use homeostat_model::Span;

use crate::eval::collector::{Pieces, Report, Unknown, UnknownPart};
use crate::eval::flow::{Operate, Step};
use crate::eval::outcome::Outcome;

/// Says what is missing.
pub(in crate::eval) struct LeftOut {
    pub(in crate::eval) place: Span,
    pub(in crate::eval) part: UnknownPart,
}

impl Operate for LeftOut {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let unknown = Unknown { place: self.place, part: self.part.clone(), because: None };
        step.report(Report::Pieces(Pieces::unknown(unknown)));
        Outcome::NOTHING
    }
}
