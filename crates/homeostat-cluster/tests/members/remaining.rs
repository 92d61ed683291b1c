//! What a host that is valid can still do to others through the store, and what follows: the lines of docs/security.md that are about etcd.
//! What it may write and read is beside this, in `roles`.

use std::time::Duration;

use homeostat_cluster::EtcdStore;
use homeostat_cluster::members::{self, Membership};
use homeostat_engine::Store;
use homeostat_engine::store::{LeaseId, Operation, WatchItem};

use super::lone::Lone;

/// A member `a`, and hosts `b` and `c` that are none.
struct Setting {
    member: EtcdStore,
    b: EtcdStore,
    c: EtcdStore,
    membership: Membership,
    lone: Lone,
}

impl Setting {
    async fn new() -> Option<Self> {
        let lone = Lone::new(&["b", "c"])?;
        let membership = lone.run().await;
        let member = lone.store("a");
        for host in ["b", "c"] {
            members::add_host(&member.administration(), host).await.unwrap();
        }
        let (b, c) = (lone.store("b"), lone.store("c"));
        Some(Self { member, b, c, membership, lone })
    }
}

#[tokio::test]
async fn a_host_that_compacts_makes_others_read_again_and_loses_nothing() {
    let Some(setting) = Setting::new().await else { return };
    let (_, before) = setting.c.range("kv/one/").await.unwrap();
    for at in 0..20 {
        setting.member.put("kv/one/x", &[1, at], None).await.unwrap();
    }
    let (_, now) = setting.b.range("kv/one/").await.unwrap();
    let now = i64::try_from(now).unwrap();
    setting.lone.raw("b").await.compact(now, None).await.unwrap();
    // Who was away for all of that has lost track, and says so instead of leaving something out.
    let mut watching = setting.c.watch("kv/one/", before).await.unwrap();
    assert!(matches!(watching.recv().await, Some(WatchItem::Lost)));
    let (entries, revision) = setting.c.range("kv/one/").await.unwrap();
    assert_eq!((entries.len(), &*entries[0].value), (1, &[1, 19][..]));
    let mut watching = setting.c.watch("kv/one/", revision).await.unwrap();
    setting.member.put("kv/one/y", b"1", None).await.unwrap();
    assert!(
        matches!(watching.recv().await, Some(WatchItem::Changes(changes)) if &*changes[0].key == "kv/one/y")
    );
    setting.membership.stop().await;
}

#[tokio::test]
async fn the_lease_of_another_host_can_be_kept_alive_and_nothing_else() {
    let Some(setting) = Setting::new().await else { return };
    let lease: LeaseId = setting.c.grant(Duration::from_secs(60)).await.unwrap();
    setting.c.put("hosts/c", b"1", Some(lease)).await.unwrap();
    // So that a host that is gone looks alive.
    setting.b.keep_alive(lease).await.unwrap();
    // With what it may not write itself it can neither end nor take along anything.
    assert!(setting.b.revoke(lease).await.is_err());
    assert!(setting.b.put("kv/one/b", b"1", Some(lease)).await.is_err());
    assert_eq!(&*setting.c.get("hosts/c").await.unwrap().unwrap().value, b"1");
    // A lease that holds nothing yet, or only what all may write, it can end: the next attempt is granted another.
    let empty = setting.c.grant(Duration::from_secs(60)).await.unwrap();
    setting.b.revoke(empty).await.unwrap();
    let again = setting.c.grant(Duration::from_secs(60)).await.unwrap();
    setting.c.put("hosts/c", b"2", Some(again)).await.unwrap();
    setting.membership.stop().await;
}

#[tokio::test]
async fn what_hosts_share_is_changed_by_any_of_them_and_what_is_their_own_by_none_but_them() {
    let Some(setting) = Setting::new().await else { return };
    for key in ["kv/one/shared", "kv/each/c/own"] {
        setting.c.put(key, b"c", None).await.unwrap();
    }
    setting.b.put("kv/one/shared", b"b", None).await.unwrap();
    let delete = |key: &str| vec![Operation::Delete(key.into())];
    let deleted = setting.b.transaction(vec![], delete("kv/one/shared")).await;
    assert!(matches!(deleted, Ok(homeostat_engine::store::Commit::Done(_))));
    assert!(setting.c.get("kv/one/shared").await.unwrap().is_none());
    assert!(setting.b.put("kv/each/c/own", b"b", None).await.is_err());
    assert!(setting.b.transaction(vec![], delete("kv/each/c/own")).await.is_err());
    assert_eq!(&*setting.b.get("kv/each/c/own").await.unwrap().unwrap().value, b"c", "others may read it");
    // Nor by way of a transaction that does something else as well.
    let both = vec![
        Operation::Put { key: "kv/one/shared".into(), value: (*b"b").into(), lease: None },
        Operation::Put { key: "kv/each/c/own".into(), value: (*b"b").into(), lease: None },
    ];
    assert!(setting.b.transaction(vec![], both).await.is_err());
    assert!(setting.c.get("kv/one/shared").await.unwrap().is_none());
    setting.membership.stop().await;
}

#[tokio::test]
async fn a_host_says_what_it_likes_of_itself_and_its_files_and_nothing_of_others() {
    let Some(setting) = Setting::new().await else { return };
    for own in ["hosts/b", "vertices/b/file[x]", "exports/b/file/x", "holds/b"] {
        setting.b.put(own, b"\x01whatever", None).await.unwrap();
    }
    let turns = ["rollouts/lead/0000000001", "rollouts/go/b/0000000001", "rollouts/go/c/0000000001"];
    for other in ["hosts/c", "vertices/c/file[x]", "exports/c/file/x", "holds/c"].into_iter().chain(turns) {
        assert!(setting.b.put(other, b"\x01whatever", None).await.is_err(), "{other}");
    }
    // What is no form of ours is left out by whoever reads it.
    assert!(homeostat_cluster::presence::hosts(&setting.c).await.is_ok());
    assert!(homeostat_cluster::deploys::blobs::holders(&setting.c).await.unwrap().is_empty());
    setting.membership.stop().await;
}

#[tokio::test]
async fn a_host_has_no_say_in_how_the_store_is_run() {
    let Some(setting) = Setting::new().await else { return };
    let mut raw = setting.lone.raw("b").await;
    let mut snapshot = raw.snapshot().await;
    let taken = match &mut snapshot {
        Ok(pieces) => pieces.message().await.map(drop),
        Err(error) => Err(etcd_client::Error::IoError(std::io::Error::other(error.to_string()))),
    };
    assert!(taken.is_err(), "a snapshot would hold what it may not read");
    assert!(raw.defragment().await.is_err());
    assert!(raw.hash_kv(0).await.is_err());
    let id = raw.status().await.unwrap().header().unwrap().member_id();
    // Who leads is all that it can say: etcd 3.4 asks nobody for that right.
    drop(raw.move_leader(id).await);
    assert!(raw.member_remove(id).await.is_err());
    assert!(raw.member_update(id, vec!["https://127.0.0.1:1".to_owned()]).await.is_err());
    assert!(raw.auth_disable().await.is_err());
    assert!(raw.user_list().await.is_err());
    assert!(raw.user_grant_role("b", "root").await.is_err());
    assert!(raw.role_grant_permission("host/b", etcd_client::Permission::read_write("x")).await.is_err());
    setting.membership.stop().await;
}
