//! The hosts as they see each other: which are settled with which release, and which were said to be gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homeostat_cluster::presence::Summary;
use homeostat_engine::Store;
use homeostat_engine::store::{WatchItem, keys};
use tokio::sync::watch;
use tokio::time::{sleep, timeout_at};

/// Between attempts to reach the store.
const AGAIN: Duration = Duration::from_millis(200);

/// What is seen of the hosts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) hosts: BTreeMap<String, Host>,
    /// When each host had spoken last that was no longer listed as alive.
    pub(crate) gone: Vec<Instant>,
}

#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) summary: Summary,
    /// When this was seen first.
    pub(crate) at: Instant,
}

/// Follows the hosts for as long as somebody looks.
pub(crate) async fn follow(store: Arc<dyn Store>, seen: watch::Sender<Seen>) {
    while !seen.is_closed() {
        if let Ok((entries, revision)) = store.range(keys::HOSTS).await {
            let there: Vec<String> =
                entries.iter().filter_map(|entry| keys::parse_host(&entry.key)).collect();
            seen.send_modify(|seen| {
                let known: Vec<String> = seen.hosts.keys().cloned().collect();
                known.iter().filter(|host| !there.contains(host)).for_each(|host| seen.ends(host));
                for entry in &entries {
                    seen.says(&entry.key, &entry.value);
                }
            });
            if let Ok(mut watching) = store.watch(keys::HOSTS, revision).await {
                while let Some(WatchItem::Changes(changes)) = watching.recv().await {
                    seen.send_modify(|seen| {
                        for changed in &changes {
                            match &changed.value {
                                Some(value) => seen.says(&changed.key, value),
                                None => seen.ends(&keys::parse_host(&changed.key).unwrap_or_default()),
                            }
                        }
                    });
                }
            }
        }
        sleep(AGAIN).await;
    }
}

impl Seen {
    fn says(&mut self, key: &str, value: &[u8]) {
        if let (Some(host), Some(summary)) = (keys::parse_host(key), Summary::parse(value)) {
            self.hosts.insert(host, Host { summary, at: Instant::now() });
        }
    }

    fn ends(&mut self, host: &str) {
        self.gone.extend(self.hosts.remove(host).map(|host| host.at));
    }
}

/// Waits until each of these hosts was seen in order with this release after `since`. Says how long it took.
pub(crate) async fn in_order(
    seen: &mut watch::Receiver<Seen>,
    hosts: &[String],
    number: u64,
    since: Instant,
    within: Duration,
) -> Vec<Option<Duration>> {
    let mut took: BTreeMap<&str, Duration> = BTreeMap::new();
    let end = (since + within).into();
    loop {
        {
            let seen = seen.borrow_and_update();
            for host in hosts {
                if let Some(Host { summary, at }) = seen.hosts.get(host)
                    && *at >= since
                    && summary.is_converged()
                    && summary.deploy == Some(number)
                {
                    took.entry(host).or_insert_with(|| *at - since);
                }
            }
        }
        if took.len() == hosts.len() || !matches!(timeout_at(end, seen.changed()).await, Ok(Ok(()))) {
            return hosts.iter().map(|host| took.get(host.as_str()).copied()).collect();
        }
    }
}
