//! What every store must do, whichever it is. Each function gets an empty store.
//!
//! For the tests of this crate, and with the feature `testing` for those of others.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{
    Changed, Commit, Compare, LeaseId, OPERATIONS_MAX, Operation, Store, StoreError, VALUE_BYTES_MAX,
    WatchItem, Watching,
};

/// Longer than anything here may take; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn put(key: &str, value: &str) -> Operation {
    Operation::Put { key: key.into(), value: value.as_bytes().into(), lease: None }
}

pub(crate) async fn next(watching: &mut Watching) -> Option<WatchItem> {
    timeout(PATIENCE, watching.recv()).await.expect("the watch says something in time")
}

fn changes(item: Option<WatchItem>) -> Vec<(String, Option<String>, u64)> {
    let Some(WatchItem::Changes(changes)) = item else { panic!("changes were expected, not {item:?}") };
    let text = |bytes: Arc<[u8]>| String::from_utf8(bytes.to_vec()).unwrap();
    let tell = |c: Changed| (c.key.to_string(), c.value.map(text), c.revision);
    changes.into_iter().map(tell).collect()
}

/// Runs all of it, each on an empty store of its own, which `fresh` makes.
///
/// # Panics
/// When the store does not keep the contract.
pub async fn all<S: Store, F: Future<Output = S>>(fresh: impl Fn() -> F) {
    what_was_put_is_found_with_its_revision(&fresh().await).await;
    a_range_is_its_prefix_in_order(&fresh().await).await;
    a_transaction_is_all_or_nothing(&fresh().await).await;
    comparisons_refuse_what_has_changed(&fresh().await).await;
    what_is_too_large_is_refused_and_leaves_no_trace(&fresh().await).await;
    a_watch_sees_what_comes_after_its_revision(&fresh().await).await;
    a_watch_sees_a_transaction_at_once(&fresh().await).await;
    a_slow_watcher_is_told_that_it_is_lost(&fresh().await).await;
    a_forgotten_past_is_said_to_be_lost(&fresh().await).await;
    keys_go_with_their_lease(&fresh().await).await;
    a_key_put_again_without_its_lease_stays(&fresh().await).await;
    a_lease_that_nobody_keeps_ends_by_itself(&fresh().await).await;
    an_ended_lease_takes_no_keys(&fresh().await).await;
}

async fn what_was_put_is_found_with_its_revision(store: &dyn Store) {
    assert_eq!(store.get("a").await, Ok(None));
    let first = store.put("a", b"1", None).await.unwrap();
    let second = store.put("a", b"2", None).await.unwrap();
    assert!(second > first);
    let entry = store.get("a").await.unwrap().unwrap();
    assert_eq!((&*entry.value, entry.mod_revision, entry.lease), (&b"2"[..], second, None));
}

async fn a_range_is_its_prefix_in_order(store: &dyn Store) {
    for key in ["a/2", "a/1", "b/1", "a", "a/10"] {
        store.put(key, key.as_bytes(), None).await.unwrap();
    }
    let (found, revision) = store.range("a/").await.unwrap();
    let keys: Vec<&str> = found.iter().map(|entry| &*entry.key).collect();
    assert_eq!(keys, ["a/1", "a/10", "a/2"]);
    assert_eq!(store.put("c", b"", None).await.unwrap(), revision + 1);
    assert_eq!(store.range("zz").await.unwrap().0, []);
}

async fn a_transaction_is_all_or_nothing(store: &dyn Store) {
    store.put("old", b"", None).await.unwrap();
    let then = vec![put("a", "1"), put("b", "2"), Operation::Delete("old".into())];
    let Commit::Done(revision) = store.transaction(vec![], then).await.unwrap() else { panic!("refused") };
    let (found, _) = store.range("").await.unwrap();
    let found: Vec<_> = found.iter().map(|entry| (&*entry.key, entry.mod_revision)).collect();
    assert_eq!(found, [("a", revision), ("b", revision)]);

    let when = vec![Compare::Missing("c".into()), Compare::Missing("a".into())];
    assert_eq!(store.transaction(when, vec![put("c", "3")]).await, Ok(Commit::Refused));
    assert_eq!(store.get("c").await, Ok(None));
    let nothing = vec![Operation::Delete("never-there".into())];
    assert_eq!(store.transaction(vec![], nothing).await, Ok(Commit::Done(revision)));
}

async fn comparisons_refuse_what_has_changed(store: &dyn Store) {
    let first = store.put("a", b"1", None).await.unwrap();
    let when = || vec![Compare::Revision("a".into(), first)];
    let done = store.transaction(when(), vec![put("a", "2")]).await.unwrap();
    assert!(matches!(done, Commit::Done(_)));
    assert_eq!(store.transaction(when(), vec![put("a", "3")]).await, Ok(Commit::Refused));
    let missing = vec![Compare::Revision("b".into(), first)];
    assert_eq!(store.transaction(missing, vec![put("b", "1")]).await, Ok(Commit::Refused));
    assert_eq!(&*store.get("a").await.unwrap().unwrap().value, b"2");
}

