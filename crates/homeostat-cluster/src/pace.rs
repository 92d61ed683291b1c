//! How hosts keep out of each other's way: waits that grow with failures, and chance, so that many do not come at once.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Between attempts to reach a store. One that is away is not reached more often by that: its connection sees to it.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(700));

/// Good enough to keep hosts apart; a secret needs more.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Some time below this.
pub(crate) fn some_of(most: Duration) -> Duration {
    let share = u32::try_from(random() % 1000).unwrap_or_default();
    most * share / 1000
}

/// Between half of it and all of it.
pub(crate) fn about(whole: Duration) -> Duration {
    whole / 2 + some_of(whole / 2)
}

/// Waits that double from the first bound to the second.
#[derive(Debug)]
pub(crate) struct Backoff {
    bounds: (Duration, Duration),
    attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(PAUSES.0, PAUSES.1)
    }
}

impl Backoff {
    pub(crate) fn new(least: Duration, most: Duration) -> Self {
        Self { bounds: (least, most), attempts: 0 }
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = grown(self.bounds, self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        wait
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Failures in a row.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// The wait after so many rounds, between the bounds.
pub(crate) fn grown((least, most): (Duration, Duration), rounds: u32) -> Duration {
    about(least.saturating_mul(1 << rounds.min(16)).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew_after_a_success() {
        let (least, most) = PAUSES;
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= least / 2 && first <= least, "{first:?}");
        for _ in 0..100 {
            assert!(backoff.next() <= most);
        }
        assert!(backoff.next() >= most / 2);
        backoff.reset();
        assert!(backoff.next() <= least);
    }
}
