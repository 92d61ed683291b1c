//! Hosts that leave or are removed.

use super::rig::Rig;

#[test]
fn members_that_leave_or_are_removed_are_replaced_and_refused() {
    let Some(mut rig) = Rig::cluster(5) else { return };
    rig.run(1, &["cluster", "members", "--size", "3"]).ends_with(0);
    rig.until("there are three members", |rig| rig.members(1).len() == 3);
    let members = rig.members(1);
    let last = |members: &[String]| {
        members.iter().rfind(|host| *host != "h1").unwrap()[1..].parse::<usize>().unwrap()
    };

    // One leaves, and keeps a copy of its identity.
    let leaving = last(&members);
    rig.stop(leaving);
    let (identity, kept) = (rig.host(leaving).join("prefix/cluster"), rig.host(leaving).join("kept"));
    copy(&identity, &kept);
    rig.run(leaving, &["cluster", "leave"]).ends_with(0);
    assert!(!identity.exists());
    rig.until("another one takes its place", |rig| {
        let now = rig.members(1);
        now.len() == 3 && !now.contains(&format!("h{leaving}"))
    });
    copy(&kept, &identity);
    let again = rig.run(leaving, &["cluster", "leave"]).ends_with(1).stderr.clone();
    assert!(again.contains("cannot leave the cluster"), "{again}");
    assert!(rig.read(1, "err").contains("was not let in"), "{}", rig.read(1, "err"));
    rig.kv(leaving, &["put", "x", "from one who left"]).ends_with(1);

    // One that runs is removed.
    let removed = last(&rig.members(1));
    let own = rig.run(removed, &["cluster", "remove", &format!("h{removed}")]);
    assert!(own.ends_with(1).stderr.contains("cannot remove itself"), "{own:?}");
    let done = rig.run(1, &["cluster", "remove", &format!("h{removed}")]);
    assert!(done.ends_with(0).stderr.contains("has had the authority's key"), "{done:?}");
    rig.until("it is refused by the store", |rig| {
        rig.kv(removed, &["put", "x", "from one who was removed"]).code == Some(1)
    });
    rig.until("it says why", |rig| rig.run(removed, &["status"]).stdout.contains("removed from the cluster"));
    // It still keeps itself in order.
    rig.repair(removed);
    rig.kv(1, &["put", "y", "1"]).ends_with(0);
    assert_eq!(rig.kv(1, &["get", "x"]).code, Some(1), "neither of them wrote");
    let hosts = rig.run(1, &["hosts"]).stdout;
    for gone in [leaving, removed] {
        assert!(!hosts.contains(&format!("h{gone} ")), "{hosts}");
    }
    rig.until("three are left, all of them members", |rig| rig.members(1).len() == 3);
}

#[test]
fn a_host_that_was_removed_while_it_was_away_is_told_so() {
    let Some(mut rig) = Rig::cluster(2) else { return };
    let says = |rig: &Rig| rig.run(2, &["status"]).stdout.contains("removed from the cluster");
    rig.until("it is part of it", |rig| rig.kv(2, &["put", "x", "1"]).code == Some(0));
    rig.networks.isolate(2);
    rig.run(1, &["cluster", "remove", "h2"]).ends_with(0);
    rig.networks.rejoin(2);
    rig.until("one that was cut off says so", says);
    rig.stop(2);
    rig.start(2, &[]);
    rig.until("one that starts says so", says);
    rig.repair(2);
}

#[test]
fn the_only_member_hands_over_before_it_goes() {
    let Some(mut rig) = Rig::cluster(2) else { return };
    rig.kv(1, &["put", "before", "yes"]).ends_with(0);
    rig.until("the other one may be a member", |rig| {
        rig.run(2, &["cluster", "members"]).stdout.contains("reserve")
    });
    rig.run(2, &["cluster", "remove", "h1"]).ends_with(0);
    rig.stop(1);
    rig.until_members(&[2]);
    assert_eq!(rig.kv(2, &["get", "before"]).ends_with(0).stdout, "yes");
    rig.kv(2, &["put", "after", "yes"]).ends_with(0);
    let last = rig.run(2, &["cluster", "remove", "h2"]);
    assert!(last.ends_with(1).stderr.contains("the only one that may be a member"), "{last:?}");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let status = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}
