//! Telling when everything was settled and quiet for long enough.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::Progress;

/// How long nothing has happened. The engine wakes nobody for its activity, but says when it was: who looks when the time would be
/// over learns whether it is.
pub(super) struct Quiet {
    /// None: a run does not end by being quiet.
    wanted: Option<Duration>,
}

impl Quiet {
    pub(super) fn new(wanted: Option<Duration>) -> Self {
        Self { wanted }
    }

    /// When it will have been, if nothing happens; never while something is running, since its end wakes.
    pub(super) fn over_at(&self, now: &Progress) -> Option<Instant> {
        let wanted = self.wanted?;
        now.settled.then(|| now.active_at.unwrap_or_else(Instant::now) + wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_over(quiet: &Quiet, now: &Progress) -> bool {
        quiet.over_at(now).is_some_and(|over| over <= Instant::now())
    }

    fn settled_since(active_at: Instant) -> Progress {
        Progress { settled: true, active_at: Some(active_at), ..Progress::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn activity_starts_the_wait_anew() {
        let quiet = Quiet::new(Some(Duration::from_secs(5)));
        let first = settled_since(Instant::now());
        tokio::time::advance(Duration::from_secs(4)).await;
        let second = settled_since(Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(is_over(&quiet, &first));
        assert!(!is_over(&quiet, &second));
        tokio::time::sleep_until(quiet.over_at(&second).unwrap()).await;
        assert!(is_over(&quiet, &second));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_settled_is_not_quiet() {
        let quiet = Quiet::new(Some(Duration::ZERO));
        let running = Progress { settled: false, ..settled_since(Instant::now()) };
        assert_eq!(quiet.over_at(&running), None);
        assert!(is_over(&quiet, &settled_since(Instant::now())));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_time_to_wait_for_it_is_never_over() {
        assert!(!is_over(&Quiet::new(None), &settled_since(Instant::now())));
    }
}
