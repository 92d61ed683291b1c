//! Members that come, die, return, and are replaced.

use std::collections::BTreeSet;

use homeostat_cluster::members::{Roster, Step};
use homeostat_engine::Store;
use homeostat_engine::store::{WatchItem, Watching, keys};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::time::{Duration, timeout};

use super::agent::Task;
use super::lone::pretend;
use super::rig::{Rig, name, rig};

/// The processes of the server of a host, whatever anybody was told.
fn servers(rig: &Rig, host: usize) -> Vec<i32> {
    let data = format!("--data-dir={}", rig.cluster_dir(host).join("etcd").display());
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process = entry.ok()?;
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        let is_it = String::from_utf8_lossy(&line).split('\0').any(|word| word == data);
        is_it.then(|| process.file_name().to_str()?.parse().ok()).flatten()
    });
    processes.collect()
}

#[tokio::test]
async fn members_grow_with_the_hosts_and_shrink_to_the_wanted_size() {
    let mut rig = rig!(5).in_zones(3);
    rig.grow([2]).await;
    rig.wait_for_those_who_are_away().await;
    rig.admit(3).await;
    rig.until_whole(3).await;
    assert_eq!(rig.members().await, [1, 2, 3]);
    rig.admit(4).await;
    rig.admit(5).await;
    rig.until_whole(5).await;
    homeostat_cluster::members::set_size(&rig.store, 3).await.unwrap();
    rig.until_whole(3).await;
    // One of each zone is left, and who is left out keeps no copy.
    let members = rig.members().await;
    assert_eq!(members, [1, 2, 3]);
    rig.until("the others have no data", async |rig| {
        (4..=5).all(|host| !rig.cluster_dir(host).join("etcd").exists() && servers(rig, host).is_empty())
    })
    .await;
    rig.assert_no_write_was_lost().await;
}

#[tokio::test]
async fn a_member_that_was_killed_is_replaced_and_may_come_again() {
    let mut rig = rig!(4);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.admit(4).await;
    rig.kill(2);
    rig.until("its etcd ended with it", async |rig| servers(rig, 2).is_empty()).await;
    rig.until_whole(3).await;
    assert_eq!(rig.members().await, [1, 3, 4]);

    // It returns with an old copy, and is a client.
    assert!(rig.cluster_dir(2).join("etcd/member").exists());
    rig.launch(2, Task::Run);
    rig.until("it drops its copy", async |rig| !rig.cluster_dir(2).join("etcd").exists()).await;
    assert!(servers(&rig, 2).is_empty());

    // And is taken when the next one goes.
    rig.kill(3);
    rig.until_whole(3).await;
    assert_eq!(rig.members().await, [1, 2, 4]);
}

#[tokio::test]
async fn a_member_that_returns_soon_stays_one() {
    let mut rig = rig!(4);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.admit(4).await;
    rig.wait_for_those_who_are_away().await;
    let before = rig.roster().await;
    rig.kill(2);
    rig.launch(2, Task::Run);
    rig.until("its server runs again", async |rig| servers(rig, 2).len() == 1).await;
    rig.until_whole(3).await;
    assert_eq!(rig.roster().await, before);
}

#[tokio::test]
async fn a_host_whose_etcd_cannot_run_is_replaced_though_it_is_there() {
    let mut rig = rig!(4);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.admit(4).await;
    rig.kill(3);
    rig.set_program(3, "/bin/false");
    rig.launch(3, Task::Run);
    rig.until("another one is a member", async |rig| rig.members().await == [1, 2, 4]).await;
    rig.until_whole(3).await;
}

#[tokio::test]
async fn a_host_whose_etcd_never_comes_up_is_tried_now_and_then_and_the_others_stay() {
    let mut rig = rig!(3);
    let broken = pretend(rig.dir(), "3.5.1", "exit 3");
    rig.set_program(3, broken);
    rig.grow(2..=3).await;
    rig.wait_for_those_who_are_away().await;
    rig.until("the second one is a member", async |rig| rig.members().await == [1, 2]).await;
    let before = rig.roster().await.of(&name(2)).cloned();
    let (_, revision) = rig.store.range(keys::CLUSTER_MEMBERS).await.unwrap();
    let mut watching = rig.store.watch(keys::CLUSTER_MEMBERS, revision).await.unwrap();
    let mut tried = BTreeSet::new();
    while tried.len() < 3 {
        let roster: Roster = next_value(&mut watching).await;
        assert_eq!(roster.of(&name(2)), before.as_ref(), "{roster:?}");
        tried.extend(roster.of(&name(3)).map(|seat| seat.id));
    }
}

#[tokio::test]
async fn a_member_whose_etcd_hangs_is_replaced_though_its_host_is_there() {
    let mut rig = rig!(4);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.admit(4).await;
    for server in servers(&rig, 3) {
        let server = Pid::from_raw(server).unwrap();
        kill_process(server, Signal::STOP).unwrap();
    }
    rig.until("another one is a member", async |rig| rig.members().await == [1, 2, 4]).await;
    rig.until_whole(3).await;
    rig.assert_no_write_was_lost().await;
}

#[tokio::test]
async fn a_member_that_lost_its_data_is_replaced_by_itself() {
    let mut rig = rig!(3);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    let before = rig.roster().await.of(&name(3)).unwrap().id;
    rig.kill(3);
    std::fs::remove_dir_all(rig.cluster_dir(3).join("etcd")).unwrap();
    rig.launch(3, Task::Run);
    rig.until("it has another number", async |rig| {
        rig.roster().await.of(&name(3)).is_some_and(|seat| seat.id != before && seat.votes)
    })
    .await;
    rig.until_whole(3).await;
}

