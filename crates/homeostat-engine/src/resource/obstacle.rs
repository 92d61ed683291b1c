//! What stands in the way of an apply: a plan must not promise what will fail.

use super::{Claim, Failure};

/// Why an apply would fail as things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// As the apply would say it.
    pub failure: Failure,
    /// Whoever provides this before takes the obstacle away; none: nobody does by what is declared of them.
    pub lifted_by: Option<Claim>,
}
