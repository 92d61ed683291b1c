//! The form of releases, whose word counts, and releases through a store in this process.

use std::collections::BTreeSet;
use std::sync::Arc;

use homeostat_engine::store::{Commit, keys};
use homeostat_engine::{EmbeddedStore, Store};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::watch;

use super::rollout::HostStanding;
use super::shelf::Mark;
use super::*;
use crate::identity::{ClusterDir, Operator};
use crate::overheard::Overheard;
use crate::presence::Summary;

const CLUSTER: &str = "c1";

fn store() -> (Arc<dyn Store>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Arc::new(EmbeddedStore::open(dir.path())), dir)
}

fn draft(text: &str) -> Draft {
    let mut draft = Draft::default();
    let content = |text: &str| Content::here(0o644, text.into());
    draft.add_input("site.yaml".parse().unwrap(), content(text)).unwrap();
    draft.add_file("files/motd".parse().unwrap(), content("hello")).unwrap();
    draft.add_file("files/empty".parse().unwrap(), content("")).unwrap();
    draft
}

fn terms(key: &OperatorKey) -> Terms<'_> {
    Terms {
        key,
        author: "ann".into(),
        cluster: CLUSTER.into(),
        note: String::new(),
        restores: None,
        rollout: Rollout::default(),
        made_ms: 1,
        known: 0,
    }
}

async fn publish(store: &dyn Store, terms: &Terms<'_>, draft: &Draft) -> Result<Manifest, PublishError> {
    super::publish(store, terms, draft, Large::Stored).await
}

fn operators(key: &OperatorKey) -> Vec<Operator> {
    vec![key.operator("ann").unwrap()]
}

async fn published(key: &OperatorKey, text: &str) -> (Arc<dyn Store>, Stored, TempDir) {
    let (store, dir) = store();
    publish(&*store, &terms(key), &draft(text)).await.unwrap();
    let stored = releases(&*store).await.unwrap().remove(0);
    (store, stored, dir)
}

#[tokio::test]
async fn a_release_with_any_bit_flipped_is_refused() {
    let key = OperatorKey::generate();
    let (_store, stored, _dir) = published(&key, "x").await;
    let operators = operators(&key);
    assert_eq!(stored.verify(&operators, CLUSTER).unwrap().0.number, 1);
    for at in 0..stored.signed.len() {
        for bit in 0..8 {
            let mut bytes = stored.signed.to_vec();
            bytes[at] ^= 1 << bit;
            let flipped = Stored { number: 1, signed: bytes.into() };
            assert!(flipped.verify(&operators, CLUSTER).is_err(), "bit {bit} of byte {at}");
        }
    }
    for cut in 0..stored.signed.len() {
        let cut = Stored { number: 1, signed: stored.signed[..cut].into() };
        assert!(cut.verify(&operators, CLUSTER).is_err());
    }
}

#[tokio::test]
async fn a_release_counts_for_its_cluster_its_number_and_its_operators_only() {
    let key = OperatorKey::generate();
    let (_store, stored, _dir) = published(&key, "x").await;
    let operators = operators(&key);
    assert!(matches!(stored.verify(&operators, "c2"), Err(ReleaseError::OtherCluster(_))));
    let moved = Stored { number: 2, ..stored.clone() };
    assert!(matches!(moved.verify(&operators, CLUSTER), Err(ReleaseError::OtherNumber(1))));
    let other = self::operators(&OperatorKey::generate());
    assert!(matches!(stored.verify(&other, CLUSTER), Err(ReleaseError::Untrusted(Untrusted::Stranger))));
    // What is signed for one purpose does not count for another.
    assert!(Roster::open(&operators, CLUSTER, &stored).is_err());
}

