//! `Watch::Store`: one watch of the store for each top-level part of its keys, whoever is interested.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use homeostat_engine::store::{StoreError, WatchItem, keys};
use homeostat_engine::{Host, Source, VertexKey, Wakes, Watch};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Between attempts to watch a store that cannot be reached.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Wakes vertices when keys of the store change.
#[derive(Debug, Default)]
pub struct StoreSource {
    interests: Mutex<Interests>,
    changed: Notify,
    /// The host that watches.
    host: OnceLock<Arc<str>>,
}

#[derive(Debug, Default)]
struct Interests {
    /// Prefixes and who wants to know of keys below them.
    prefixes: BTreeMap<Arc<str>, BTreeSet<VertexKey>>,
    of_vertex: BTreeMap<VertexKey, BTreeSet<Arc<str>>>,
    /// The parts that are watched or about to be.
    parts: BTreeSet<Arc<str>>,
    /// Those of them that no task watches yet.
    new_parts: Vec<Arc<str>>,
}

/// Up to the first slash, and with it.
fn part_of(prefix: &str) -> &str {
    prefix.find('/').map_or(prefix, |slash| &prefix[..=slash])
}

impl StoreSource {
    fn lock(&self) -> MutexGuard<'_, Interests> {
        self.interests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a part for as long as anybody is interested.
    async fn watch(self: Arc<Self>, host: Host, wakes: Wakes, part: Arc<str>) {
        let mut backoff = BACKOFF_MIN;
        let mut told = false;
        while self.is_wanted(&part) {
            match self.follow(&host, &wakes, &part).await {
                Ok(()) => (backoff, told) = (BACKOFF_MIN, false),
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        wakes.note(format!("changes of the store are not seen for now: {error}"));
                    }
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
        }
    }

    /// Until the watch is lost, or nobody is interested any more.
    async fn follow(&self, host: &Host, wakes: &Wakes, part: &str) -> Result<(), StoreError> {
        // No key begins so: only the revision is wanted.
        let (_, revision) = host.store().range(&format!("{part}\u{0}")).await?;
        let mut watching = host.store().watch(part, revision).await?;
        // What changed before that moment may have been missed.
        wakes.wake_all(self.lock().in_part(part));
        while let Some(item) = watching.recv().await {
            let interests = self.lock();
            match item {
                WatchItem::Changes(changes) => {
                    wakes.wake_all(changes.iter().flat_map(|changed| interests.of_key(&changed.key)));
                }
                WatchItem::Lost => return Ok(()),
            }
            if interests.is_empty_part(part) {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("the watch ended".into()))
    }

    /// Whether to go on; if not, the part is given up in the same moment.
    fn is_wanted(&self, part: &Arc<str>) -> bool {
        let mut interests = self.lock();
        let wanted = !interests.is_empty_part(part);
        if !wanted {
            interests.parts.remove(part);
        }
        wanted
    }
}

impl Interests {
    fn below<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a BTreeSet<VertexKey>> {
        let from = (Bound::Included(part), Bound::Unbounded);
        let prefixes = self.prefixes.range::<str, _>(from);
        prefixes.take_while(move |(prefix, _)| prefix.starts_with(part)).map(|(_, vertices)| vertices)
    }

    fn in_part(&self, part: &str) -> BTreeSet<VertexKey> {
        self.below(part).flatten().copied().collect()
    }

    fn is_empty_part(&self, part: &str) -> bool {
        self.below(part).next().is_none()
    }

    /// Everybody who is interested in a prefix of the key.
    fn of_key<'a>(&'a self, key: &'a str) -> impl Iterator<Item = VertexKey> + 'a {
        let ends = key.char_indices().map(|(at, _)| at).chain([key.len()]);
        ends.filter_map(|end| self.prefixes.get(&key[..end])).flatten().copied()
    }
}

impl Source for StoreSource {
    fn start(self: Arc<Self>, host: &Host, wakes: Wakes, tasks: &mut JoinSet<()>) -> io::Result<()> {
        let host = host.clone();
        self.host.get_or_init(|| host.name().into());
        tasks.spawn(async move {
            let mut watches = JoinSet::new();
            loop {
                tokio::select! {
                    () = self.changed.notified() => {
                        for part in std::mem::take(&mut self.lock().new_parts) {
                            watches.spawn(self.clone().watch(host.clone(), wakes.clone(), part));
                        }
                    }
                    Some(_) = watches.join_next() => {}
                }
            }
        });
        Ok(())
    }