async fn next_value<T: DeserializeOwned>(watching: &mut Watching) -> T {
    loop {
        let item = timeout(Duration::from_secs(60), watching.recv()).await.expect("it is written down");
        let Some(WatchItem::Changes(changes)) = item else { panic!("the watch is lost") };
        if let Some(value) = changes.into_iter().find_map(|changed| changed.value) {
            return serde_json::from_slice(&value[1..]).unwrap();
        }
    }
}

/// Kills a member, and the elected one as soon as such a step is written down.
async fn elected_dies_at(is_it: impl Fn(&Step) -> bool) {
    let mut rig = rig!(7);
    rig.grow(2..=7).await;
    rig.until_whole(5).await;
    rig.until("somebody is elected", async |rig| rig.elected().await.is_some()).await;
    let elected = rig.elected().await.unwrap();
    let victim = rig.members().await.into_iter().find(|host| *host != elected).unwrap();
    let (_, revision) = rig.store.range(keys::CLUSTER_STEP).await.unwrap();
    let mut watching = rig.store.watch(keys::CLUSTER_STEP, revision).await.unwrap();
    rig.kill(victim);
    while !is_it(&next_value(&mut watching).await) {}
    rig.kill(elected);
    rig.until_whole(5).await;
    assert!(!rig.members().await.contains(&victim) && !rig.members().await.contains(&elected));
    rig.assert_no_write_was_lost().await;
}

#[tokio::test]
async fn the_elected_one_dies_before_it_removes_a_member() {
    elected_dies_at(|step| matches!(step, Step::Remove { .. })).await;
}

#[tokio::test]
async fn the_elected_one_dies_before_it_adds_a_member() {
    elected_dies_at(|step| matches!(step, Step::Add { .. })).await;
}

#[tokio::test]
async fn the_elected_one_dies_before_it_promotes_a_member() {
    elected_dies_at(|step| matches!(step, Step::Promote { .. })).await;
}

#[tokio::test]
async fn two_of_five_members_die_at_once() {
    let mut rig = rig!(7);
    rig.grow(2..=7).await;
    rig.until_whole(5).await;
    let gone: Vec<_> = rig.members().await.into_iter().take(2).collect();
    gone.iter().for_each(|host| rig.kill(*host));
    rig.until_whole(5).await;
    assert!(rig.members().await.iter().all(|host| !gone.contains(host)));
    rig.assert_no_write_was_lost().await;
}

#[tokio::test]
async fn an_elected_one_that_is_cut_off_is_replaced_and_finds_back() {
    let mut rig = rig!(4);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.admit(4).await;
    let elected = rig.elected().await.unwrap();
    rig.cut(elected);
    rig.until("another one is a member", async |rig| {
        let members = rig.members().await;
        members.len() == 3 && !members.contains(&elected)
    })
    .await;
    rig.heal(elected);
    rig.until("it drops its copy", async |rig| !rig.cluster_dir(elected).join("etcd").exists()).await;
}

#[tokio::test]
async fn all_hosts_start_again_at_once() {
    let mut rig = rig!(3);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.wait_for_those_who_are_away().await;
    let before = rig.roster().await;
    (1..=3).for_each(|host| rig.kill(host));
    (1..=3).for_each(|host| rig.launch(host, Task::Run));
    rig.until_whole(3).await;
    assert_eq!(rig.roster().await, before);
    rig.assert_no_write_was_lost().await;
}

#[tokio::test]
async fn the_last_survivor_goes_on_alone_and_the_others_join_it_again() {
    let mut rig = rig!(3);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    // The first has it, and knows that it was acknowledged: that comes to its disk with the next one.
    for key in ["kv/one/a", "kv/one/b"] {
        rig.store.put(key, b"1", None).await.unwrap();
        assert!(rig.store_at(1).get(key).await.unwrap().is_some());
    }
    (1..=3).for_each(|host| rig.kill(host));
    // The third is lost for good; the second is found later, with its copy.
    std::fs::remove_dir_all(rig.cluster_dir(3)).unwrap();
    rig.launch(1, Task::Recover);
    rig.wait(1).await;
    rig.launch(1, Task::Run);
    rig.until_whole(1).await;
    assert_eq!(&*rig.store.get("kv/one/a").await.unwrap().unwrap().value, b"1");
    rig.launch(2, Task::Run);
    rig.launch(3, Task::Run);
    rig.until_whole(3).await;
    assert_eq!(&*rig.store.get("kv/one/a").await.unwrap().unwrap().value, b"1");
}

#[tokio::test]
async fn members_begin_anew_one_after_the_other_when_whom_to_trust_is_another_one() {
    let mut rig = rig!(3);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    let starts = |rig: &Rig| {
        (1..=3)
            .map(|host| {
                let log = std::fs::read_to_string(rig.cluster_dir(host).join("etcd.log")).unwrap_or_default();
                ["etcd Version: ", "starting an etcd server"]
                    .map(|says| log.matches(says).count())
                    .iter()
                    .sum::<usize>()
            })
            .collect::<Vec<_>>()
    };
    let before = starts(&rig);
    let trusted = rig.dir().join("certificates/ca.pem");
    let text = std::fs::read_to_string(&trusted).unwrap();
    std::fs::write(&trusted, format!("{text}\n")).unwrap();
    rig.until("all have begun anew", async |rig| {
        starts(rig).iter().zip(&before).all(|(now, before)| now > before)
    })
    .await;
    rig.until_whole(3).await;
    assert_eq!(rig.members().await, [1, 2, 3]);
    rig.assert_no_write_was_lost().await;
}
