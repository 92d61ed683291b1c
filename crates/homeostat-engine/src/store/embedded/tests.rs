//! What only the embedded store does: the disk, restarts, commits in groups, the journal.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use homeostat_model::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::journal::{Former, Undo};
use crate::store::WatchItem;
use crate::store::contract::{self, next, put};

fn directory() -> TempDir {
    // Memory where there is some: these tests commit often.
    let base = Path::new("/dev/shm");
    if base.is_dir() { TempDir::new_in(base).unwrap() } else { TempDir::new().unwrap() }
}

fn intent(receiver: &str, sender: &str) -> Intent {
    Intent { receiver: ResourceId::new("svc", receiver), sender: ResourceId::new("file", sender) }
}

#[tokio::test]
async fn it_keeps_the_contract_of_stores() {
    let directories = Mutex::new(Vec::new());
    contract::all(|| {
        let directory = directory();
        let store = EmbeddedStore::open(directory.path());
        directories.lock().unwrap().push(directory);
        async { store }
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path());
    let revision = store.put("a", b"1", None).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(directory.path());
    assert_eq!(store.get("a").await.unwrap().unwrap().mod_revision, revision);
    assert_eq!(store.put("a", b"2", None).await.unwrap(), revision + 1);
}

#[tokio::test]
async fn leased_keys_do_not_survive_a_restart() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path());
    let lease = store.grant(Duration::from_secs(3600)).await.unwrap();
    store.put("leased", b"", Some(lease)).await.unwrap();
    let last = store.put("kept", b"", None).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(directory.path());
    let (found, revision) = store.range("").await.unwrap();
    assert_eq!(found.iter().map(|entry| &*entry.key).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(revision, last + 1);
    assert_eq!(store.put("x", b"", Some(lease)).await, Err(StoreError::LeaseEnded));
}

#[tokio::test]
async fn a_watch_from_before_the_restart_is_lost() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path());
    let first = store.put("a", b"1", None).await.unwrap();
    let second = store.put("a", b"2", None).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(directory.path());
    let mut lost = store.watch("a", first).await.unwrap();
    assert_eq!(next(&mut lost).await, Some(WatchItem::Lost));
    assert_eq!(next(&mut lost).await, None);
    let mut current = store.watch("a", second).await.unwrap();
    store.put("a", b"3", None).await.unwrap();
    assert!(matches!(next(&mut current).await, Some(WatchItem::Changes(_))));
}

#[tokio::test]
async fn the_file_is_closed_to_others() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path());
    store.opened().await.unwrap();
    let mode = std::fs::metadata(directory.path().join(STORE_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_second_opening_is_refused_until_the_first_is_closed() {
    let directory = directory();
    let first = EmbeddedStore::open(directory.path());
    first.opened().await.unwrap();
    let second = EmbeddedStore::open(directory.path());
    let error = second.get("a").await.unwrap_err();
    assert!(error.to_string().contains("another process has"), "{error}");
    drop(first);
    assert_eq!(second.get("a").await, Ok(None));
}

#[tokio::test]
async fn a_missing_directory_is_said_at_first_use() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path().join("nowhere"));
    let error = store.put("a", b"", None).await.unwrap_err();
    assert!(error.to_string().contains("cannot open"), "{error}");
}

#[tokio::test]
async fn damage_is_said_to_be_damage() {
    let directory = directory();
    std::fs::write(directory.path().join(STORE_FILE), vec![0xaa; 1 << 16]).unwrap();
    let store = EmbeddedStore::open(directory.path());
    let error = store.get("a").await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn reading_only_writes_nothing_and_disturbs_no_writer() {
    let directory = directory();
    let empty = EmbeddedStore::open_read_only(directory.path());
    assert_eq!(empty.get("a").await, Ok(None));
    assert_eq!(empty.recorded().await, Ok(Recorded::default()));
    assert!(!directory.path().join(STORE_FILE).exists());

    let writer = EmbeddedStore::open(directory.path());
    writer.put("a", b"1", None).await.unwrap();
    let before = std::fs::read(directory.path().join(STORE_FILE)).unwrap();
    let reader = EmbeddedStore::open_read_only(directory.path());
    assert_eq!(&*reader.get("a").await.unwrap().unwrap().value, b"1");
    let refused = reader.put("a", b"2", None).await.unwrap_err();
    assert!(refused.to_string().contains("reading only"), "{refused}");
    drop(reader);
    assert!(before == std::fs::read(directory.path().join(STORE_FILE)).unwrap());
    writer.put("a", b"3", None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_that_come_together_each_have_a_revision() {
    let directory = TempDir::new().unwrap();
    let store = Arc::new(EmbeddedStore::open(directory.path()));
    store.opened().await.unwrap();
    let mut puts = JoinSet::new();
    for at in 0..1000_u32 {
        let store = store.clone();
        puts.spawn(async move { store.put(&format!("k{at}"), b"v", None).await.unwrap() });
    }
    let mut revisions = puts.join_all().await;
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), 1000);
}

#[tokio::test]
async fn the_journal_is_idempotent_and_in_order() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path());
    let undo = |text: &str, after: &str| Undo {
        params: [("content", Value::from(text))].into_iter().collect(),
        former: Former { after: vec![ResourceId::new("file", after)], ..Former::default() },
    };
    let id = ResourceId::new("file", "/etc/motd");
    store
        .record(vec![
            Record::Owe(intent("b", "x")),
            Record::Owe(intent("a", "x")),
            Record::Owe(intent("a", "x")),
            Record::Clear(intent("never", "owed")),
            Record::Undo(id.clone(), undo("before", "/a")),
            Record::Undo(id.clone(), undo("later", "/b")),
            Record::Former(id.clone(), undo("", "/c").former),
            Record::Former(ResourceId::new("file", "/never/undone"), Former::default()),
        ])
        .await
        .unwrap();
    drop(store);
    let store = EmbeddedStore::open(directory.path());
    let recorded = store.recorded().await.unwrap();
    assert_eq!(recorded.intents, [intent("a", "x"), intent("b", "x")]);
    assert_eq!(recorded.undo, [(id.clone(), undo("before", "/c"))]);
    let end = vec![
        Record::Clear(intent("a", "x")),
        Record::Owe(intent("b", "x")),
        Record::Clear(intent("b", "x")),
        Record::ForgetUndo(id.clone()),
        Record::ForgetUndo(id),
    ];
    store.record(end).await.unwrap();
    assert_eq!(store.recorded().await, Ok(Recorded::default()));
}

