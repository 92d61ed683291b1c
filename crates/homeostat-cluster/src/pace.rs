//! Times that keep hosts apart: waits that grow, and chance, so that many do not come at once.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Good enough to keep hosts apart; a secret needs more.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Between half of it and all of it.
pub(crate) fn about(whole: Duration) -> Duration {
    let part = f64::from(u16::try_from(random() % 1000).unwrap_or(0)) / 1000.0;
    whole / 2 + whole.mul_f64(0.5 * part)
}

/// Waits that double from the first bound to the second.
#[derive(Debug)]
pub(crate) struct Backoff {
    bounds: (Duration, Duration),
    attempts: u32,
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
