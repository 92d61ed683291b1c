//! Members that are killed, restarted, or cannot run etcd.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use homeostat_cluster::members;
use homeostat_engine::Store;
use homeostat_engine::store::keys;
use tokio::runtime::Builder;

use super::rig::{Rig, name, rig};

fn cluster(hosts: usize) -> Option<Rig> {
    let rig = Rig::cluster(hosts)?;
    rig.until_members(&(1..=hosts).collect::<Vec<_>>());
    Some(rig)
}

#[test]
fn a_member_that_is_killed_stops_nobody_and_comes_back() {
    let Some(mut rig) = cluster(3) else { return };
    rig.kv(1, &["put", "before", "yes"]).ends_with(0);
    rig.kill(2);
    for host in [1, 3] {
        rig.repair(host);
        rig.until("a value is taken", |rig| rig.kv(host, &["put", "now", &name(host)]).code == Some(0));
        assert_eq!(rig.kv(4 - host, &["get", "now"]).ends_with(0).stdout, name(host));
    }
    rig.until("the others see that it does not answer", |rig| rig.members(1) == ["h1", "h3"]);
    rig.start(2, &[]);
    rig.repair(2);
    rig.until_members(&[1, 2, 3]);
    assert_eq!(rig.kv(2, &["get", "before"]).ends_with(0).stdout, "yes");
}

#[test]
fn hosts_that_restart_one_after_the_other_interrupt_nobody() {
    let Some(mut rig) = cluster(3) else { return };
    for host in 1..=3 {
        rig.stop(host);
        for other in (1..=3).filter(|other| *other != host) {
            rig.repair(other);
            rig.until("a value is taken", |rig| {
                rig.kv(other, &["put", "round", &name(host)]).code == Some(0)
            });
        }
        rig.start(host, &[]);
        rig.repair(host);
        rig.until_members(&[1, 2, 3]);
        assert_eq!(rig.kv(host, &["get", "round"]).ends_with(0).stdout, name(host));
    }
}

#[test]
fn without_an_etcd_that_can_run_the_host_is_kept_and_says_what_is_missing() {
    let mut rig = rig!(2);
    let programs = rig.host(1).join("programs");
    std::fs::create_dir(&programs).unwrap();
    let path = programs.to_str().unwrap().to_owned();
    rig.init();
    rig.start_with_path(1, &path);
    rig.until("it is said", |rig| {
        rig.run(1, &["status"])
            .stdout
            .contains("in the store: about to begin it: `etcd` cannot be run: No such file")
    });
    rig.repair(1);
    let early = rig.run(1, &["cluster", "token"]);
    assert!(early.ends_with(1).stderr.contains("the store cannot be asked now"), "{early:?}");

    // Somebody installs it; nobody has to do anything else.
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|dir| dir.join("etcd"))
        .find(|path| path.exists());
    std::os::unix::fs::symlink(found.unwrap(), programs.join("etcd")).unwrap();
    let token = rig.token(1, &["--member"]);
    rig.until("nothing is missing", |rig| rig.run(1, &["status"]).stdout.contains("in the store: member\n"));

    // Another host has one that is too old: it is part of the cluster, and no member.
    let old = rig.host(2).join("etcd");
    std::fs::write(&old, "#!/bin/sh\necho etcd Version: 3.3.25\n").unwrap();
    std::fs::set_permissions(&old, PermissionsExt::from_mode(0o755)).unwrap();
    rig.join(2, &token).ends_with(0);
    let path = format!("{}:/usr/bin:/bin", rig.host(2).to_str().unwrap());
    rig.start_with_path(2, &path);
    rig.until("both say it", |rig| {
        let known = |host| rig.run(host, &["cluster", "status"]).stdout;
        known(1).contains("reserve") && (1..=2).all(|host| known(host).contains("etcd 3.3.25 is too old"))
    });
    rig.kv(2, &["put", "greeting", "hello"]).ends_with(0);
    assert_eq!(rig.kv(1, &["get", "greeting"]).ends_with(0).stdout, "hello");
}

#[test]
fn the_last_member_goes_on_alone_when_it_is_told_to() {
    let Some(mut rig) = cluster(3) else { return };
    rig.kv(1, &["put", "before", "yes"]).ends_with(0);
    // What came last may be lost.
    for round in 0..20 {
        rig.kv(1, &["put", "later", &round.to_string()]).ends_with(0);
    }
    // etcd writes into its file ten times a second; that an entry was decided it writes into its log with the next one.
    let written = Instant::now();
    rig.until("all is on disk", |_| written.elapsed() > Duration::from_secs(1));
    (1..=3).for_each(|host| rig.kill(host));
    let asked = rig.run(1, &["cluster", "recover"]);
    assert!(asked.ends_with(2).stderr.contains("goes on alone"), "{asked:?}");
    rig.run(1, &["cluster", "recover", "--yes"]).ends_with(0);
    rig.start(1, &[]);
    rig.until("what it had is there", |rig| rig.kv(1, &["get", "before"]).stdout == "yes");
    assert_eq!(rig.members(1), ["h1"]);
    // One that was left behind notices, and is let in as a new one.
    (2..=3).for_each(|host| rig.start(host, &[]));
    rig.until_members(&[1, 2, 3]);
    assert_eq!(rig.kv(2, &["get", "before"]).ends_with(0).stdout, "yes");
    // Whoever is asked has the same: a member that was killed has more than its log says.
    rig.kv(1, &["put", "last", "yes"]).ends_with(0);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let read = |member: usize| {
        let store = rig.store_at(1, member);
        let (entries, _) = runtime.block_on(store.range(keys::KV)).unwrap();
        entries.into_iter().map(|entry| (entry.key, entry.value, entry.mod_revision)).collect::<Vec<_>>()
    };
    let first = read(1);
    assert!(first.len() >= 3, "{first:?}");
    for member in 2..=3 {
        assert_eq!(read(member), first, "{}", name(member));
    }
    // So nothing changes when the one that survived goes.
    rig.run(2, &["cluster", "remove", "h1"]).ends_with(0);
    rig.kill(1);
    rig.until("the others go on", |rig| rig.kv(2, &["put", "after", "yes"]).code == Some(0));
    assert_eq!(rig.kv(3, &["get", "last"]).ends_with(0).stdout, "yes");
}

