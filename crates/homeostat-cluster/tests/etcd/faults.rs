//! Members that die, freeze, and come back.

use std::cell::Cell;
use std::time::Duration;

use homeostat_cluster::testing::EtcdServer;
use homeostat_cluster::{EtcdOptions, EtcdStore, Times};
use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, WatchItem};
use tokio::time::{Instant, sleep, timeout};

use super::proxy::Proxy;
use super::setting::{PATIENCE, next, next_changes, options, server, value};

/// What a busy machine may take on top. What is not bounded takes longer, or for ever.
const SLACK: Duration = Duration::from_secs(20);

fn quick(urls: &[String]) -> EtcdOptions {
    let times = Times {
        request: Duration::from_secs(2),
        connect: Duration::from_millis(500),
        // etcd hangs up on those who ask more often than every 5 s.
        ping_interval: Duration::from_secs(6),
        ping_answer: Duration::from_secs(1),
        ..Times::default()
    };
    EtcdOptions { times, ..options(urls) }
}

async fn until_it_works(store: &EtcdStore) {
    let start = Instant::now();
    while let Err(error) = store.get("any").await {
        assert!(start.elapsed() < PATIENCE, "{error}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_watch_goes_on_after_the_server_was_killed_and_misses_nothing() {
    let mut server = server!();
    let options = quick(&[server.url()]);
    let store = EtcdStore::new(options.clone()).unwrap();
    let before = store.put("w/a", b"1", None).await.unwrap();
    let mut watching = store.watch("w/", before - 1).await.unwrap();
    assert_eq!(next_changes(&mut watching).await, [value("w/a", "1")]);

    server.kill();
    let start = Instant::now();
    let failed = store.put("w/a", b"never", None).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    assert!(start.elapsed() < options.times.request + SLACK, "{:?}", start.elapsed());

    server.start_again();
    // By somebody else, who may be faster than the watch.
    let other = EtcdStore::new(options).unwrap();
    until_it_works(&other).await;
    other.put("w/a", b"2", None).await.unwrap();
    other.put("w/b", b"3", None).await.unwrap();
    assert_eq!(next_changes(&mut watching).await, [value("w/a", "2")]);
    assert_eq!(next_changes(&mut watching).await, [value("w/b", "3")]);
    until_it_works(&store).await;
    store.put("w/c", b"4", None).await.unwrap();
    assert_eq!(next_changes(&mut watching).await, [value("w/c", "4")]);
}

#[tokio::test]
async fn a_frozen_server_holds_nobody_up_for_longer_than_the_deadline() {
    let server = server!();
    let options = quick(&[server.url()]);
    let store = EtcdStore::new(options.clone()).unwrap();
    let revision = store.put("w/a", b"1", None).await.unwrap();
    let mut watching = store.watch("w/", revision).await.unwrap();
    server.freeze();
    for _ in 0..2 {
        let start = Instant::now();
        let failed = store.get("w/a").await;
        assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
        assert!(start.elapsed() < options.times.request + SLACK, "{:?}", start.elapsed());
    }
    server.thaw();
    until_it_works(&store).await;
    store.put("w/a", b"2", None).await.unwrap();
    assert_eq!(next_changes(&mut watching).await, [value("w/a", "2")]);
}

#[tokio::test]
async fn a_store_that_is_away_for_long_fails_at_once() {
    let mut server = server!();
    let store = EtcdStore::new(quick(&[server.url()])).unwrap();
    server.kill();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert!(store.get("a").await.is_err());
        sleep(Duration::from_millis(10)).await;
    }
    // A hundred that ask now and then wait for nobody.
    let start = Instant::now();
    for _ in 0..100 {
        let failed = store.get("a").await;
        assert!(
            matches!(&failed, Err(StoreError::Unavailable(why)) if why.contains("refused")),
            "{failed:?}"
        );
    }
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    server.start_again();
    until_it_works(&store).await;
}

#[tokio::test]
async fn an_idle_watch_notices_a_connection_that_died_without_a_word() {
    let server = server!();
    let proxy = Proxy::start(server.port()).await;
    let behind = quick(&[proxy.url()]);
    let direct = EtcdStore::new(EtcdOptions { urls: vec![server.url()], ..behind.clone() }).unwrap();
    let store = EtcdStore::new(behind.clone()).unwrap();
    let revision = direct.put("w/a", b"1", None).await.unwrap();
    let mut watching = store.watch("w/", revision).await.unwrap();
    proxy.silence();
    let start = Instant::now();
    direct.put("w/a", b"2", None).await.unwrap();
    assert_eq!(next_changes(&mut watching).await, [value("w/a", "2")]);
    let bound = behind.times.ping_interval + behind.times.ping_answer + SLACK;
    assert!(start.elapsed() < bound, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_watch_that_says_nothing_is_asked_and_given_up_if_it_does_not_answer() {
    let server = server!();
    let proxy = Proxy::start(server.port()).await;
    let mut behind = quick(&[proxy.url()]);
    // No pings: as if something on the way answered them.
    behind.times.ping_interval = Duration::from_secs(3600);
    behind.times.watch_silence = Duration::from_secs(1);
    let direct = EtcdStore::new(EtcdOptions { urls: vec![server.url()], ..behind.clone() }).unwrap();
    let store = EtcdStore::new(behind.clone()).unwrap();
    let revision = direct.put("w/a", b"1", None).await.unwrap();
    let mut watching = store.watch("w/", revision).await.unwrap();
    // It is asked some times, and answers.
    let quiet = timeout(Duration::from_secs(4), watching.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    proxy.silence();
    let start = Instant::now();
    direct.put("w/a", b"2", None).await.unwrap();
    assert_eq!(next_changes(&mut watching).await, [value("w/a", "2")]);
    let bound = behind.times.watch_silence + behind.times.request + SLACK;
    assert!(start.elapsed() < bound, "{:?}", start.elapsed());
}

#[tokio::test]
async fn while_two_of_three_members_live_requests_and_watches_go_on() {
    let Some(mut servers) = EtcdServer::start_cluster(3) else { return };
    let urls: Vec<String> = servers.iter().map(EtcdServer::url).collect();
    let store = EtcdStore::new(quick(&urls)).unwrap();
    until_it_works(&store).await;
    let (_, revision) = store.range("").await.unwrap();
    let mut watching = store.watch("w/", revision).await.unwrap();
    for (round, server) in servers.iter_mut().enumerate() {
        // One that dies, one that freezes, one that dies.
        if round == 1 {
            server.freeze();
        } else {
            server.kill();
        }
        until_it_works(&store).await;
        let text = round.to_string();
        let start = Instant::now();
        // It may have been done although nobody said so.
        while store.put("w/a", text.as_bytes(), None).await.is_err() {
            assert!(start.elapsed() < PATIENCE);
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(next_changes(&mut watching).await, [value("w/a", &text)]);
        if round == 1 {
            server.thaw();
        } else {
            server.start_again();
        }
        until_it_works(&store).await;
        // What was done twice is told twice.
        while let Ok(Some(_)) = timeout(Duration::from_millis(200), watching.recv()).await {}
    }
}

#[tokio::test]
async fn under_repeated_kills_a_watch_tells_every_acknowledged_put_once_and_in_order() {
    const KILLS: usize = 5;
    let mut server = server!();
    let options = quick(&[server.url()]);
    let writer = EtcdStore::new(options.clone()).unwrap();
    let reader = EtcdStore::new(options).unwrap();
    let (_, revision) = reader.range("").await.unwrap();
    let mut watching = reader.watch("w/", revision).await.unwrap();
    let (over, puts) = (Cell::new(false), Cell::new(0));
    let killing = async {
        for _ in 0..KILLS {
            // However slow this machine is, something is put between two kills.
            let before = puts.get();
            while puts.get() < before + 2 {
                sleep(Duration::from_millis(20)).await;
            }
            let again = tokio::task::spawn_blocking(move || {
                server.kill();
                server.start_again();
                server
            });
            server = again.await.unwrap();
        }
        over.set(true);
        server
    };
    let (mut acknowledged, mut doubtful) = (Vec::new(), 0);
    let writing = async {
        for at in 0.. {
            // A key of its own, so that nothing is hidden by what comes later. One that failed may be there or not.
            if let Ok(revision) = writer.put(&format!("w/{at:06}"), b"", None).await {
                acknowledged.push((format!("w/{at:06}"), revision));
                puts.set(acknowledged.len());
            } else {
                doubtful += 1;
                until_it_works(&writer).await;
            }
            if over.get() {
                break;
            }
        }
        until_it_works(&writer).await;
        writer.put("w/end", b"", None).await.unwrap();
    };
    let mut told = Vec::new();
    let reading = async {
        loop {
            let Some(WatchItem::Changes(changes)) = next(&mut watching).await else { panic!("it is lost") };
            told.extend(changes.into_iter().map(|changed| (changed.key.to_string(), changed.revision)));
            if told.last().is_some_and(|(key, _)| key == "w/end") {
                return;
            }
        }
    };
    let (_server, (), ()) = tokio::join!(killing, writing, reading);
    assert!(told.windows(2).all(|pair| pair[0].1 < pair[1].1), "{told:?}");
    let missing: Vec<_> = acknowledged.iter().filter(|put| !told.contains(put)).collect();
    assert_eq!(missing, Vec::<&(String, u64)>::new());
    assert!(doubtful > 0 && acknowledged.len() > KILLS, "{doubtful}, {}", acknowledged.len());
}
