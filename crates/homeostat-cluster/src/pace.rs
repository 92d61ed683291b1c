//! How hosts keep out of each other's way: waits that grow with failures, and that differ from host to host.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Good enough to keep hosts apart; a secret needs more.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Some time below this.
pub(crate) fn some_of(most: Duration) -> Duration {
    let share = u32::try_from(random() % 1000).unwrap_or_default();
    most * share / 1000
}

/// Waits between attempts: doubled with each failure, up to two seconds, and between half of that and all of it.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It went well: the next failure is the first one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after another failure.
    pub(crate) fn pause(&mut self) -> Duration {
        let whole = PAUSE_MIN.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        whole / 2 + some_of(whole / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let first = backoff.pause();
        assert!(first >= PAUSE_MIN / 2 && first <= PAUSE_MIN, "{first:?}");
        for _ in 0..100 {
            assert!(backoff.pause() <= PAUSE_MAX);
        }
        assert!(backoff.pause() >= PAUSE_MAX / 2);
        backoff.reset();
        assert!(backoff.pause() <= PAUSE_MIN);
    }
}
