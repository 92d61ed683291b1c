//! Transfers that take long: so many at once, and one at a time of each host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_cluster::identity::HostName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The end of one transfer and the beginning of the next may meet.
const OWN_WAIT_MAX: Duration = Duration::from_secs(5);

/// Whose turn it is.
pub(super) struct Turns {
    all: Arc<Semaphore>,
    hosts: Mutex<BTreeMap<HostName, Arc<Semaphore>>>,
}

/// Being the only transfer of a host, for as long as it is held.
pub(super) struct Alone(OwnedSemaphorePermit);

/// A transfer, for as long as it is held.
pub(super) struct Turn {
    alone: Alone,
    _one: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), hosts: Mutex::default() }
    }

    /// Of each host, one asks at a time; none while another does.
    pub(super) async fn alone(&self, host: &HostName) -> Option<Alone> {
        let own = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.retain(|_, own| Arc::strong_count(own) > 1);
            hosts.entry(host.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
        };
        timeout(OWN_WAIT_MAX, own.acquire_owned()).await.ok()?.ok().map(Alone)
    }

    /// A transfer begins; none while there are too many.
    pub(super) fn begin(&self, alone: Alone) -> Option<Turn> {
        let one = self.all.clone().try_acquire_owned().ok()?;
        Some(Turn { alone, _one: one })
    }
}

impl Turn {
    /// It goes on for as long as this is held.
    pub(super) fn goes_on(&self) -> bool {
        self.alone.0.num_permits() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_has_one_turn_at_a_time_and_all_together_so_many() {
        let turns = Turns::new(2);
        let [a, b, c] = ["a", "b", "c"].map(|name| name.parse::<HostName>().unwrap());
        let first = turns.begin(turns.alone(&a).await.unwrap()).unwrap();
        assert!(turns.alone(&a).await.is_none());
        let second = turns.begin(turns.alone(&b).await.unwrap()).unwrap();
        assert!(turns.begin(turns.alone(&c).await.unwrap()).is_none());
        assert!(first.goes_on());
        drop(first);
        let third = turns.begin(turns.alone(&c).await.unwrap());
        assert!(third.is_some() && turns.alone(&a).await.is_some());
        drop((second, third));
        drop(turns.alone(&a).await);
        assert_eq!(turns.hosts.lock().unwrap().len(), 1, "who asks for nothing is forgotten");
    }
}
