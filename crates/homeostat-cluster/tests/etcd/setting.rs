//! What the tests have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use homeostat_cluster::testing::EtcdServer;
use homeostat_cluster::{EtcdOptions, EtcdStore};
use homeostat_engine::store::{WatchItem, Watching};
use tokio::time::timeout;

/// Longer than anything here may take; nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server, or an end of the test where etcd is not installed.
macro_rules! server {
    () => {
        match homeostat_cluster::testing::EtcdServer::start() {
            Some(server) => server,
            None => return,
        }
    };
}
pub(crate) use server;

/// Options with a namespace of their own.
pub(crate) fn options(urls: &[String]) -> EtcdOptions {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let namespace = format!("/test-{}/", NEXT.fetch_add(1, Ordering::Relaxed));
    EtcdOptions { namespace, ..EtcdOptions::new(urls) }
}

/// An empty store.
pub(crate) fn store(server: &EtcdServer) -> EtcdStore {
    EtcdStore::new(options(&[server.url()])).unwrap()
}

pub(crate) async fn next(watching: &mut Watching) -> Option<WatchItem> {
    timeout(PATIENCE, watching.recv()).await.expect("the watch says something in time")
}

/// The keys and values of the next changes.
pub(crate) async fn next_changes(watching: &mut Watching) -> Vec<(String, Option<String>)> {
    let Some(WatchItem::Changes(changes)) = next(watching).await else { panic!("it is lost") };
    let text = |bytes: std::sync::Arc<[u8]>| String::from_utf8(bytes.to_vec()).unwrap();
    changes.into_iter().map(|changed| (changed.key.to_string(), changed.value.map(text))).collect()
}

pub(crate) fn value(key: &str, value: &str) -> (String, Option<String>) {
    (key.into(), Some(value.into()))
}