#[test]
fn manifests_that_lead_out_of_their_place_or_are_out_of_bounds_are_refused() {
    let good = serde_json::json!({
        "cluster": "c", "number": 1, "made_ms": 0, "author": "a", "note": "", "restores": null,
        "inputs": ["a.yaml"],
        "files": [{ "path": "a.yaml", "mode": 420, "bytes": 1, "hash": "0".repeat(64) }],
        "rollout": { "hosts": [], "canary": null, "max_unavailable": null, "rollback_on_failure": false },
    });
    assert!(Manifest::parse(good.to_string().as_bytes()).is_ok());
    let file = |path: &str, bytes: u64| serde_json::json!({ "path": path, "mode": 0, "bytes": bytes, "hash": "0".repeat(64) });
    let files = |files: Vec<serde_json::Value>| {
        let mut other = good.clone();
        other["inputs"][0] = files[0]["path"].clone();
        other["files"] = files.into();
        other
    };
    let with = |name: &str, value: serde_json::Value| {
        let mut other = good.clone();
        other[name] = value;
        other
    };
    let mut bad = vec![
        with("number", 0.into()),
        with("cluster", "".into()),
        with("note", "x".repeat(257).into()),
        with("inputs", serde_json::json!([])),
        with("inputs", serde_json::json!(["b.yaml"])),
        with("inputs", serde_json::json!(["a.yaml", "a.yaml"])),
        with("more", 1.into()),
        files(vec![file("b", 0), file("a", 0)]),
        files(vec![file("a", 0), file("a", 0)]),
        files(vec![file("a", 0), file("a/b", 0)]),
        files(vec![file("a", RELEASE_BYTES_MAX), file("b", 1)]),
        files(vec![file("a", u64::MAX), file("b", u64::MAX)]),
        files((0..=FILES_MAX).map(|at| file(&format!("{at:05}"), 0)).collect()),
    ];
    for path in ["", "/", "/etc/x", "..", "../x", "a/../b", "a//b", "./a", "a/", "a\n", "a\\b"] {
        bad.push(files(vec![file(path, 0)]));
    }
    let mut special = good.clone();
    special["files"][0]["mode"] = 0o4755.into();
    bad.push(special);
    for manifest in bad {
        assert!(Manifest::parse(manifest.to_string().as_bytes()).is_err(), "{manifest}");
    }
    // There is one text for what it says.
    assert!(Manifest::parse(format!("{good:#}").as_bytes()).is_err());
    assert!(Manifest::parse(format!("{good} ").as_bytes()).is_err());
}

