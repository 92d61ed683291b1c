//! Members whose etcds are of two series: one by one they become newer, and older ones are told why they cannot join.

use std::path::PathBuf;

use homeostat_cluster::members::{Ability, Offer};
use homeostat_cluster::testing::two_series;
use homeostat_engine::Store;
use homeostat_engine::store::keys;

use super::agent::Task;
use super::rig::{Rig, name};

/// So many hosts, and an etcd of an older and of a newer series.
fn rig_of_two(hosts: usize) -> Option<(Rig, PathBuf, PathBuf)> {
    let (older, newer) = two_series()?;
    let mut rig = Rig::new(hosts)?;
    (1..=hosts).for_each(|host| rig.set_program(host, &older));
    Some((rig, older, newer))
}

/// Starts the agent of a host anew, with this etcd.
fn begin_anew(rig: &mut Rig, host: usize, program: &PathBuf) {
    rig.kill(host);
    rig.set_program(host, program);
    rig.launch(host, Task::Run);
}

async fn is_refused(rig: &Rig, host: usize) -> bool {
    let stored = rig.store.get(&keys::member(&name(host))).await.ok().flatten();
    let offer = stored.and_then(|stored| serde_json::from_slice::<Offer>(&stored.value[1..]).ok());
    let ability = offer.map(|offer| offer.ability);
    matches!(ability, Some(Ability::Unable { why }) if why.contains("too old: the members run"))
}

#[tokio::test]
async fn members_become_newer_one_by_one_and_an_older_host_is_told_that_it_cannot_join_them() {
    let Some((mut rig, older, newer)) = rig_of_two(4) else { return };
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    rig.wait_for_those_who_are_away().await;
    let before = rig.roster().await;
    for host in 1..=3 {
        let version = |rig: &Rig| rig.store_at(host).administration();
        let was = version(&rig).health().await.unwrap().version;
        begin_anew(&mut rig, host, &newer);
        rig.until(&format!("{} runs a newer one", name(host)), async |rig| {
            version(rig).health().await.is_ok_and(|health| health.version != was && health.leader.is_some())
        })
        .await;
        rig.until_whole(3).await;
    }
    rig.until("all know that all are newer", async |rig| rig.roster().await.etcd > before.etcd).await;
    assert_eq!(rig.roster().await.seats, before.seats);

    // One that stayed behind is part of the cluster, and not asked to be a member.
    rig.admit(4).await;
    rig.until("it says why", async |rig| is_refused(rig, 4).await).await;
    homeostat_cluster::members::set_size(&rig.store, 5).await.unwrap();
    rig.until("nobody waits for it", async |rig| rig.store.get(keys::CLUSTER_STEP).await == Ok(None)).await;
    assert_eq!(rig.roster().await.seats, before.seats);

    // Nor does a member go back.
    begin_anew(&mut rig, 3, &older);
    rig.until("it says why", async |rig| is_refused(rig, 3).await).await;
    begin_anew(&mut rig, 3, &newer);
    rig.until_whole(3).await;
    assert_eq!(rig.roster().await.seats, before.seats);

    // Made newer, it is taken as any other.
    begin_anew(&mut rig, 4, &newer);
    homeostat_cluster::members::set_grace(&rig.store, 2).await.unwrap();
    rig.kill(2);
    rig.until("it is a member", async |rig| rig.members().await == [1, 3, 4]).await;
    rig.until_whole(3).await;
    rig.assert_no_write_was_lost().await;
}

#[tokio::test]
async fn members_of_two_series_replace_each_other() {
    let Some((mut rig, _, newer)) = rig_of_two(5) else { return };
    rig.set_program(2, &newer);
    rig.set_program(4, &newer);
    rig.grow(2..=3).await;
    rig.until_whole(3).await;
    // An older one for a newer one, and the other way round.
    for (gone, next, members) in [(1, 4, [2, 3, 4]), (2, 5, [3, 4, 5])] {
        rig.admit(next).await;
        rig.kill(gone);
        rig.until("another one is a member", async |rig| rig.members().await == members).await;
        rig.until_whole(3).await;
    }
    rig.assert_no_write_was_lost().await;
}
