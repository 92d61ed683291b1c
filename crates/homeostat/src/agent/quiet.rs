//! Telling when everything was settled and quiet for long enough.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::Progress;

/// The engine does not wake anybody for its activity, so it is looked at, so often within the time that is waited for.
const LOOKS: u32 = 20;
const LOOK_MIN: Duration = Duration::from_millis(2);
const LOOK_MAX: Duration = Duration::from_millis(500);

/// How long nothing has happened.
pub(super) struct Quiet {
    /// None: a run does not end by being quiet.
    wanted: Option<Duration>,
    /// Since when, and how much had happened by then.
    since: Option<(Instant, u64)>,
}

impl Quiet {
    pub(super) fn new(wanted: Option<Duration>) -> Self {
        Self { wanted, since: None }
    }

    /// Whether it was quiet for long enough.
    pub(super) fn is_over(&mut self, now: &Progress) -> bool {
        let Some(wanted) = self.wanted else { return false };
        if !now.settled {
            self.since = None;
            return false;
        }
        let time = Instant::now();
        let since = match self.since {
            Some((since, activity)) if activity == now.activity => since,
            Some(_) | None => time,
        };
        self.since = Some((since, now.activity));
        time.duration_since(since) >= wanted
    }

    /// When to look again; never while something is running, since its end wakes.
    pub(super) fn look_again_at(&self) -> Option<Instant> {
        let (wanted, (since, _)) = (self.wanted?, self.since?);
        let soon = Instant::now() + (wanted / LOOKS).clamp(LOOK_MIN, LOOK_MAX);
        let end = since + wanted;
        Some(if end > Instant::now() { soon.min(end) } else { soon })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(settled: bool, activity: u64) -> Progress {
        Progress { settled, activity, ..Progress::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn activity_starts_the_wait_anew() {
        let mut quiet = Quiet::new(Some(Duration::from_secs(5)));
        assert!(!quiet.is_over(&progress(true, 1)));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(!quiet.is_over(&progress(true, 2)));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(!quiet.is_over(&progress(true, 2)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(quiet.is_over(&progress(true, 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_settled_is_not_quiet() {
        let mut quiet = Quiet::new(Some(Duration::ZERO));
        assert!(!quiet.is_over(&progress(false, 1)));
        assert_eq!(quiet.look_again_at(), None);
        assert!(quiet.is_over(&progress(true, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_time_to_wait_for_it_is_never_over() {
        let mut quiet = Quiet::new(None);
        assert!(!quiet.is_over(&progress(true, 1)));
        assert_eq!(quiet.look_again_at(), None);
    }
}
