//! How many edges a statement may declare: it joins every resource of an end with every one of the next.

use homeostat_model::{Span, codes};

use super::outcome::Failure;

const EDGES_MAX: usize = 1_000_000;

/// Refuses what is more than anybody means, before it is made.
pub(super) fn is_bounded(ends: impl Iterator<Item = usize> + Clone, place: Span) -> Result<(), Failure> {
    let pairs = ends.clone().zip(ends.skip(1));
    let edges = pairs.fold(0_usize, |edges, (from, to)| edges.saturating_add(from.saturating_mul(to)));
    if edges <= EDGES_MAX {
        return Ok(());
    }
    let message = format!("these are {edges} edges, and a statement declares {EDGES_MAX} at most");
    Err(Failure::new(codes::TOO_LARGE, message).at(place))
}
