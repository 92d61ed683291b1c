//! How often one address may try in vain.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const FAILURES_MAX: u32 = 10;
const PERIOD: Duration = Duration::from_secs(60);
/// How many addresses are remembered; when there are more, all are forgotten.
const ADDRESSES_MAX: usize = 4096;

/// Who failed how often since when.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Attempts {
    /// Whether an address may try.
    pub(super) fn may_try(&self, from: IpAddr, now: Instant) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&from).is_none_or(|(since, failures)| now >= *since + PERIOD || *failures < FAILURES_MAX)
    }

    /// It tried in vain.
    pub(super) fn failed(&self, from: IpAddr, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ADDRESSES_MAX {
            known.retain(|_, (since, _)| now < *since + PERIOD);
        }
        if known.len() >= ADDRESSES_MAX {
            known.clear();
        }
        let (since, failures) = known.entry(from).or_insert((now, 0));
        if now >= *since + PERIOD {
            (*since, *failures) = (now, 0);
        }
        *failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_fails_often_waits_and_others_do_not() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let [one, other] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        for _ in 0..FAILURES_MAX {
            assert!(attempts.may_try(one, now));
            attempts.failed(one, now);
        }
        assert!(!attempts.may_try(one, now) && attempts.may_try(other, now));
        assert!(attempts.may_try(one, now + PERIOD));
        attempts.failed(one, now + PERIOD);
        assert!(attempts.may_try(one, now + PERIOD));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for at in 0..3 * u32::try_from(ADDRESSES_MAX).unwrap() {
            attempts.failed(IpAddr::from(at.to_be_bytes()), now);
        }
        assert!(attempts.0.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
