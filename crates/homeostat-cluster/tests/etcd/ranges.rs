//! Ranges that do not fit into one answer.

use std::sync::Arc;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, OPERATIONS_MAX, Operation, VALUE_BYTES_MAX};

use super::setting::{server, store};

fn put(key: &str, value: Arc<[u8]>) -> Operation {
    Operation::Put { key: key.into(), value, lease: None }
}

#[tokio::test]
async fn many_keys_are_all_found_in_order_and_at_one_revision() {
    let server = server!();
    let store = store(&server);
    let keys: Vec<String> = (0..2500).map(|at| format!("r/{at:05}")).collect();
    for some in keys.chunks(OPERATIONS_MAX) {
        let then = some.iter().map(|key| put(key, b"v"[..].into())).collect();
        assert!(matches!(store.transaction(vec![], then).await, Ok(Commit::Done(_))));
    }
    let last = store.put("s", b"", None).await.unwrap();
    let (found, revision) = store.range("r/").await.unwrap();
    assert_eq!(revision, last);
    assert!(found.iter().map(|entry| &*entry.key).eq(keys.iter().map(String::as_str)));
}

#[tokio::test]
async fn large_values_are_read_a_few_at_a_time() {
    let server = server!();
    let store = store(&server);
    let large = vec![7; VALUE_BYTES_MAX];
    for at in 0..40 {
        store.put(&format!("r/{at:02}"), &large, None).await.unwrap();
    }
    let (found, _) = store.range("r/").await.unwrap();
    assert_eq!(found.len(), 40);
    assert!(found.iter().all(|entry| entry.value.len() == VALUE_BYTES_MAX));
}
