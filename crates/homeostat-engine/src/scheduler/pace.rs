//! How fast one vertex may go: backoff after failures, `limit` and `burst`, and slowing down when somebody else keeps changing the
//! same thing.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use homeostat_model::Meta;
use homeostat_model::meta::{Limit, Retry};

use super::{Scheduler, Subject};
use crate::event::EventKind;
use crate::resource::{Drift, Failure};
use crate::source::VertexKey;

const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Attempts before a failure that will not go away by itself is tried again at the longest pauses only.
const QUICK_ATTEMPTS: u32 = 3;
/// Failures in a row after which a wake no longer tries again at once: the attempt itself may be what wakes.
const WAKES_AT_ONCE: u32 = 3;
const CALM_MIN: Duration = Duration::from_secs(1);
const CALM_MAX: Duration = Duration::from_secs(60);

/// When repairs of one vertex are so many that somebody else must be at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flapping {
    pub(crate) repairs: u32,
    pub(crate) window: Duration,
}

/// What one vertex did lately, as far as it matters for when it may go on.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// The timer that counts.
    pub(super) timer: Option<Duration>,
    pub(super) poll_at: Option<Duration>,
    /// Failures in a row.
    failures: u32,
    /// Failures counted against `retry`.
    spent: u32,
    /// The last failure was one that no time passing mends.
    unsupported: bool,
    failed_at: Duration,
    retry_at: Option<Duration>,
    bucket: Option<Box<Bucket>>,
    quarrel: Option<Box<Quarrel>>,
}

#[derive(Debug)]
struct Bucket {
    limit: Limit,
    tokens: f64,
    filled_at: Duration,
}

/// Repairs lately.
#[derive(Debug, Default)]
struct Quarrel {
    repairs: VecDeque<Duration>,
    /// The pause after each repair; zero while all is calm.
    pause: Duration,
    not_before: Duration,
}

impl Pace {
    pub(super) fn new(meta: &Meta) -> Self {
        let mut pace = Self::default();
        pace.set_limit(meta.limit);
        pace
    }

    /// Follows a new declaration. A limit that stays the same keeps what it has used.
    pub(super) fn redeclare(&mut self, meta: &Meta) {
        let same = self.bucket.as_ref().map(|bucket| bucket.limit) == meta.limit;
        if !same || meta.limit_reset {
            self.set_limit(meta.limit);
        }
        self.failures = 0;
        self.spent = 0;
        self.unsupported = false;
        self.retry_at = None;
    }

