//! What goes wrong again and again is told to people now and then: a new reason at once, a known one after pauses that double.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3600));
/// More reasons than these, such as texts with a time in them, are no news.
const REASONS_MAX: usize = 16;

/// What was told of one trouble since it began.
#[derive(Debug, Default)]
pub(crate) struct Said {
    reasons: BTreeSet<String>,
    next: Option<(Instant, Duration)>,
}

impl Said {
    /// Whether it is to be told now, which is taken for done.
    pub(crate) fn is_due(&mut self, why: &str) -> bool {
        let now = Instant::now();
        if self.reasons.len() < REASONS_MAX && self.reasons.insert(why.to_owned()) {
            self.next.get_or_insert((now + PAUSES.0, PAUSES.0));
            return true;
        }
        let Some((_, pause)) = self.next.filter(|(at, _)| *at <= now) else { return false };
        let longer = (pause * 2).min(PAUSES.1);
        self.next = Some((now + longer, longer));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trouble_that_lasts_is_told_at_once_and_then_ever_less_often() {
        let mut said = Said::default();
        let mut told = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(24 * 3600) {
            // Two members that are asked in turn.
            for why in ["a: refused", "b: refused"] {
                if said.is_due(why) {
                    told.push(begun.elapsed().as_secs());
                }
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(told[..6], [0, 0, 30, 90, 210, 450]);
        assert!(told.len() < 40, "{told:?}");
        assert!(said.is_due("a: no such host"));
        assert!(!said.is_due("a: no such host"));
        let many = (0..100).filter(|seconds| said.is_due(&format!("no answer in {seconds} s"))).count();
        assert!(many < REASONS_MAX);
    }
}
