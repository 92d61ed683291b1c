//! How far a release is: what the hosts that it is for say of themselves.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::deploys::Manifest;
use homeostat_cluster::deploys::rollout::{HostStanding, fleet};
use homeostat_cluster::presence::{self, Alive};
use homeostat_engine::Store;
use homeostat_engine::store::StoreError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How a release stands on the hosts that it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Those that have it, and everything in order with it.
    pub(crate) done: Vec<Arc<str>>,
    /// Those that have not, or not everything.
    pub(crate) open: Vec<Arc<str>>,
    /// Of those, the ones that have not begun.
    pub(crate) without: Vec<Arc<str>>,
    /// Those on which it failed, with what they say of it.
    pub(crate) failed: Vec<(Arc<str>, String)>,
}

/// How waiting for it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Everywhere(Look),
    Failed(Look),
    /// Who signed it is no operator any more, so those that have not begun never will.
    Disowned(Look),
    /// It took too long.
    TimedOut(Look),
}

impl Look {
    /// As the hosts stand that are alive.
    pub(crate) fn of(manifest: &Manifest, alive: &Alive) -> Self {
        let mut look = Self::default();
        for (host, HostStanding { runs, in_order, failed }) in fleet(alive) {
            if !manifest.rollout.selects(&host) {
                continue;
            }
            let number = manifest.number;
            if failed == Some(number) {
                let why = alive.get(&host).map(|seen| seen.summary.why.join("; ")).unwrap_or_default();
                look.failed.push((host, why));
            } else if runs > number || (runs == number && in_order) {
                look.done.push(host);
            } else {
                if runs != number {
                    look.without.push(host.clone());
                }
                look.open.push(host);
            }
        }
        look
    }
}

/// Follows a release until every host that it is for has it, or it failed on one. Tells of every step. `disowned` ends when its operator is none
/// any more.
pub(crate) async fn until_everywhere(
    store: Arc<dyn Store>,
    manifest: &Manifest,
    at_most: Option<Duration>,
    disowned: impl Future<Output = ()>,
    mut tell: impl FnMut(&Look),
) -> Ended {
    let (view, mut alive) = watch::channel(Alive::new());
    let mut following = pin!(presence::follow(store, view));
    let end = at_most.map(|at_most| Instant::now() + at_most);
    let mut look = Look::default();
    let (mut disowned, mut counts) = (pin!(disowned), true);
    loop {
        let over = async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut following => {}
            () = &mut disowned, if counts => counts = false,
            changed = alive.changed() => if changed.is_err() { return Ended::TimedOut(look) },
            () = over => return Ended::TimedOut(look),
        }
        let now = Look::of(manifest, &alive.borrow_and_update());
        if now != look {
            tell(&now);
            look = now;
        }
        if !look.failed.is_empty() {
            return Ended::Failed(look);
        }
        if !counts && !look.without.is_empty() {
            return Ended::Disowned(look);
        }
        // Nobody may have been seen yet: who is there is told at once when the store is reached.
        if look.open.is_empty() && !look.done.is_empty() {
            return Ended::Everywhere(look);
        }
    }
}

/// The releases that run somewhere.
pub(crate) async fn running(store: &dyn Store) -> Result<BTreeSet<u64>, StoreError> {
    let hosts = presence::hosts(store).await?;
    Ok(hosts.into_iter().filter_map(|host| host.alive.flatten()?.deploy).collect())
}