    fn serves(&self, watch: &Watch) -> bool {
        matches!(watch, Watch::Store(_))
    }

    /// If the part is watched already, a later change is in that watch; if not, the vertex is woken once it is.
    fn arm(&self, watch: &Watch, vertex: VertexKey) {
        let Watch::Store(prefix) = watch else { return };
        let own = self.host.get().and_then(|host| keys::resolved(prefix, host)).map(Arc::from);
        let prefix = &own.unwrap_or_else(|| prefix.clone());
        let mut interests = self.lock();
        interests.prefixes.entry(prefix.clone()).or_default().insert(vertex);
        interests.of_vertex.entry(vertex).or_default().insert(prefix.clone());
        let part: Arc<str> = part_of(prefix).into();
        if interests.parts.insert(part.clone()) {
            interests.new_parts.push(part);
            self.changed.notify_one();
        }
    }

    fn disarm(&self, vertex: VertexKey) {
        let mut interests = self.lock();
        for prefix in interests.of_vertex.remove(&vertex).unwrap_or_default() {
            if let Some(vertices) = interests.prefixes.get_mut(&prefix) {
                vertices.remove(&vertex);
                if vertices.is_empty() {
                    interests.prefixes.remove(&prefix);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, vertex};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn put(bench: &Bench<StoreSource>, key: &str) {
        bench.host.store().put(key, b"v", None).await.unwrap();
    }

    #[tokio::test]
    async fn a_change_wakes_those_who_watch_a_prefix_of_its_key() {
        let bench = Bench::start(StoreSource::default());
        for (prefix, index) in [("kv/one/a", 1), ("kv/", 2), ("kv/one/ab", 3)] {
            bench.source.arm(&Watch::Store(prefix.into()), vertex(index));
        }
        // Once the watch stands, since something may have changed before.
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1), vertex(2), vertex(3)].into());
        put(&bench, "kv/one/a").await;
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1), vertex(2)].into());
        put(&bench, "kv/one/abc").await;
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1), vertex(2), vertex(3)].into());
        bench.source.disarm(vertex(2));
        put(&bench, "kv/one/b").await;
        put(&bench, "kv/one/ab").await;
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1), vertex(3)].into());
        assert_eq!(bench.tasks.len(), 1);
    }

    #[tokio::test]
    async fn a_mapped_key_wakes_the_host_whose_value_it_is() {
        let bench = Bench::start(StoreSource::default());
        bench.source.arm(&Watch::Store(keys::kv_of_us("k").into()), vertex(1));
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1)].into());
        bench.source.arm(&Watch::Store("kv/each/other/".into()), vertex(2));
        put(&bench, &keys::kv_of("k", "other")).await;
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(2)].into());
        put(&bench, &keys::kv_of("k", bench.host.name())).await;
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1)].into());
    }

    #[tokio::test]
    async fn who_comes_later_misses_nothing() {
        let bench = Bench::start(StoreSource::default());
        bench.source.arm(&Watch::Store("kv/one/a".into()), vertex(1));
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1)].into());
        bench.source.arm(&Watch::Store("kv/one/b".into()), vertex(2));
        put(&bench, "kv/one/b").await;
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(2)].into());
    }

    #[tokio::test]
    async fn a_lost_watch_is_taken_up_again_and_wakes_everybody() {
        let bench = Bench::start(StoreSource::default());
        bench.source.arm(&Watch::Store("kv/one/a".into()), vertex(1));
        assert_eq!(bench.woken_within(PATIENCE).await, [vertex(1)].into());
        // On one thread nobody reads the watch while these are only submitted, so it overflows.
        let host = bench.host.clone();
        let puts = (0..2000).map(|at| {
            let host = host.clone();
            async move { host.store().put(&format!("kv/one/x{at}"), b"", None).await.unwrap() }
        });
        let mut tasks: JoinSet<u64> = puts.collect();
        while tasks.join_next().await.is_some() {}
        // Whether it was lost or not: what comes now is seen.
        put(&bench, "kv/one/a").await;
        assert!(bench.woken_within(PATIENCE).await.contains(&vertex(1)));
    }
}
