//! Summaries through a store in this process.

use std::sync::atomic::{AtomicUsize, Ordering};

use homeostat_engine::store::{
    Commit, Compare, Entry, LeaseId, Operation, StoreError, StoreFuture, Watching, keys,
};
use homeostat_engine::{EmbeddedStore, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;

#[test]
fn a_summary_reads_back_also_when_it_says_less_or_more_than_we_know() {
    let summary = Summary { settled: true, failed: 2, why: vec!["x".into()], ..Summary::default() };
    assert_eq!(Summary::parse(&summary.to_bytes()), Some(summary));
    let other = Summary::parse(b"\x01{\"settled\":true,\"shade\":1}").unwrap();
    assert!(other.is_converged());
    for bytes in [&b""[..], b"\x02{}", b"\x01", b"\x01[1]"] {
        assert_eq!(Summary::parse(bytes), None, "{bytes:?}");
    }
}

/// Hosts that share a store.
struct Place {
    store: Arc<dyn Store>,
    tasks: JoinSet<()>,
    turns: watch::Sender<u64>,
    _dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            store: Arc::new(EmbeddedStore::open(dir.path())),
            tasks: JoinSet::new(),
            turns: watch::Sender::new(0),
            _dir: dir,
        }
    }

    fn announce(
        &mut self,
        host: &str,
        summary: Summary,
    ) -> (watch::Sender<Summary>, watch::Receiver<Contact>) {
        let (summary, summaries) = watch::channel(summary);
        let (contact, seen) = watch::channel(Contact::Unknown);
        self.tasks.spawn(announce(
            self.store.clone(),
            host.into(),
            summaries,
            contact,
            watch::Sender::new(None),
            self.turns.subscribe(),
        ));
        (summary, seen)
    }

    fn follow(&mut self) -> watch::Receiver<Alive> {
        let (view, alive) = watch::channel(Alive::new());
        self.tasks.spawn(follow(self.store.clone(), view));
        alive
    }
}

fn settled(host: u8) -> Summary {
    Summary { settled: true, resources: host.into(), settled_at: Some(Instant::now()), ..Summary::default() }
}

#[tokio::test]
async fn hosts_are_seen_as_they_come_change_and_end() {
    let mut place = Place::new();
    let mut alive = place.follow();
    let (a, _) = place.announce("a", settled(1));
    let (b, mut contact) = place.announce("b", Summary::default());
    alive.wait_for(|alive| alive.len() == 2).await.unwrap();
    contact.wait_for(|contact| *contact == Contact::Kept).await.unwrap();
    assert_eq!(settled_since(&alive.borrow(), "a"), None);
    b.send(settled(2)).unwrap();
    alive.wait_for(|alive| settled_since(alive, "a").is_some()).await.unwrap();
    assert_eq!(settled_since(&alive.borrow(), "c"), None, "who is not seen is not settled");
    let listed = hosts(&*place.store).await.unwrap();
    let resources = |view: &HostView| view.alive.clone().flatten().map(|summary| summary.resources);
    assert_eq!(listed.iter().map(resources).collect::<Vec<_>>(), [Some(1), Some(2)]);
    drop(b);
    alive.wait_for(|alive| alive.len() == 1).await.unwrap();
    drop(a);
    alive.wait_for(Alive::is_empty).await.unwrap();
}

#[tokio::test]
async fn what_changes_often_is_said_once_a_second() {
    let mut place = Place::new();
    let (a, mut contact) = place.announce("a", settled(0));
    contact.wait_for(|contact| *contact == Contact::Kept).await.unwrap();
    let mut alive = place.follow();
    alive.wait_for(|alive| alive.len() == 1).await.unwrap();
    let mut watching = place.store.watch(keys::HOSTS, place.store.range("").await.unwrap().1).await.unwrap();
    for resources in 1..=200 {
        a.send(settled(resources)).unwrap();
        tokio::task::yield_now().await;
    }
    alive.wait_for(|alive| alive["a"].summary.resources == 200).await.unwrap();
    let mut updates = 0;
    while watching.try_recv().is_ok() {
        updates += 1;
    }
    assert!(updates <= 2, "{updates}");
}

/// A store that answers at once, and counts how often a lease was kept alive.
#[derive(Default)]
struct Prompt(AtomicUsize);

impl Store for Prompt {
    fn get<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<Entry>> {
        Box::pin(async { Ok(None) })
    }