    fn set_limit(&mut self, limit: Option<Limit>) {
        self.bucket = limit.map(|limit| {
            Box::new(Bucket { limit, tokens: f64::from(limit.burst), filled_at: Duration::ZERO })
        });
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the failure counts as how the vertex stands, and not as something that is about to be tried again.
    pub(super) fn is_final(&self, meta: &Meta, attempts: u32) -> bool {
        match meta.retry {
            _ if self.unsupported => true,
            Retry::Times(times) if meta.retry_given => self.spent > u32::from(times),
            Retry::Times(_) | Retry::Forever => self.failures >= attempts,
        }
    }

    /// Counts a failure; says after how long it is tried again by itself.
    pub(super) fn failed(
        &mut self,
        now: Duration,
        meta: &Meta,
        seed: VertexKey,
        failure: &Failure,
    ) -> Option<Duration> {
        self.failures += 1;
        self.spent += 1;
        self.failed_at = now;
        self.unsupported = matches!(failure, Failure::Unsupported(_));
        let allowed = match meta.retry {
            _ if self.unsupported => false,
            Retry::Forever => true,
            Retry::Times(times) => self.spent <= u32::from(times),
        };
        let delay = allowed.then(|| match meta.delay_ms {
            Some(ms) => Duration::from_millis(ms.into()),
            None => jittered(backoff(self.failures, failure), seed, self.failures),
        });
        // Without a timed retry the vertex still must not spin when its own attempt wakes it.
        self.retry_at = Some(now + delay.unwrap_or_else(|| self.wake_pause()));
        delay
    }

    pub(super) fn succeeded(&mut self, reset: bool) {
        self.failures = 0;
        self.unsupported = false;
        self.retry_at = None;
        if reset {
            self.spent = 0;
        }
    }

    /// Something happened that may mend a failure: tries again soon, and at once after the first failures.
    pub(super) fn hasten(&mut self, now: Duration) {
        let Some(retry_at) = self.retry_at else { return };
        let soon = now.max(self.failed_at + self.wake_pause());
        self.retry_at = Some(retry_at.min(soon));
    }

    fn wake_pause(&self) -> Duration {
        match self.failures.checked_sub(WAKES_AT_ONCE) {
            None => Duration::ZERO,
            Some(more) => Duration::from_millis(10) * 2u32.pow(more.min(15)),
        }
    }

    /// Counts a repair; says so when they become too many.
    pub(super) fn repaired(&mut self, now: Duration, limit: Flapping) -> Option<EventKind> {
        let quarrel = self.quarrel.get_or_insert_default();
        quarrel.repairs.push_back(now);
        while quarrel.repairs.front().is_some_and(|first| now.saturating_sub(*first) > limit.window) {
            quarrel.repairs.pop_front();
        }
        while quarrel.repairs.len() > limit.repairs as usize {
            quarrel.repairs.pop_front();
        }
        let was_calm = quarrel.pause.is_zero();
        if was_calm && quarrel.repairs.len() < limit.repairs as usize {
            return None;
        }
        quarrel.pause = (quarrel.pause * 2).clamp(CALM_MIN, CALM_MAX);
        quarrel.not_before = now + quarrel.pause;
        was_calm.then_some(EventKind::Flapping { repairs: limit.repairs, window: limit.window })
    }

    /// Ends the slowing down when nothing had to be repaired for twice the pause.
    pub(super) fn calm_down(&mut self, now: Duration) -> Option<EventKind> {
        let quarrel = self.quarrel.as_ref()?;
        let last = quarrel.repairs.back().copied().unwrap_or_default();
        if quarrel.pause.is_zero() || now < last + quarrel.pause * 2 {
            return None;
        }
        self.quarrel = None;
        Some(EventKind::Calm)
    }

    /// When there is something to see to that no dirty mark brings about.
    pub(super) fn next_after(&self, now: Duration) -> Option<Duration> {
        let calm = self.quarrel.as_ref().filter(|quarrel| !quarrel.pause.is_zero());
        let calm = calm.map(|quarrel| quarrel.repairs.back().copied().unwrap_or(now) + quarrel.pause * 2);
        [calm, self.poll_at].into_iter().flatten().filter(|when| *when > now).min()
    }

    /// Until when the next look must wait; a token is taken when it need not.
    fn hold(&mut self, now: Duration) -> Option<Duration> {
        if let Some(until) = self.retry_at.filter(|until| *until > now) {
            return Some(until);
        }
        if let Some(quarrel) = self.quarrel.as_ref().filter(|quarrel| quarrel.not_before > now) {
            return Some(quarrel.not_before);
        }
        self.bucket.as_mut().and_then(|bucket| bucket.take(now))
    }
}

impl Bucket {
    fn take(&mut self, now: Duration) -> Option<Duration> {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.limit.per_second).min(f64::from(self.limit.burst));
        self.filled_at = now;
        // What rounding may have cost must not make a timer fire for nothing for ever.
        if self.tokens >= 1.0 - 1e-6 {
            self.tokens = (self.tokens - 1.0).max(0.0);
            return None;
        }
        let missing = (1.0 - self.tokens) / self.limit.per_second;
        let wait = Duration::try_from_secs_f64(missing).unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        Some(now + wait.max(Duration::from_micros(1)))
    }
}

fn backoff(failures: u32, failure: &Failure) -> Duration {
    if matches!(failure, Failure::Permanent(_)) && failures >= QUICK_ATTEMPTS {
        return BACKOFF_MAX;
    }
    let doublings = failures.saturating_sub(1).min(16);
    (BACKOFF_MIN * 2u32.pow(doublings)).min(BACKOFF_MAX)
}