async fn what_is_too_large_is_refused_and_leaves_no_trace(store: &dyn Store) {
    let most = vec![7; VALUE_BYTES_MAX];
    store.put("most", &most, None).await.unwrap();
    assert_eq!(store.get("most").await.unwrap().unwrap().value.len(), VALUE_BYTES_MAX);
    let more = vec![7; VALUE_BYTES_MAX + 1];
    assert!(matches!(store.put("more", &more, None).await, Err(StoreError::TooLarge(_))));
    let many = |count: usize| (0..count).map(|at| put(&format!("many/{at}"), "")).collect::<Vec<_>>();
    let refused = store.transaction(vec![], many(OPERATIONS_MAX + 1)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge(_))));
    assert_eq!(store.range("m").await.unwrap().0.len(), 1);
    assert!(matches!(store.transaction(vec![], many(OPERATIONS_MAX)).await, Ok(Commit::Done(_))));
    assert_eq!(store.range("many/").await.unwrap().0.len(), OPERATIONS_MAX);
}

async fn a_watch_sees_what_comes_after_its_revision(store: &dyn Store) {
    let first = store.put("w/a", b"1", None).await.unwrap();
    let second = store.put("w/a", b"2", None).await.unwrap();
    let mut watching = store.watch("w/", first).await.unwrap();
    store.put("other", b"x", None).await.unwrap();
    let gone = store.transaction(vec![], vec![Operation::Delete("w/a".into())]).await.unwrap();
    let Commit::Done(third) = gone else { panic!("refused") };
    assert_eq!(changes(next(&mut watching).await), [("w/a".into(), Some("2".into()), second)]);
    assert_eq!(changes(next(&mut watching).await), [("w/a".into(), None, third)]);
}

async fn a_watch_sees_a_transaction_at_once(store: &dyn Store) {
    let (_, revision) = store.range("").await.unwrap();
    let mut watching = store.watch("w/", revision).await.unwrap();
    let then = vec![put("w/a", "1"), put("other", "2"), put("w/b", "3")];
    assert!(matches!(store.transaction(vec![], then).await, Ok(Commit::Done(_))));
    let seen = changes(next(&mut watching).await);
    let keys: Vec<&str> = seen.iter().map(|(key, ..)| key.as_str()).collect();
    assert_eq!(keys, ["w/a", "w/b"]);
}

async fn a_slow_watcher_is_told_that_it_is_lost(store: &dyn Store) {
    let (_, revision) = store.range("").await.unwrap();
    let mut slow = store.watch("w/", revision).await.unwrap();
    let room = slow.capacity();
    for at in 0..room * 2 {
        store.put("w/a", at.to_string().as_bytes(), None).await.unwrap();
    }
    let mut items = Vec::new();
    while let Some(item) = next(&mut slow).await {
        items.push(item);
    }
    assert_eq!(items.last(), Some(&WatchItem::Lost));
    assert!(items.len() <= room + 1);
}

async fn a_forgotten_past_is_said_to_be_lost(store: &dyn Store) {
    let first = store.put("w/0", b"", None).await.unwrap();
    for _ in 0..20 {
        // Large enough that no store keeps all of it at hand; small stores may still reach back.
        store.put("w/1", &vec![0; VALUE_BYTES_MAX], None).await.unwrap();
    }
    let mut watching = store.watch("w/0", first - 1).await.unwrap();
    match next(&mut watching).await {
        Some(WatchItem::Lost) => assert_eq!(next(&mut watching).await, None),
        other => assert_eq!(changes(other), [("w/0".into(), Some(String::new()), first)]),
    }
}

async fn keys_go_with_their_lease(store: &dyn Store) {
    let lease = store.grant(Duration::from_secs(60)).await.unwrap();
    store.put("l/a", b"1", Some(lease)).await.unwrap();
    let revision = store.put("l/b", b"2", Some(lease)).await.unwrap();
    assert_eq!(store.get("l/a").await.unwrap().unwrap().lease, Some(lease));
    let mut watching = store.watch("l/", revision).await.unwrap();
    store.revoke(lease).await.unwrap();
    assert_eq!(changes(next(&mut watching).await).len(), 2);
    assert_eq!(store.range("l/").await.unwrap().0, []);
}

async fn a_key_put_again_without_its_lease_stays(store: &dyn Store) {
    let lease = store.grant(Duration::from_secs(60)).await.unwrap();
    store.put("l/a", b"1", Some(lease)).await.unwrap();
    store.put("l/a", b"2", None).await.unwrap();
    store.revoke(lease).await.unwrap();
    assert_eq!(&*store.get("l/a").await.unwrap().unwrap().value, b"2");
}

async fn a_lease_that_nobody_keeps_ends_by_itself(store: &dyn Store) {
    // The shortest that all stores can do.
    let lease = store.grant(Duration::from_secs(1)).await.unwrap();
    let revision = store.put("l/a", b"1", Some(lease)).await.unwrap();
    store.keep_alive(lease).await.unwrap();
    let mut watching = store.watch("l/", revision).await.unwrap();
    let seen = changes(next(&mut watching).await);
    assert_eq!(seen, [("l/a".into(), None, revision + 1)]);
}

async fn an_ended_lease_takes_no_keys(store: &dyn Store) {
    let lease = store.grant(Duration::from_secs(60)).await.unwrap();
    store.revoke(lease).await.unwrap();
    assert_eq!(store.put("l/a", b"1", Some(lease)).await, Err(StoreError::LeaseEnded));
    assert_eq!(store.keep_alive(lease).await, Err(StoreError::LeaseEnded));
    assert_eq!(store.put("l/a", b"1", Some(LeaseId(42))).await, Err(StoreError::LeaseEnded));
    assert_eq!(store.get("l/a").await, Ok(None));
}