    fn range<'a>(&'a self, _: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        Box::pin(async { Ok((Vec::new(), 1)) })
    }

    fn put<'a>(&'a self, _: &'a str, _: &'a [u8], _: Option<LeaseId>) -> StoreFuture<'a, u64> {
        Box::pin(async { Ok(1) })
    }

    fn transaction(&self, _: Vec<Compare>, _: Vec<Operation>) -> StoreFuture<'_, Commit> {
        Box::pin(async { Err(StoreError::LeaseEnded) })
    }

    fn grant(&self, _: Duration) -> StoreFuture<'_, LeaseId> {
        Box::pin(async { Ok(LeaseId(1)) })
    }

    fn keep_alive(&self, _: LeaseId) -> StoreFuture<'_, ()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }

    fn revoke(&self, _: LeaseId) -> StoreFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn watch<'a>(&'a self, _: &'a str, _: u64) -> StoreFuture<'a, Watching> {
        Box::pin(async { Err(StoreError::LeaseEnded) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_always_has_something_to_say_keeps_its_lease_all_the_same() {
    let store = Arc::new(Prompt::default());
    let (summary, summaries) = watch::channel(settled(0));
    let (contact, held) = (watch::Sender::new(Contact::Unknown), watch::Sender::new(None));
    let mut tasks = JoinSet::new();
    let turns = watch::channel(0).1;
    tasks.spawn(announce(store.clone(), "a".into(), summaries, contact, held, turns));
    for resources in 1..=30 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        summary.send(settled(resources)).unwrap();
    }
    drop(summary);
    tasks.join_all().await;
    let kept = store.0.load(Ordering::Relaxed);
    assert!(kept >= 60 / 6, "{kept} times in a minute");
}

#[tokio::test]
async fn a_host_whose_lease_ended_is_gone_and_comes_back_by_itself() {
    let mut place = Place::new();
    let mut alive = place.follow();
    let (a, _) = place.announce("a", settled(1));
    alive.wait_for(|alive| alive.len() == 1).await.unwrap();
    let entry = place.store.get(&keys::host("a")).await.unwrap().unwrap();
    place.store.revoke(entry.lease.unwrap()).await.unwrap();
    alive.wait_for(Alive::is_empty).await.unwrap();
    a.send(settled(2)).unwrap();
    alive.wait_for(|alive| alive.len() == 1).await.unwrap();
}

#[tokio::test]
async fn a_store_that_went_back_is_told_at_once_how_a_host_stands_also_where_it_knows_the_lease() {
    let mut place = Place::new();
    let (_a, mut contact) = place.announce("a", settled(1));
    contact.wait_for(|contact| *contact == Contact::Kept).await.unwrap();
    let mut alive = place.follow();
    alive.wait_for(|alive| alive.len() == 1).await.unwrap();
    place.store.transaction(vec![], vec![Operation::Delete(keys::host("a").into())]).await.map(drop).unwrap();
    alive.wait_for(Alive::is_empty).await.unwrap();
    place.turns.send_modify(|turns| *turns += 1);
    let told = tokio::time::timeout(LEASE / 4, alive.wait_for(|alive| alive.len() == 1)).await;
    told.expect("nothing has to happen before").unwrap();
}

#[tokio::test]
async fn a_host_that_speaks_a_later_form_is_there_and_not_settled_and_nothing_of_it_is_lost() {
    let mut place = Place::new();
    let later = [&[2][..], b"{}"].concat();
    place.store.put(&keys::host("b"), &later, None).await.unwrap();
    let (_a, _) = place.announce("a", settled(1));
    let mut alive = place.follow();
    alive.wait_for(|alive| alive.len() == 2).await.unwrap();
    assert_eq!(settled_since(&alive.borrow(), "a"), None);
    let listed = hosts(&*place.store).await.unwrap();
    assert_eq!(listed.iter().find(|view| view.host == "b").map(|view| view.alive.clone()), Some(Some(None)));
    assert_eq!(
        *place.store.get(&keys::host("b")).await.unwrap().unwrap().value,
        *later,
        "it is left as it is"
    );
    place.store.put(&keys::host("b"), &settled(2).to_bytes(), None).await.unwrap();
    alive.wait_for(|alive| settled_since(alive, "a").is_some()).await.unwrap();
}

#[test]
fn hosts_are_settled_since_the_last_of_them_is() {
    let now = Instant::now();
    let seen = |settled: bool, seconds: u64| Seen {
        summary: Summary { settled, ..Summary::default() },
        changed_at: now + Duration::from_secs(seconds),
    };
    let mut alive: Alive = [("a".into(), seen(true, 1)), ("b".into(), seen(true, 3))].into();
    assert_eq!(settled_since(&alive, "a"), Some(now + Duration::from_secs(3)));
    alive.insert("c".into(), seen(false, 0));
    assert_eq!(settled_since(&alive, "a"), None);
}