#[tokio::test]
async fn what_edges_across_hosts_need_is_there_after_a_restart() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path());
    let (id, digest) = (ResourceId::new("file", "/etc/motd"), homeostat_model::Digest::of(&"motd"));
    let counts = [3, 4].map(|count| Record::Count(id.clone(), count));
    store.record([&counts[..], &[Record::Done(id.clone(), digest)]].concat()).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(directory.path());
    let recorded = store.recorded().await.unwrap();
    assert_eq!((recorded.done, recorded.counts), (vec![(id.clone(), digest)], vec![(id.clone(), 4)]));
    store.record(vec![Record::ForgetCount(id.clone()), Record::ForgetDone(id)]).await.unwrap();
    assert_eq!(store.recorded().await, Ok(Recorded::default()));
}

#[tokio::test]
async fn records_are_no_revisions() {
    let directory = directory();
    let store = EmbeddedStore::open(directory.path());
    store.record(vec![Record::Owe(intent("a", "b"))]).await.unwrap();
    assert_eq!(store.put("a", b"", None).await, Ok(1));
}

const CHILD_DIRECTORY: &str = "HOMEOSTAT_TEST_STORE";

/// Not a test of its own: [`killed_at_any_moment_it_opens_with_all_that_was_acknowledged`] runs it as a process to kill.
#[tokio::test]
async fn write_until_killed() {
    let Ok(directory) = std::env::var(CHILD_DIRECTORY) else {
        return;
    };
    let store = EmbeddedStore::open(directory);
    let last = store.get("count").await.unwrap();
    let mut count: u64 = last.map_or(0, |entry| std::str::from_utf8(&entry.value).unwrap().parse().unwrap());
    loop {
        count += 1;
        let then =
            vec![put("count", &count.to_string()), put(&format!("k/{}", count % 50), &"x".repeat(3000))];
        assert!(matches!(store.transaction(vec![], then).await, Ok(Commit::Done(_))));
        store.record(vec![Record::Owe(intent("a", &count.to_string()))]).await.unwrap();
        println!("acknowledged {count}");
        store.record(vec![Record::Clear(intent("a", &count.to_string()))]).await.unwrap();
    }
}

fn child(directory: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::embedded::tests::write_until_killed", "--nocapture"])
        .env(CHILD_DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn killed_while_it_is_created_it_opens_all_the_same() {
    for round in 0..20 {
        let directory = directory();
        let mut child = child(directory.path());
        while !directory.path().join(STORE_FILE).exists() {
            std::thread::yield_now();
        }
        // A little later each time.
        for _ in 0..round * 200 {
            std::hint::black_box(std::fs::metadata(directory.path()).unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let reader = EmbeddedStore::open_read_only(directory.path());
        reader.get("count").await.unwrap();
        let store = EmbeddedStore::open(directory.path());
        store.put("a", b"", None).await.unwrap();
    }
}

#[tokio::test]
async fn an_unfinished_file_is_begun_again() {
    let directory = directory();
    std::fs::write(directory.path().join(STORE_FILE), vec![0; 1 << 16]).unwrap();
    let reader = EmbeddedStore::open_read_only(directory.path());
    assert_eq!(reader.get("a").await, Ok(None));
    let store = EmbeddedStore::open(directory.path());
    assert_eq!(store.put("a", b"", None).await, Ok(1));
}

#[tokio::test]
async fn killed_at_any_moment_it_opens_with_all_that_was_acknowledged() {
    let directory = directory();
    let mut slowest = Duration::ZERO;
    for round in 0..20 {
        let mut child = child(directory.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        let numbers = lines.by_ref().map_while(Result::ok).filter_map(|line| {
            let at = line.find("acknowledged ")?;
            line[at + "acknowledged ".len()..].parse().ok()
        });
        for number in numbers.take(3 + round * 7) {
            acknowledged = number;
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let started = Instant::now();
        let store = EmbeddedStore::open(directory.path());
        store.opened().await.unwrap();
        slowest = slowest.max(started.elapsed());
        let count = store.get("count").await.unwrap().unwrap();
        let count: u64 = std::str::from_utf8(&count.value).unwrap().parse().unwrap();
        assert!(count >= acknowledged && acknowledged > 0, "{count} on disk, {acknowledged} acknowledged");
        assert!(store.recorded().await.unwrap().intents.len() <= round + 1);
    }
    println!("slowest opening after a kill: {slowest:?}");
}