/// Between three quarters and all of it: vertices that failed together are not tried together. The same every time, for tests.
fn jittered(delay: Duration, seed: VertexKey, failures: u32) -> Duration {
    let mut hasher = std::hash::DefaultHasher::new();
    (seed, failures).hash(&mut hasher);
    let part = u32::try_from(hasher.finish() % 256).unwrap_or_default();
    delay - delay / 4 * part / 256
}

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// Until when a vertex must wait before it is looked at.
    pub(super) fn held_until(&mut self, at: u32) -> Option<Duration> {
        let now = self.now;
        let held = self.state_mut(at).pace.hold(now);
        if held.is_none() {
            let calm = self.state(at).pace.next_after(now);
            if let Some(when) = calm {
                self.schedule(at, when);
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: VertexKey = VertexKey { index: 0, generation: 0 };

    fn passing() -> Failure {
        Failure::transient("")
    }

    #[test]
    fn what_will_not_go_away_is_soon_tried_again_at_the_longest_pauses_only() {
        let mut pace = Pace::default();
        let meta = Meta::default();
        let mut next = || pace.failed(Duration::ZERO, &meta, SEED, &Failure::permanent("")).unwrap();
        let delays = [next(), next(), next(), next()];
        assert!(delays[1] <= Duration::from_secs(2), "the first attempts come quickly");
        assert!(delays[2] > Duration::from_secs(220) && delays[3] <= BACKOFF_MAX);
    }

    #[test]
    fn what_this_host_cannot_do_is_not_tried_again_by_itself() {
        for meta in [Meta::default(), Meta { retry: Retry::Times(9), retry_given: true, ..Meta::default() }] {
            let mut pace = Pace::default();
            assert_eq!(pace.failed(Duration::ZERO, &meta, SEED, &Failure::unsupported("")), None);
            assert!(pace.is_final(&meta, 3));
            assert!(pace.failed(Duration::ZERO, &meta, SEED, &passing()).is_some());
            assert!(!pace.is_final(&meta, 3), "it is supported, and failed otherwise");
        }
    }

    #[test]
    fn backoff_doubles_from_a_second_to_five_minutes() {
        let mut pace = Pace::default();
        let delays: Vec<Duration> = (0..12)
            .map(|_| pace.failed(Duration::ZERO, &Meta::default(), SEED, &passing()).unwrap())
            .collect();
        assert!(delays[0] > Duration::from_millis(740) && delays[0] <= Duration::from_secs(1));
        assert!(delays[1] > delays[0]);
        assert!(delays[11] > Duration::from_secs(220) && delays[11] <= BACKOFF_MAX);
    }

    #[test]
    fn retry_bounds_the_attempts_and_delay_fixes_the_pause() {
        let meta = Meta { retry: Retry::Times(2), retry_given: true, delay_ms: Some(10), ..Meta::default() };
        let mut pace = Pace::default();
        let delays: Vec<_> = (0..3).map(|_| pace.failed(Duration::ZERO, &meta, SEED, &passing())).collect();
        assert_eq!(delays, [Some(Duration::from_millis(10)), Some(Duration::from_millis(10)), None]);
        assert!(pace.is_final(&meta, 3));
    }

    #[test]
    fn a_limit_lets_its_burst_through_and_then_its_rate() {
        let mut pace =
            Pace::new(&Meta { limit: Some(Limit { per_second: 2.0, burst: 2 }), ..Meta::default() });
        let now = Duration::from_secs(10);
        assert_eq!(pace.hold(now), None);
        assert_eq!(pace.hold(now), None);
        let until = pace.hold(now).unwrap();
        assert_eq!(until, now + Duration::from_millis(500));
        assert_eq!(pace.hold(until), None);
    }

    #[test]
    fn many_repairs_are_slowed_down_and_then_forgiven() {
        let limit = Flapping { repairs: 3, window: Duration::from_secs(10) };
        let mut pace = Pace::default();
        assert_eq!(pace.repaired(Duration::from_secs(1), limit), None);
        assert_eq!(pace.repaired(Duration::from_secs(2), limit), None);
        assert!(matches!(pace.repaired(Duration::from_secs(3), limit), Some(EventKind::Flapping { .. })));
        assert_eq!(pace.hold(Duration::from_secs(3)), Some(Duration::from_secs(4)));
        assert_eq!(pace.calm_down(Duration::from_secs(4)), None);
        assert_eq!(pace.calm_down(Duration::from_secs(5)), Some(EventKind::Calm));
        assert_eq!(pace.hold(Duration::from_secs(5)), None);
    }
}
