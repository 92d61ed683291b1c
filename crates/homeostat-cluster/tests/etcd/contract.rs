//! What every store must do.

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, Operation, contract};

use super::setting::{server, store};

#[tokio::test]
async fn it_keeps_the_contract_of_all_stores() {
    let server = server!();
    contract::all(|| async { store(&server) }).await;
}

#[tokio::test]
async fn a_namespace_hides_what_others_have() {
    let server = server!();
    let (ours, theirs) = (store(&server), store(&server));
    ours.put("a", b"1", None).await.unwrap();
    assert_eq!(theirs.get("a").await, Ok(None));
    assert_eq!(theirs.range("").await.unwrap().0, []);
}

#[tokio::test]
async fn one_transaction_may_name_a_key_twice() {
    let server = server!();
    let store = store(&server);
    let put = |value: &str| Operation::Put { key: "a".into(), value: value.as_bytes().into(), lease: None };
    let done = store.transaction(vec![], vec![put("1"), Operation::Delete("a".into()), put("2")]).await;
    assert!(matches!(done, Ok(Commit::Done(_))));
    assert_eq!(&*store.get("a").await.unwrap().unwrap().value, b"2");
}

#[tokio::test]
async fn nothing_was_changed_by_revision_zero() {
    let server = server!();
    let store = store(&server);
    let never = vec![Compare::Revision("missing".into(), 0)];
    assert_eq!(store.transaction(never, vec![]).await, Ok(Commit::Refused));
}