#[test]
fn a_store_that_runs_lets_everybody_in_when_the_authority_is_replaced_and_the_old_one_dropped() {
    let Some(mut rig) = cluster(3) else { return };
    let files = |rig: &Rig, name: &str| {
        (1..=3).map(|host| rig.read(host, &format!("prefix/cluster/{name}"))).collect::<Vec<_>>()
    };
    let trusts = |rig: &Rig, count: usize| {
        files(rig, "authority.pem")
            .iter()
            .all(|trusted| trusted.matches("BEGIN CERTIFICATE").count() == count)
    };
    let is_renewed = |rig: &Rig, before: &[String]| {
        files(rig, "host.pem").iter().zip(before).all(|(now, before)| now != before)
    };
    for (args, count) in [(&["--drop-older"][..0], 2), (&["--drop-older"], 1)] {
        let before = files(&rig, "host.pem");
        rig.run(1, &[&["cluster", "authority", "renew"], args].concat()).ends_with(0);
        rig.until("all have new certificates", |rig| trusts(rig, count) && is_renewed(rig, &before));
    }
    // Whoever comes anew is taken by every member that has run all the time.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for (host, member) in [(1, 2), (2, 3), (3, 1)] {
        let read = runtime.block_on(rig.store_at(host, member).get(&keys::host("h1")));
        assert!(read.is_ok_and(|entry| entry.is_some()), "{} at {}", name(host), name(member));
    }
    for host in 1..=3 {
        rig.kill(host);
        rig.start(host, &[]);
        rig.until_members(&[1, 2, 3]);
        rig.kv(host, &["put", "round", &name(host)]).ends_with(0);
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[test]
fn a_host_that_runs_writes_again_what_an_old_copy_of_the_store_has_not() {
    let mut rig = rig!(4);
    rig.grow(3);
    rig.until_members(&[1, 2, 3]);
    let token = rig.token(1, &["--member"]);
    rig.join(4, &token).ends_with(0);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    // The old copy knows the fourth host, not all that it may do, and nothing of what it says later.
    runtime.block_on(async {
        let etcd = rig.store(1).administration();
        members::demote(&etcd, "h4").await.unwrap();
        etcd.remove_role("host/h4").await.unwrap();
    });
    let written = Instant::now();
    rig.until("that is on disk", |rig| {
        rig.kv(1, &["put", "later", "1"]).ends_with(0);
        written.elapsed() > Duration::from_secs(1)
    });
    rig.kill(1);
    let (data, old) = (rig.host(1).join("prefix/cluster/etcd"), rig.host(1).join("old"));
    copy(&data, &old);
    rig.start(1, &[]);
    rig.until_members(&[1, 2, 3]);
    runtime.block_on(async {
        let etcd = rig.store(1).administration();
        members::add_host(&etcd, "h4").await.unwrap();
        members::add_member(&etcd, "h4").await.unwrap();
    });
    rig.declare(
        4,
        "  - {name: '@@offered', path: DIR/files/offered, content: x}\n  \
         - {name: told, path: DIR/told, content: x, meta: {publish: true}}\n  \
         kv:\n  - {name: own, key: place, value: here, mapped: true}\n",
    );
    rig.start(4, &[]);
    let said = |rig: &Rig| {
        let store = rig.store(1);
        runtime.block_on(async {
            let below =
                async |prefix: String| store.range(&prefix).await.map_or(0, |(entries, _)| entries.len());
            let is_there = async |key: String| store.get(&key).await.is_ok_and(|value| value.is_some());
            let own = [keys::kv_of("place", "h4"), keys::host("h4"), keys::key_of("h4"), keys::member("h4")];
            let mut all = vec![below(keys::exports_of("h4")).await, below(keys::vertices_of("h4")).await];
            for key in own {
                all.push(usize::from(is_there(key).await));
            }
            all
        })
    };
    rig.until("all of it is there", |rig| said(rig) == [1; 6]);

    (1..=3).for_each(|host| rig.kill(host));
    std::fs::remove_dir_all(&data).unwrap();
    copy(&old, &data);
    rig.run(1, &["cluster", "recover", "--yes"]).ends_with(0);
    rig.start(1, &[]);
    rig.until("all of it is there again", |rig| said(rig) == [1; 6]);
}
