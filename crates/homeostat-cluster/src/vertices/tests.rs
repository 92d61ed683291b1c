//! Through a store in this process.

use homeostat_engine::EmbeddedStore;
use homeostat_engine::store::WatchItem;
use tokio::task::JoinSet;

use super::*;
use crate::rewound::Rewound;

struct Place {
    store: Arc<dyn Store>,
    stands: watch::Sender<Stands>,
    catalog: watch::Sender<Arc<str>>,
    lease: watch::Sender<Option<LeaseId>>,
    _tasks: JoinSet<()>,
    _dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(dir.path()));
        Self::through(store.clone(), store, dir)
    }

    /// One that speaks to a store through another one.
    fn through(store: Arc<dyn Store>, told_to: Arc<dyn Store>, dir: tempfile::TempDir) -> Self {
        let (stands, seen_stands) = watch::channel(Stands::default());
        let (catalog, seen_catalog) = watch::channel(Arc::from(""));
        let (lease, seen_lease) = watch::channel(None);
        let told = Told { stands: seen_stands, catalog: seen_catalog, lease: seen_lease };
        let mut tasks = JoinSet::new();
        tasks.spawn(publish(told_to, "a".into(), told));
        Self { store, stands, catalog, lease, _tasks: tasks, _dir: dir }
    }

    fn say(&self, stands: &[(&str, Option<(bool, u64)>)]) {
        let stand = |(done, changes)| Stand { done, changes };
        let stands = stands.iter().map(|(name, said)| (ResourceId::new("file", *name), said.map(stand)));
        self.stands.send_replace(Arc::new(stands.collect()));
    }

    /// Waits until exactly this is in the store.
    async fn has(&self, want: &[(&str, bool, u64)]) {
        let want: BTreeMap<String, Stand> = want
            .iter()
            .map(|(name, done, changes)| {
                let key = keys::vertex("a", &ResourceId::new("file", *name));
                (key, Stand { done: *done, changes: *changes })
            })
            .collect();
        let (_, mut revision) = self.store.range("vertices/").await.unwrap();
        loop {
            let mut watching = self.store.watch("vertices/", revision).await.unwrap();
            let (entries, now) = self.store.range("vertices/").await.unwrap();
            let stand = |value: &[u8]| Stand::parse(value).unwrap();
            let have: BTreeMap<String, Stand> =
                entries.into_iter().map(|entry| (entry.key.to_string(), stand(&entry.value))).collect();
            if have == want {
                return;
            }
            revision = now;
            let item = tokio::time::timeout(Duration::from_secs(60), watching.recv()).await;
            match item.unwrap_or_else(|_| panic!("{have:?} is not {want:?}")) {
                Some(WatchItem::Changes(_) | WatchItem::Lost) | None => {}
            }
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn nothing_is_said_before_there_is_a_lease_and_all_of_it_again_with_another_one() {
    let place = Place::new();
    place.say(&[("x", Some((true, 1)))]);
    place.catalog.send_replace("c1".into());
    let first = place.store.grant(HOUR).await.unwrap();
    place.lease.send_replace(Some(first));
    place.has(&[("x", true, 1)]).await;
    place.store.revoke(first).await.unwrap();
    place.has(&[]).await;
    let second = place.store.grant(HOUR).await.unwrap();
    place.lease.send_replace(Some(second));
    place.has(&[("x", true, 1)]).await;
}

#[tokio::test]
async fn what_changes_is_said_and_what_is_no_longer_referred_to_goes() {
    let place = Place::new();
    // Of an earlier life: one that is still declared and was not looked at yet, and one that is no more.
    for name in ["x", "old"] {
        let key = keys::vertex("a", &ResourceId::new("file", name));
        place.store.put(&key, &Stand { done: true, changes: 9 }.to_bytes("c0"), None).await.unwrap();
    }
    place.say(&[("x", None), ("y", Some((false, 1)))]);
    place.catalog.send_replace("c1".into());
    place.lease.send_replace(Some(place.store.grant(HOUR).await.unwrap()));
    place.has(&[("x", true, 9), ("y", false, 1)]).await;
    place.say(&[("x", Some((true, 10))), ("y", Some((true, 2)))]);
    place.has(&[("x", true, 10), ("y", true, 2)]).await;
    place.say(&[("y", Some((true, 2)))]);
    place.has(&[("y", true, 2)]).await;
}

#[tokio::test]
async fn a_lease_that_is_over_is_waited_for_and_nothing_is_lost() {
    let place = Place::new();
    place.catalog.send_replace("c1".into());
    let over = place.store.grant(HOUR).await.unwrap();
    place.store.revoke(over).await.unwrap();
    place.lease.send_replace(Some(over));
    place.say(&[("x", Some((true, 1)))]);
    place.lease.send_replace(Some(place.store.grant(HOUR).await.unwrap()));
    place.has(&[("x", true, 1)]).await;
}

#[tokio::test]
async fn a_store_that_went_back_is_told_again_how_vertices_stand() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| -> Arc<dyn Store> {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        Arc::new(EmbeddedStore::open(dir.path().join(name)))
    };
    let (first, copy) = (open("first"), open("copy"));
    // The copy has what was said before, under a lease that it knows as well.
    let key = |name: &str| keys::vertex("a", &ResourceId::new("file", name));
    for name in ["x", "gone"] {
        copy.put(&key(name), &Stand { done: false, changes: 1 }.to_bytes("c0"), None).await.unwrap();
    }
    let rewound = Rewound::new(first.clone());
    let mut place = Place::through(first.clone(), rewound.clone(), dir);
    place.say(&[("x", Some((true, 2))), ("y", Some((true, 1)))]);
    place.catalog.send_replace("c1".into());
    place.lease.send_replace(Some(first.grant(HOUR).await.unwrap()));
    place.has(&[("x", true, 2), ("y", true, 1)]).await;
    rewound.go_back(copy.clone());
    // Whoever announces the host begins a lease anew then.
    place.lease.send_replace(None);
    place.lease.send_replace(Some(copy.grant(HOUR).await.unwrap()));
    place.store = copy;
    place.has(&[("x", true, 2), ("y", true, 1)]).await;
}
