//! What a host may do in the store, and what it may not.

use homeostat_cluster::members;
use homeostat_engine::Store;
use homeostat_engine::store::{Operation, StoreError};

use super::lone::Lone;

fn is_refused<T: std::fmt::Debug>(done: Result<T, StoreError>, what: &str) {
    match done {
        Err(StoreError::Unavailable(why)) => assert!(why.contains("permission denied"), "{what}: {why}"),
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn a_host_writes_below_its_own_keys_and_reads_what_is_shared() {
    let Some(lone) = Lone::new(&["b"]) else { return };
    let membership = lone.run().await;
    let (member, host) = (lone.store("a"), lone.store("b"));
    let etcd = member.administration();
    assert!(host.get("hosts/b").await.is_err(), "nobody let it in yet");
    members::add_host(&etcd, "b").await.unwrap();
    members::add_host(&etcd, "b").await.unwrap();
    members::allow_service(&etcd, "b", "web").await.unwrap();
    assert!(members::add_host(&etcd, "root").await.is_err());

    for own in [
        "hosts/b",
        "vertices/b/x",
        "exports/b/file//tmp/a",
        "facts/b",
        "keys/b",
        "services/web/b",
        "holds/b",
        "kv/one/a",
        "kv/each/b/a",
    ] {
        host.put(own, b"1", None).await.unwrap_or_else(|error| panic!("{own}: {error}"));
        assert!(host.get(own).await.unwrap().is_some());
    }
    for foreign in [
        "hosts/a",
        "hosts/bb",
        "vertices/a/x",
        "vertices/bb/x",
        "exports/a/file/x",
        "exports/b",
        "facts/a",
        "facts/bb",
        "keys/a",
        "holds/a",
        "kv/each/a/a",
        "kv/each/bb/a",
        "kv/other",
        "rollouts/lead/0000000001",
        "rollouts/go/b/0000000001",
        "rollouts/go/a/0000000001",
        "operators/1",
        "services/web/a",
        "services/dns/b",
        "deploys/1",
        "blobs/x",
        "members/b",
        "cluster/members",
        "cluster/size",
        "cluster/elected",
        "cluster/step",
        "cluster/authority",
        "cluster/refused/a.1",
        "cluster/candidates/b",
        "cluster/hosts/b",
        "cluster/tokens/1",
        "cluster/anything",
        "other",
        "",
    ] {
        is_refused(host.put(foreign, b"1", None).await, foreign);
        let delete = vec![Operation::Delete(foreign.into())];
        is_refused(host.transaction(vec![], delete).await, foreign);
    }
    for shared in [
        "hosts/",
        "keys/",
        "vertices/a/",
        "exports/",
        "facts/",
        "services/",
        "kv/",
        "holds/",
        "blobs/",
        "operators/",
        "deploys/",
        "rollouts/",
        "members/",
        "cluster/refused/",
        "cluster/candidates/",
    ] {
        host.range(shared).await.unwrap_or_else(|error| panic!("{shared}: {error}"));
    }
    assert!(host.get("cluster/members").await.unwrap().is_some());
    for secret in ["cluster/", "cluster/tokens/", "cluster/hosts/", "cluster/secret", ""] {
        is_refused(host.range(secret).await, secret);
    }
    // Members and users are not its business.
    let its = host.administration();
    assert!(its.add_learner("https://127.0.0.1:1").await.is_err());
    assert!(its.remove(1).await.is_err());
    assert!(its.grant_role("b", "root").await.is_err());
    assert!(its.add_user("c").await.is_err());
    assert!(its.defragment().await.is_err());

    members::remove_host(&etcd, "b").await.unwrap();
    assert!(host.put("hosts/b", b"1", None).await.is_err());
    assert!(host.get("hosts/b").await.is_err());
    membership.stop().await;
}

#[tokio::test]
async fn a_store_that_an_older_version_set_up_lets_hosts_read_what_is_shared_since() {
    let Some(lone) = Lone::new(&["b"]) else { return };
    let membership = lone.run().await;
    members::add_host(&lone.store("a").administration(), "b").await.unwrap();
    let mut raw = lone.raw("a").await;
    let end = etcd_client::RoleRevokePermissionOptions::new().with_range_end("/homeostat/rollouts0");
    raw.role_revoke_permission("homeostat", "/homeostat/rollouts/", Some(end)).await.unwrap();
    is_refused(lone.store("b").range("rollouts/").await, "rollouts/");
    membership.stop().await;

    let membership = lone.start();
    let host = lone.store("b");
    let allowed = async {
        while host.range("rollouts/").await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), allowed)
        .await
        .expect("whoever is elected allows it");
    membership.stop().await;
}

#[tokio::test]
async fn a_certificate_that_was_revoked_opens_nothing_from_then_on() {
    let Some(mut lone) = Lone::new(&["b"]) else { return };
    let list = lone.authority.revoke(&[]);
    lone.candidacy.server.tls.as_mut().unwrap().revoked = Some(list);
    let membership = lone.run().await;
    let member = lone.store("a");
    members::add_host(&member.administration(), "b").await.unwrap();
    lone.store("b").put("hosts/b", b"1", None).await.unwrap();

    // Its user is still there: the list alone shuts it out, and is read again without a restart.
    lone.authority.revoke(&["b"]);
    let refused = lone.store("b").put("hosts/b", b"2", None).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(&*member.get("hosts/b").await.unwrap().unwrap().value, b"1");
    membership.stop().await;
}
