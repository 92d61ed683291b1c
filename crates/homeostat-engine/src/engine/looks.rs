//! Looks that answer many checks, kept right by events: a wake of anybody who was answered by one makes it be taken again, for all of
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::subject::Managed;
use crate::host::Host;
use crate::resource::{Causes, Failure, Look};
use crate::source::VertexKey;

#[derive(Default)]
pub(super) struct Looks {
    by_key: Mutex<BTreeMap<Arc<str>, Arc<Shared>>>,
}

#[derive(Default)]
struct Shared {
    look: OnceCell<(Instant, Look)>,
    users: Mutex<BTreeSet<VertexKey>>,
}

impl Looks {
    /// A look for a vertex: one that was taken before, unless what causes the check is not an event that would have ended it.
    pub(super) async fn get(
        &self,
        key: &Arc<str>,
        vertex: VertexKey,
        managed: &Managed,
        host: &Host,
        causes: Causes,
        asked_at: Instant,
    ) -> Result<Look, Failure> {
        let unwatched = causes.any(Causes::POLL.and(Causes::ASKED).and(Causes::RETRY));
        for _ in 0..2 {
            let shared = self.join(key, vertex);
            let take = || async {
                let taken_at = Instant::now();
                managed.resource().clone().prefetch(host.clone()).await.map(|look| (taken_at, look))
            };
            let (taken_at, look) = shared.look.get_or_try_init(take).await?;
            if !unwatched || *taken_at >= asked_at {
                return Ok(look.clone());
            }
            self.renew_exactly(key, &shared);
        }
        managed.resource().clone().prefetch(host.clone()).await
    }

    /// Ends a look; says who was answered by it.
    pub(super) fn end(&self, key: &str) -> BTreeSet<VertexKey> {
        let Some(shared) = self.lock().remove(key) else { return BTreeSet::new() };
        let mut users = shared.users.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *users)
    }

    /// Makes the next check take a look of its own. Those that were answered so far are still told when that one ends.
    pub(super) fn renew(&self, key: &str) {
        let current = self.lock().get(key).cloned();
        if let Some(current) = current {
            self.renew_exactly(key, &current);
        }
    }

    fn renew_exactly(&self, key: &str, old: &Arc<Shared>) {
        let mut by_key = self.lock();
        if let Some(current) = by_key.get_mut(key)
            && Arc::ptr_eq(current, old)
        {
            let users = std::mem::take(&mut *old.users.lock().unwrap_or_else(PoisonError::into_inner));
            *current = Arc::new(Shared { look: OnceCell::new(), users: Mutex::new(users) });
        }
    }

    /// Known as a user before the look is taken, and while nobody can end it, so that a change after it is not missed.
    fn join(&self, key: &Arc<str>, vertex: VertexKey) -> Arc<Shared> {
        let mut by_key = self.lock();
        let shared = by_key.entry(key.clone()).or_default();
        shared.users.lock().unwrap_or_else(PoisonError::into_inner).insert(vertex);
        shared.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Arc<str>, Arc<Shared>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
