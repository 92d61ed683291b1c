//! Stores that are full, and take writes again without a person.

use etcd_client::{AlarmAction, AlarmOptions, AlarmType};
use homeostat_cluster::EtcdStore;
use homeostat_engine::Store;
use tokio::time::{Duration, sleep, timeout};

use super::lone::Lone;
use super::rig::rig;

const PATIENCE: Duration = Duration::from_secs(60);
const QUOTA_BYTES: u64 = 8 << 20;

/// Puts the same key again and again until it is refused.
async fn fill(store: &EtcdStore) {
    let value = vec![7; 512 << 10];
    for _ in 0..100 {
        if store.put("kv/one/large", &value, None).await.is_err() {
            return;
        }
    }
    panic!("it takes everything");
}

async fn takes_writes(store: &EtcdStore) {
    let writes = async {
        while store.put("kv/one/small", b"1", None).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, writes).await.expect("it takes writes again");
}

#[tokio::test]
async fn a_store_at_its_quota_makes_room_by_itself() {
    let Some(mut lone) = Lone::new(&[]) else { return };
    lone.candidacy.server.quota_bytes = QUOTA_BYTES;
    let membership = lone.run().await;
    let store = lone.store("a");
    fill(&store).await;
    takes_writes(&store).await;
    membership.stop().await;
}

#[tokio::test]
async fn an_alarm_ends_where_all_is_compacted_and_where_its_member_is_gone() {
    let Some(lone) = Lone::new(&[]) else { return };
    let mut membership = lone.run().await;
    membership.elected.wait_for(Option::is_some).await.unwrap();
    let (store, mut raw) = (lone.store("a"), lone.raw("a").await);
    let own = store.administration().health().await.unwrap().id;
    let gone = own ^ 1;
    for member in [own, gone] {
        let mut options = AlarmOptions::new();
        options.with_member(member);
        raw.alarm(AlarmAction::Activate, AlarmType::Nospace, Some(options)).await.unwrap();
        let now = raw.get("x", None).await.unwrap().header().unwrap().revision();
        // It may have been compacted by whoever saw the alarm first, and nothing is written from then on.
        drop(raw.compact(now, None).await);
        takes_writes(&store).await;
    }
    membership.stop().await;
}

#[tokio::test]
async fn three_members_at_their_quota_make_room_by_themselves() {
    let mut rig = rig!(3).with_quota(QUOTA_BYTES);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    // Each of them is asked, so each of them says that it has no space.
    for host in 1..=3 {
        fill(&rig.store_at(host)).await;
    }
    takes_writes(&rig.store).await;
    rig.until_whole(3).await;
}

#[tokio::test]
async fn a_full_member_that_dies_does_not_keep_the_store_closed() {
    let mut rig = rig!(4).with_quota(QUOTA_BYTES);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.admit(4).await;
    for host in [1, 2, 3] {
        fill(&rig.store_at(host)).await;
    }
    rig.kill(3);
    rig.until_whole(3).await;
    assert_eq!(rig.members().await, [1, 2, 4]);
}
