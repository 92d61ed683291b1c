//! How the other hosts stand, as this one sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, WatchItem, Watching, keys};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{Alive, Summary};
use crate::pace::Backoff;

/// A host that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it last said.
    pub summary: Summary,
    /// When it settled, or stopped being settled.
    pub changed_at: Instant,
}

/// A host that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostView {
    /// Its name.
    pub host: String,
    /// What it last said, if it is alive; the inner one is missing when we do not understand it.
    pub alive: Option<Option<Summary>>,
}

/// All hosts that are known, in the order of their names.
pub async fn hosts(store: &dyn Store) -> Result<Vec<HostView>, StoreError> {
    let mut all: BTreeMap<String, Option<Option<Summary>>> = BTreeMap::new();
    for entry in store.range(keys::KEYS).await?.0 {
        all.extend(keys::parse_host(&entry.key).map(|host| (host, None)));
    }
    for entry in store.range(keys::HOSTS).await?.0 {
        all.extend(keys::parse_host(&entry.key).map(|host| (host, Some(Summary::parse(&entry.value)))));
    }
    Ok(all.into_iter().map(|(host, alive)| HostView { host, alive }).collect())
}

/// Since when all of these are settled; none while one is not, or while the host `us` is not among them.
pub fn settled_since(alive: &Alive, us: &str) -> Option<Instant> {
    if !alive.contains_key(us) || alive.values().any(|seen| !seen.summary.settled) {
        return None;
    }
    alive.values().map(|seen| seen.changed_at).max()
}

/// Follows the hosts that are alive until nobody looks any more.
pub async fn follow(store: Arc<dyn Store>, view: watch::Sender<Alive>) {
    let mut backoff = Backoff::default();
    let mut strangers = Strangers::default();
    while !view.is_closed() {
        match begin(&*store, &view, &mut strangers).await {
            Ok(watching) => {
                backoff.reset();
                go_on(watching, &view, &mut strangers).await;
            }
            Err(error) => tracing::debug!("the other hosts cannot be seen: {error}"),
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = view.closed() => return,
        }
    }
}

async fn begin(
    store: &dyn Store,
    view: &watch::Sender<Alive>,
    strangers: &mut Strangers,
) -> Result<Watching, StoreError> {
    let (entries, revision) = store.range(keys::HOSTS).await?;
    let watching = store.watch(keys::HOSTS, revision).await?;
    view.send_modify(|alive| {
        let mut before = std::mem::take(alive);
        for entry in entries {
            if let Some((host, summary)) = strangers.said(&entry.key, &entry.value) {
                let seen = seen(before.remove(&host), summary);
                alive.insert(host, seen);
            }
        }
    });
    Ok(watching)
}

async fn go_on(mut watching: Watching, view: &watch::Sender<Alive>, strangers: &mut Strangers) {
    loop {
        let item = tokio::select! {
            item = watching.recv() => item,
            () = view.closed() => return,
        };
        let Some(WatchItem::Changes(changes)) = item else { return };
        view.send_modify(|alive| {
            for changed in changes {
                let host = keys::parse_host(&changed.key).map(Arc::<str>::from);
                let before = host.as_ref().and_then(|host| alive.remove(host));
                let said = changed.value.and_then(|value| strangers.said(&changed.key, &value));
                alive.extend(said.map(|(host, summary)| (host, seen(before, summary))));
            }
        });
    }
}

/// Hosts whose summaries we do not understand: of each that is said once.
#[derive(Default)]
struct Strangers(BTreeSet<Arc<str>>);

impl Strangers {
    /// Who says what. A summary that we do not understand is that of a host which is there and not settled.
    fn said(&mut self, key: &str, value: &[u8]) -> Option<(Arc<str>, Summary)> {
        let host = keys::parse_host(key)?.into();
        let summary = Summary::parse(value);
        if self.is_new(&host, summary.is_none()) {
            tracing::warn!(
                "how `{host}` stands is said in a form that this version does not know: it counts as not settled"
            );
        }
        Some((host, summary.unwrap_or_default()))
    }

    fn is_new(&mut self, host: &Arc<str>, is_strange: bool) -> bool {
        match is_strange {
            true => self.0.insert(host.clone()),
            false => {
                self.0.remove(host);
                false
            }
        }
    }
}

fn seen(before: Option<Seen>, summary: Summary) -> Seen {
    let same = |before: &Seen| {
        (before.summary.settled, before.summary.since_ms) == (summary.settled, summary.since_ms)
    };
    let ago = Duration::from_millis(summary.settled_for_ms.unwrap_or_default());
    let now = Instant::now();
    let changed_at = || now.checked_sub(ago).unwrap_or(now);
    let changed_at = before.filter(same).map_or_else(changed_at, |before| before.changed_at);
    Seen { summary, changed_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_not_known_is_said_once_until_it_is_another() {
        let mut strangers = Strangers::default();
        let host: Arc<str> = "a".into();
        assert!(strangers.is_new(&host, true));
        assert!(!strangers.is_new(&host, true));
        assert!(!strangers.is_new(&host, false));
        assert!(strangers.is_new(&host, true));
    }
}
