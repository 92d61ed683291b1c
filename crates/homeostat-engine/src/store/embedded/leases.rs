//! Leases: in memory, with a deadline each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::store::LeaseId;

/// Leases and the keys that were put with them.
pub(super) struct Leases {
    next: u64,
    leases: BTreeMap<LeaseId, Lease>,
}

struct Lease {
    ttl: Duration,
    deadline: Instant,
    keys: BTreeSet<Arc<str>>,
}

impl Leases {
    /// None yet. Ids begin at the time of day, so that one of an earlier process means nothing to this one.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            next: now.map_or(1, |now| u64::try_from(now.as_nanos()).unwrap_or(1)),
            leases: BTreeMap::new(),
        }
    }

    pub(super) fn grant(&mut self, ttl: Duration) -> LeaseId {
        self.next += 1;
        let id = LeaseId(self.next);
        let lease = Lease { ttl, deadline: Instant::now() + ttl, keys: BTreeSet::new() };
        self.leases.insert(id, lease);
        id
    }

    /// Whether the lease still was there.
    pub(super) fn keep_alive(&mut self, id: LeaseId) -> bool {
        let lease = self.leases.get_mut(&id);
        if let Some(lease) = lease {
            lease.deadline = Instant::now() + lease.ttl;
            return true;
        }
        false
    }

    pub(super) fn holds(&self, id: LeaseId) -> bool {
        self.leases.contains_key(&id)
    }

    /// Notes that a key goes with a lease. It may since go with another: who ends a lease looks at the entry.
    pub(super) fn attach(&mut self, id: LeaseId, key: Arc<str>) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.insert(key);
        }
    }

    /// Forgets a lease; its keys are for the caller to remove.
    pub(super) fn end(&mut self, id: LeaseId) -> Option<BTreeSet<Arc<str>>> {
        self.leases.remove(&id).map(|lease| lease.keys)
    }

    /// Those that are over by now.
    pub(super) fn expired(&self) -> Vec<LeaseId> {
        let now = Instant::now();
        let over = self.leases.iter().filter(|(_, lease)| lease.deadline <= now);
        over.map(|(id, _)| *id).collect()
    }

    /// When the next one ends, if there are any.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.leases.values().map(|lease| lease.deadline).min()
    }
}
