//! Which numbers were given. What the store has is not all: it may have been recovered from a copy that lacks the last releases.

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, keys};

use crate::presence::Summary;

/// How far what hosts say of themselves may be ahead of what is known otherwise: one that lies uses up no more numbers.
const AHEAD_MAX: u64 = 100_000;

/// The number after the last release in the store, the last one that is known here, and those that hosts say they have or refused.
pub(super) async fn next(store: &dyn Store, stored: u64, known: u64) -> Result<u64, StoreError> {
    let (hosts, _) = store.range(keys::HOSTS).await?;
    let said = hosts.iter().filter_map(|entry| Summary::parse(&entry.value));
    Ok(after(stored.max(known), said.flat_map(|summary| [summary.deploy, summary.deploy_failed]).flatten()))
}

fn after(known: u64, said: impl Iterator<Item = u64>) -> u64 {
    let is_near = |number: &u64| *number <= known.saturating_add(AHEAD_MAX);
    said.filter(is_near).fold(known, u64::max).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_anybody_knows_is_not_given_again_and_a_lie_uses_up_few() {
        assert_eq!(after(0, [].into_iter()), 1);
        assert_eq!(after(3, [2, 7, 5].into_iter()), 8);
        assert_eq!(after(3, [u64::MAX, 3 + AHEAD_MAX + 1].into_iter()), 4);
        assert_eq!(after(3, [u64::MAX, 3 + AHEAD_MAX].into_iter()), 4 + AHEAD_MAX);
    }
}
