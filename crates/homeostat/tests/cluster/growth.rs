//! A cluster comes to be: hosts join, become members, and share what they share.

use std::fmt::Write;
use std::time::Instant;

use super::rig::{Rig, name, rig};

/// Four files, two of them offered to all; everybody's are collected.
fn demonstration(rig: &Rig, host: usize) {
    let mut text = String::new();
    for (at, mark) in [(1, ""), (2, ""), (3, "@@"), (4, "@@")] {
        let host = name(host);
        writeln!(
            text,
            "  - {{name: '{mark}file{at}{host}', path: DIR/files/f{at}{host}, content: f{at} of {host}}}"
        )
        .unwrap();
    }
    text.push_str("collect:\n- kind: file\n  pattern: DIR/files/\n");
    rig.declare(host, &text);
}

#[test]
fn hosts_join_become_members_and_exchange_their_files() {
    let mut rig = rig!(3);
    (1..=3).for_each(|host| demonstration(&rig, host));
    rig.init();
    rig.start(1, &[]);
    let token = rig.token(1, &["--member", "--uses", "2"]);
    rig.until("the first host has its files", |rig| rig.files(1).len() == 4);
    for (host, all) in [(2, 12), (3, 24)] {
        rig.join(host, &token).ends_with(0);
        rig.start(host, &[]);
        let count = |rig: &Rig| (1..=3).map(|host| rig.files(host).len()).sum::<usize>();
        let own = rig.until("the new host has its own files", |rig| rig.files(host).len() >= 4);
        let rest = rig.until(&format!("there are {all} files"), |rig| count(rig) == all);
        eprintln!("{}: its own after {own:.2?}, the exchange {rest:.2?} after that", name(host));
    }
    assert_eq!(rig.read(1, "files/f3h3"), "f3 of h3");
    rig.until_members(&[1, 2, 3]);

    // Values are the same wherever they are put and read.
    for (from, to) in [(1, 2), (2, 3), (3, 1)] {
        let value = format!("from {from}");
        rig.kv(from, &["put", "greeting", &value]).ends_with(0);
        assert_eq!(rig.kv(to, &["get", "greeting"]).ends_with(0).stdout, value);
    }
    let status = rig.run(2, &["cluster", "status"]).ends_with(0).stdout.clone();
    for host in 1..=3 {
        assert!(status.contains(&format!("{}   ", name(host))), "{status}");
    }
    assert_eq!(status.matches("elected").count(), 1, "{status}");
    let hosts = rig.run(3, &["hosts"]).ends_with(0).stdout.clone();
    assert_eq!(hosts.matches("  yes    yes  ").count(), 3, "{hosts}");

    // A host that leaves again ends when it was quiet for as long as it was told.
    rig.stop(3);
    let since = Instant::now();
    rig.run(3, &["run", "--converged-timeout=2", "site.yaml"]).ends_with(0);
    eprintln!("with a timeout of 2 s: ended {:.2?} after the start", since.elapsed());
    // Without an agent too.
    assert_eq!(rig.kv(3, &["get", "greeting"]).ends_with(0).stdout, "from 3");
}

#[test]
fn a_host_without_a_members_token_asks_the_members_and_is_none() {
    let mut rig = rig!(2);
    rig.init();
    rig.start(1, &[]);
    let token = rig.token(1, &[]);
    rig.declare(2, "  kv:\n  - {name: a, key: greeting, value: from h2}\n");
    rig.join(2, &token).ends_with(0);
    rig.start(2, &[]);
    rig.until("its value is there", |rig| rig.kv(1, &["get", "greeting"]).stdout == "from h2");
    rig.until("it knows that it is none", |rig| rig.status(2)["own"]["role"] == "client");
    assert_eq!(rig.members(2), ["h1"]);
    let refused = rig.run(2, &["cluster", "members", "--size", "1"]);
    assert!(refused.ends_with(1).stderr.contains("permission denied"), "{refused:?}");
    rig.run(1, &["cluster", "members", "--size", "3"]).ends_with(0);
    assert_eq!(rig.status(2)["members"]["wanted"], 3);
    let taken = rig.run(2, &["run", "--once", "--hostname", "other", "site.yaml"]);
    taken.ends_with(2);
}
