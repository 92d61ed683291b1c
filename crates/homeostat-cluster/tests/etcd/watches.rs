//! Watches whose past is gone.

use std::time::Duration;

use homeostat_cluster::testing::EtcdServer;
use homeostat_cluster::{EtcdOptions, EtcdStore};
use homeostat_engine::Store;
use homeostat_engine::store::{VALUE_BYTES_MAX, WatchItem, Watching, keys};

use super::proxy::Proxy;
use super::setting::{PATIENCE, next, next_changes, options, server, store, value};

async fn compact(url: &str, revision: u64) {
    let mut client = etcd_client::Client::connect([url], None).await.unwrap();
    client.compact(i64::try_from(revision).unwrap(), None).await.unwrap();
}

/// A way to a server that can be cut, and two stores: one that goes straight, and one by that way.
async fn ways(server: &EtcdServer) -> (Proxy, EtcdStore, EtcdStore) {
    let proxy = Proxy::start(server.port()).await;
    let behind = options(&[proxy.url()]);
    let direct = EtcdStore::new(EtcdOptions { urls: vec![server.url()], ..behind.clone() }).unwrap();
    (proxy, direct, EtcdStore::new(behind).unwrap())
}

/// A watch of `w/` that saw the first change, and is cut off since.
struct Cut {
    proxy: Proxy,
    direct: EtcdStore,
    watching: Watching,
    /// Its watches end with it.
    _store: EtcdStore,
}

impl Cut {
    async fn watching(server: &EtcdServer) -> Self {
        let (proxy, direct, store) = ways(server).await;
        let first = direct.put("w/a", b"1", None).await.unwrap();
        let mut watching = store.watch("w/", first - 1).await.unwrap();
        assert_eq!(next_changes(&mut watching).await, [value("w/a", "1")]);
        proxy.close();
        Self { proxy, direct, watching, _store: store }
    }
}

#[tokio::test]
async fn a_watch_from_before_a_compaction_is_lost() {
    let server = server!();
    let store = store(&server);
    let first = store.put("w/a", b"1", None).await.unwrap();
    let last = store.put("w/a", b"2", None).await.unwrap();
    compact(&server.url(), last).await;
    let mut watching = store.watch("w/", first - 1).await.unwrap();
    assert_eq!(next(&mut watching).await, Some(WatchItem::Lost));
    assert_eq!(next(&mut watching).await, None);
}

#[tokio::test]
async fn a_watch_that_was_away_during_a_compaction_is_lost() {
    let server = server!();
    let mut cut = Cut::watching(&server).await;
    cut.direct.put("w/a", b"2", None).await.unwrap();
    let last = cut.direct.put("w/a", b"3", None).await.unwrap();
    compact(&server.url(), last).await;
    cut.proxy.open();
    assert_eq!(next(&mut cut.watching).await, Some(WatchItem::Lost));
    assert_eq!(next(&mut cut.watching).await, None);
}

#[tokio::test]
async fn a_watch_of_a_store_that_was_emptied_is_lost() {
    let mut server = server!();
    let store = store(&server);
    for _ in 0..10 {
        store.put("w/a", b"1", None).await.unwrap();
    }
    let (_, revision) = store.range("").await.unwrap();
    let mut watching = store.watch("w/", revision).await.unwrap();
    server.kill();
    server.wipe();
    server.start_again();
    assert_eq!(next(&mut watching).await, Some(WatchItem::Lost));
}

#[tokio::test]
async fn what_was_missed_while_away_comes_even_if_it_is_more_than_the_queue() {
    let server = server!();
    let (proxy, direct, store) = ways(&server).await;
    let (_, revision) = store.range("").await.unwrap();
    let mut watching = store.watch("w/", revision).await.unwrap();
    proxy.close();
    for at in 0..900 {
        direct.put("w/a", at.to_string().as_bytes(), None).await.unwrap();
    }
    proxy.open();
    let mut seen = Vec::new();
    while seen.len() < 900 {
        seen.extend(next_changes(&mut watching).await);
    }
    assert!(seen.into_iter().enumerate().all(|(at, changed)| changed == value("w/a", &at.to_string())));
}

#[tokio::test]
async fn more_than_is_taken_at_once_is_lost_and_not_tried_for_ever() {
    let server = server!();
    let store = store(&server);
    let (_, revision) = store.range("").await.unwrap();
    let large = vec![7; VALUE_BYTES_MAX];
    for _ in 0..24 {
        store.put("w/a", &large, None).await.unwrap();
    }
    let mut watching = store.watch("w/", revision).await.unwrap();
    let mut items = 0;
    loop {
        match next(&mut watching).await {
            Some(WatchItem::Lost) => break,
            // etcd may tell it in parts.
            Some(WatchItem::Changes(changes)) => items += changes.len(),
            None => panic!("it ended without a word"),
        }
        if items == 24 {
            break;
        }
    }
}

#[tokio::test]
async fn a_watch_that_nobody_reads_any_more_ends_at_the_server_too() {
    let server = server!();
    let store = store(&server);
    let (_, revision) = store.range("").await.unwrap();
    let watching = store.watch("w/", revision).await.unwrap();
    assert_eq!(watchers(server.port()).await, 1);
    drop(watching);
    let start = tokio::time::Instant::now();
    while watchers(server.port()).await > 0 {
        assert!(start.elapsed() < PATIENCE, "it still watches");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many watches the server has, from its own account.
async fn watchers(port: u16) -> u64 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut http = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    http.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut page = String::new();
    http.read_to_string(&mut page).await.unwrap();
    let line = page.lines().find(|line| line.starts_with("etcd_debugging_mvcc_watcher_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_watch_that_was_away_while_the_store_went_on_from_an_old_copy_is_lost_however_far_that_is() {
    let server = server!();
    let mut cut = Cut::watching(&server).await;
    // As `members::recover` leaves it, and whoever came before us.
    cut.direct.put(keys::CLUSTER_RECOVERED, b"\x01another", None).await.unwrap();
    cut.direct.put("w/b", b"2", None).await.unwrap();
    cut.proxy.open();
    assert_eq!(next(&mut cut.watching).await, Some(WatchItem::Lost));
    assert_eq!(next(&mut cut.watching).await, None);
}