#[test]
fn amounts_are_hosts_or_percents_of_them() {
    for (text, of_7) in [("1", 1), ("9", 7), ("1%", 1), ("50%", 4), ("100%", 7)] {
        assert_eq!(text.parse::<Amount>().unwrap().of(7), of_7, "{text}");
    }
    for text in ["", "0", "0%", "101%", "-1", "+1", "1.5", "x", "%", "01"] {
        assert!(text.parse::<Amount>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn the_files_of_a_release_come_back_or_are_refused() {
    let key = OperatorKey::generate();
    let long = "long ".repeat(300_000);
    let (store, stored, _dir) = published(&key, &long).await;
    let (manifest, _) = stored.verify(&operators(&key), CLUSTER).map(|(m, o)| (m, o.clone())).unwrap();
    let fetched = fetch(&*store, &manifest).await.unwrap();
    assert_eq!(fetched, draft(&long));
    let key = keys::blob(&Hash::of(long.as_bytes()).to_string(), 1);
    store.put(&key, b"\x01other", None).await.unwrap();
    assert!(matches!(fetch(&*store, &manifest).await, Err(FetchError::Different(_))));
    let delete = homeostat_engine::store::Operation::Delete(key.into());
    assert!(matches!(store.transaction(vec![], vec![delete]).await, Ok(Commit::Done(_))));
    assert!(matches!(fetch(&*store, &manifest).await, Err(FetchError::Missing(_))));
}

#[tokio::test]
async fn many_who_publish_at_once_have_a_number_each() {
    let (store, _dir) = store();
    let key = OperatorKey::generate();
    let mut all = tokio::task::JoinSet::new();
    for at in 0..8 {
        let (store, key) = (store.clone(), key.clone());
        all.spawn(
            async move { publish(&*store, &terms(&key), &draft(&format!("{at}"))).await.unwrap().number },
        );
    }
    let numbers: BTreeSet<u64> = all.join_all().await.into_iter().collect();
    assert_eq!(numbers, (1..=8).collect());
}

#[tokio::test]
async fn pruning_leaves_the_last_ones_those_that_run_and_their_files() {
    let (store, _dir) = store();
    let key = OperatorKey::generate();
    for at in 1..=13 {
        publish(&*store, &terms(&key), &draft(&format!("{at}"))).await.unwrap();
    }
    let gone = prune(&*store, &BTreeSet::from([2])).await.unwrap();
    assert_eq!(gone, [1, 3]);
    for stored in releases(&*store).await.unwrap() {
        fetch(&*store, &stored.unverified().unwrap()).await.unwrap();
    }
    let blobs = store.range(keys::BLOBS).await.unwrap().0.len();
    assert_eq!(blobs, 12, "eleven inputs, and a file that all have");
}

#[tokio::test]
async fn operators_change_by_the_word_of_one_of_them_only() {
    let (store, _dir) = store();
    let [ann, bob, eve] = [(); 3].map(|()| OperatorKey::generate());
    let line = |key: &OperatorKey, name: &str| key.operator(name).unwrap();
    let (a, b, e) = (line(&ann, "ann"), line(&bob, "bob"), line(&eve, "eve"));
    publish_roster(&*store, &ann, CLUSTER, 0, vec![a.clone(), b.clone()]).await.unwrap();
    publish_roster(&*store, &eve, CLUSTER, 0, vec![e.clone()]).await.unwrap();
    publish_roster(&*store, &bob, CLUSTER, 0, vec![b.clone()]).await.unwrap();
    publish_roster(&*store, &ann, CLUSTER, 0, vec![a.clone(), e.clone()]).await.unwrap();
    publish_roster(&*store, &bob, "c2", 0, vec![b.clone(), e]).await.unwrap();
    assert_eq!(current_roster(&*store, CLUSTER, (0, vec![a])).await.unwrap(), (3, vec![b.clone()]));
    assert!(publish_roster(&*store, &bob, CLUSTER, 0, vec![]).await.is_err());
    assert!(publish_roster(&*store, &bob, CLUSTER, 0, vec![b.clone(), b]).await.is_err());
}

#[test]
fn another_roster_under_the_number_that_is_pinned_is_told_and_the_pinned_one_counts() {
    let [ann, bob] = [(); 2].map(|()| OperatorKey::generate());
    let (a, b) = (ann.operator("ann").unwrap(), bob.operator("bob").unwrap());
    let pinned = vec![a.clone(), b.clone()];
    let signed = |number, operators: &[&Operator]| {
        let operators = operators.iter().copied().cloned().collect();
        let roster = Roster { cluster: CLUSTER.into(), number, operators };
        let body = serde_json::to_vec(&roster).unwrap();
        Stored { number, signed: ann.sign(signed::Purpose::Operators, &body).into() }
    };
    let follow = |changes: &[Stored]| {
        let mut refused = Vec::new();
        let tell = |change: &Stored, error| refused.push((change.number, format!("{error}")));
        let after = Roster::follow(2, pinned.clone(), CLUSTER, changes, tell);
        (after, refused)
    };
    // The one that is pinned, whose order says nothing, and one before it.
    let (after, refused) = follow(&[signed(1, &[&a]), signed(2, &[&b, &a])]);
    assert_eq!((after, refused), ((2, pinned.clone()), Vec::new()));
    let (after, refused) = follow(&[signed(2, &[&a])]);
    assert_eq!(after, (2, pinned.clone()));
    assert!(matches!(&refused[..], [(2, why)] if why.contains("under this number before")), "{refused:?}");
    // What comes after it counts all the same.
    let (after, refused) = follow(&[signed(2, &[&a]), signed(3, &[&b])]);
    assert_eq!((after, refused.len()), ((3, vec![b.clone()]), 1));
}

#[tokio::test]
async fn a_release_of_a_later_form_is_passed_over_and_what_runs_goes_on() {
    let (store, _dir) = store();
    let key = OperatorKey::generate();
    let mut a = follows(&store, "a", &operators(&key));
    publish(&*store, &terms(&key), &draft("one")).await.unwrap();
    assert_eq!(taken(&mut a).await, 1);
    let later = store.get(&keys::deploy(1)).await.unwrap().unwrap().value;
    let later = [&[2], &later[1..]].concat();
    store.put(&keys::deploy(2), &later, None).await.unwrap();
    store.put(&keys::operators(1), &later, None).await.unwrap();
    let three = publish(&*store, &terms(&key), &draft("three")).await.unwrap();
    assert_eq!((three.number, taken(&mut a).await), (3, 3));
    prune(&*store, &[3].into()).await.unwrap();
    assert_eq!(*store.get(&keys::deploy(2)).await.unwrap().unwrap().value, *later, "nothing of it is lost");
}

#[test]
fn a_key_reads_back_and_does_not_show_itself() {
    let key = OperatorKey::generate();
    let text = key.to_text();
    let read = OperatorKey::from_text(text.reveal()).unwrap();
    assert!(read.is_of(&key.operator("ann").unwrap()));
    assert_eq!(format!("{key:?}"), "OperatorKey");
    for text in ["", "homeostat-operator-key-1 AAAA", "homeostat-operator-key-2 x"] {
        assert!(OperatorKey::from_text(text).is_none(), "{text}");
    }
}

#[tokio::test]
async fn what_lies_on_the_shelf_is_whole_or_damaged() {
    let key = OperatorKey::generate();
    let (store, stored, _dir) = published(&key, "text").await;
    let manifest = stored.unverified().unwrap();
    let files = fetch(&*store, &manifest).await.unwrap();
    let prefix = tempfile::tempdir().unwrap();
    let shelf = Shelf::below(prefix.path());
    assert_eq!((shelf.ledger().unwrap(), shelf.mark(Mark::Seen).unwrap()), (Ledger::default(), 0));
    // Twice: a host that was killed puts it again.
    for _ in 0..2 {
        shelf.put(&stored.signed, &manifest, &files).unwrap();
    }
    let shelved = shelf.get(1).unwrap();
    assert_eq!(std::fs::read_to_string(&shelved.inputs[0]).unwrap(), "text");
    shelf.point_to(1).unwrap();
    assert_eq!(std::fs::read_to_string(prefix.path().join("release/files/motd")).unwrap(), "hello");
    std::fs::write(&shelved.inputs[0], "other").unwrap();
    assert!(matches!(shelf.get(1), Err(ShelfError::Damaged(1))));
    let ledger = Ledger { runs: 1, failed: Some(2), ..Ledger::default() };
    shelf.save(&ledger).unwrap();
    assert_eq!(shelf.ledger().unwrap(), ledger);
    shelf.prune(&[]).unwrap();
    assert!(shelf.get(1).is_err());
}

#[tokio::test]
async fn what_the_store_lost_keeps_its_number() {
    let (store, _dir) = store();
    let key = OperatorKey::generate();
    let number =
        async |known| publish(&*store, &Terms { known, ..terms(&key) }, &draft("x")).await.unwrap().number;
    assert_eq!(number(0).await, 1);
    // Of releases that are gone, hosts know; and this one.
    say(&store, "a", 3, None).await;
    assert_eq!(number(0).await, 4);
    say(&store, "b", 4, Some(6)).await;
    assert_eq!(number(0).await, 7);
    assert_eq!(number(9).await, 10);
    say(&store, "liar", u64::MAX, Some(u64::MAX)).await;
    assert_eq!(number(0).await, 11);
    let own = operators(&key);
    assert_eq!(publish_roster(&*store, &key, CLUSTER, 4, own.clone()).await.unwrap(), 5);
    assert_eq!(publish_roster(&*store, &key, CLUSTER, 4, own).await.unwrap(), 6);
}

#[test]
fn a_prefix_knows_the_greatest_number_of_all_that_it_saw() {
    let prefix = tempfile::tempdir().unwrap();
    let shelf = Shelf::below(prefix.path());
    assert_eq!(shelf.greatest().unwrap(), 0);
    shelf.save(&Ledger { runs: 2, before: 1, failed: Some(5), ..Ledger::default() }).unwrap();
    assert_eq!(shelf.greatest().unwrap(), 5);
    shelf.set_mark(Mark::Seen, 7).unwrap();
    assert_eq!(shelf.greatest().unwrap(), 7);
}

/// A host that follows releases.
struct Follows {
    follower: Follower,
    standing: watch::Sender<HostStanding>,
    prefix: TempDir,
}

fn follows(store: &Arc<dyn Store>, host: &str, pinned: &[Operator]) -> Follows {
    follows_as(store, host, pinned, true)
}

fn follows_as(store: &Arc<dyn Store>, host: &str, pinned: &[Operator], may_lead: bool) -> Follows {
    let prefix = tempfile::tempdir().unwrap();
    let dir = ClusterDir::below(prefix.path());
    dir.pin_operators(pinned, 0).unwrap();
    let shelf = Shelf::below(prefix.path());
    let (standing, own) = watch::channel(HostStanding::default());
    let cluster = CLUSTER.to_owned();
    let depot = blobs::Depot::below(prefix.path());
    let (store, host) = (store.clone(), host.into());
    let party = Party { store, host, cluster, dir, shelf, depot, peers: None, may_lead };
    Follows { follower: Follower::start(party, own), standing, prefix }
}

async fn taken(host: &mut Follows) -> u64 {
    let Offer::Take(shelved) = host.follower.next().await else { panic!("it goes back") };
    let number = shelved.manifest.number;
    host.standing.send_replace(HostStanding { runs: number, in_order: true, failed: None });
    number
}

#[tokio::test]
async fn a_host_takes_what_is_signed_for_it_and_nothing_else() {
    let (store, _dir) = store();
    let [ann, eve] = [(); 2].map(|()| OperatorKey::generate());
    let mut a = follows(&store, "a", &operators(&ann));
    publish(&*store, &terms(&eve), &draft("evil")).await.unwrap();
    let other_cluster = Terms { cluster: "c2".into(), ..terms(&ann) };
    publish(&*store, &other_cluster, &draft("other")).await.unwrap();
    let rollout = Rollout { hosts: vec!["b*".into()], ..Rollout::default() };
    publish(&*store, &Terms { rollout, ..terms(&ann) }, &draft("for b")).await.unwrap();
    publish(&*store, &terms(&ann), &draft("good")).await.unwrap();
    assert_eq!(taken(&mut a).await, 4);
    // An older one under a number that is new.
    let old = store.get(&keys::deploy(4)).await.unwrap().unwrap().value;
    store.put(&keys::deploy(5), &old, None).await.unwrap();
    publish(&*store, &terms(&ann), &draft("better")).await.unwrap();
    assert_eq!(taken(&mut a).await, 6);
    // An operator who came by the word of another counts.
    let both = vec![ann.operator("ann").unwrap(), eve.operator("eve").unwrap()];
    publish_roster(&*store, &ann, CLUSTER, 0, both).await.unwrap();
    publish(&*store, &terms(&eve), &draft("good too")).await.unwrap();
    assert_eq!(taken(&mut a).await, 7);
}

/// What a host says of itself, without the host.
async fn say(store: &Arc<dyn Store>, host: &str, runs: u64, failed: Option<u64>) {
    let summary = Summary { settled: true, deploy: Some(runs), deploy_failed: failed, ..Summary::default() };
    let value = [&[1], serde_json::to_vec(&summary).unwrap().as_slice()].concat();
    store.put(&keys::host(host), &value, None).await.unwrap();
}

#[tokio::test]
async fn hosts_go_back_while_a_release_comes_and_not_when_it_was_everywhere() {
    let (store, _dir) = store();
    let ann = OperatorKey::generate();
    let mut a = follows(&store, "a", &operators(&ann));
    for (host, runs) in [("a", 0), ("b", 0)] {
        say(&store, host, runs, None).await;
    }
    let rollout = Rollout { rollback_on_failure: true, ..Rollout::default() };
    let terms = Terms { rollout, ..terms(&ann) };
    publish(&*store, &terms, &draft("one")).await.unwrap();
    assert_eq!(taken(&mut a).await, 1);
    // It comes to everybody, and then fails on one that comes later.
    for host in ["a", "b"] {
        say(&store, host, 1, None).await;
    }
    let mark = || Shelf::below(a.prefix.path()).mark(Mark::Everywhere).unwrap();
    while mark() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    say(&store, "c", 0, Some(1)).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    publish(&*store, &terms, &draft("two")).await.unwrap();
    assert_eq!(taken(&mut a).await, 2);
    // The next one fails on a host while it comes.
    say(&store, "b", 1, Some(2)).await;
    let offer = a.follower.next().await;
    assert_eq!(offer, Offer::GoBack { from: 2, failed_on: "b".into() });
}

#[tokio::test]
async fn a_second_release_with_the_number_of_one_that_was_taken_is_refused_and_that_shows() {
    let ann = OperatorKey::generate();
    let (store, _dir) = store();
    let mut a = follows(&store, "a", &operators(&ann));
    publish(&*store, &terms(&ann), &draft("one")).await.unwrap();
    assert_eq!(taken(&mut a).await, 1);
    // The same once more is no news.
    let same = store.get(&keys::deploy(1)).await.unwrap().unwrap().value;
    store.put(&keys::deploy(1), &same, None).await.unwrap();
    let (_elsewhere, other, _other_dir) = published(&ann, "other").await;
    store.put(&keys::deploy(1), &other.signed, None).await.unwrap();
    assert_eq!(a.follower.next().await, Offer::Refused(1));
    let why = a.follower.waits().borrow().clone().unwrap();
    assert!(why.contains("another release 1 was taken here"), "{why}");
    // What is released under the next number is taken.
    a.standing.send_replace(HostStanding { runs: 1, in_order: true, failed: Some(1) });
    publish(&*store, &terms(&ann), &draft("two")).await.unwrap();
    assert_eq!(taken(&mut a).await, 2);
    assert_eq!(*a.follower.waits().borrow(), None);
}

#[tokio::test]
async fn other_hosts_are_looked_at_only_for_a_release_that_may_wait_for_them() {
    let (store, _dir) = store();
    let overheard = Overheard::new(store.clone());
    let listened: Arc<dyn Store> = overheard.clone();
    let looked = || overheard.watched().iter().filter(|prefix| *prefix == keys::HOSTS).count();
    let ann = OperatorKey::generate();
    let mut a = follows(&listened, "a", &operators(&ann));
    say(&store, "a", 0, None).await;
    publish(&*store, &terms(&ann), &draft("one")).await.unwrap();
    assert_eq!(taken(&mut a).await, 1);
    publish(&*store, &terms(&ann), &draft("two")).await.unwrap();
    assert_eq!(taken(&mut a).await, 2);
    assert_eq!(looked(), 0);
    let rollout = Rollout { max_unavailable: Some(Amount::Hosts(1)), ..Rollout::default() };
    publish(&*store, &Terms { rollout, ..terms(&ann) }, &draft("three")).await.unwrap();
    assert_eq!(taken(&mut a).await, 3);
    assert_eq!(looked(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_no_manifest_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Manifest::parse(&bytes).is_err());
    }
}

mod staged;
