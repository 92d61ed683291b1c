//! Large files of releases, from host to host over links that can be slowed down, and from hosts that lie and die.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rig::{Rig, name};

const BYTES: usize = 65 << 20;

/// Hosts that follow the releases of an operator on the first one, which alone runs the store.
fn fleet(hosts: usize) -> Option<Rig> {
    let mut rig = Rig::new(hosts)?;
    rig.init();
    let key = rig.host(1).join(".config/homeostat/operator.pub");
    rig.run(1, &["operator", "init", "--name", "ann"]).ends_with(0);
    rig.run(1, &["operator", "trust", key.to_str().unwrap()]).ends_with(0);
    rig.follow(1);
    let token = rig.token(1, &["--uses", "9"]);
    for host in 2..=hosts {
        rig.join(host, &token).ends_with(0);
        rig.follow(host);
    }
    rig.until("all follow releases", |rig| {
        let alive = rig.run(1, &["hosts", "--format", "json"]).stdout;
        let alive: serde_json::Value = serde_json::from_str(&alive).unwrap_or_default();
        alive.as_array().is_some_and(|all| {
            all.len() == hosts && all.iter().all(|host| host["summary"]["deploy"].is_number())
        })
    });
    Some(rig)
}

/// Every piece of it is another one.
fn large(seed: u64) -> Vec<u8> {
    let mut at = seed | 1;
    let next = || {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        at.to_le_bytes()
    };
    std::iter::repeat_with(next).take(BYTES / 8).flatten().collect()
}

fn release(rig: &Rig, args: &[&str]) -> crate::rig::Done {
    rig.run(1, &[&["deploy", "release.yaml", "--with", "payload"], args].concat())
}

/// What hosts do with a release: a file of the first one's text.
fn text(rig: &Rig, content: &str) {
    let text = format!(
        "graph: g\nresources:\n  file:\n  - {{name: kept, path: {}/HOST, content: {content}}}\n",
        rig.host(1).parent().unwrap().display()
    );
    std::fs::write(rig.host(1).join("release.yaml"), text).unwrap();
}

fn has_large(rig: &Rig, host: usize, content: &[u8]) -> bool {
    std::fs::read(rig.host(host).join("prefix/release/payload/large")).is_ok_and(|found| found == content)
}

fn store_bytes(rig: &Rig) -> u64 {
    rig.host(1).join("prefix/cluster/etcd/member/snap/db").metadata().unwrap().len()
}

/// The one file in a directory whose name begins so.
fn find(dir: &Path, prefix: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?.flatten();
    let found =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)));
    found.map(|entry| entry.path()).next()
}

/// How fast a host may send, or as fast as it can.
fn limit(rig: &Rig, host: usize, rate: Option<&str>) {
    let shape = match rate {
        Some(rate) => format!("add dev eth0 root tbf rate {rate} burst 64kb latency 100ms"),
        None => "del dev eth0 root".to_owned(),
    };
    let mut command: Command = rig.networks.command(host);
    let done = command.args(["tc", "qdisc"]).args(shape.split(' ')).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_large_file_goes_from_host_to_host_and_not_through_the_store() {
    let Some(rig) = fleet(3) else { return };
    let content = large(1);
    std::fs::create_dir(rig.host(1).join("payload")).unwrap();
    std::fs::write(rig.host(1).join("payload/large"), &content).unwrap();
    text(&rig, "one");
    let before = store_bytes(&rig);
    release(&rig, &["--wait", "--timeout", "50"]).ends_with(0);
    for host in 1..=3 {
        assert!(has_large(&rig, host, &content), "{}", name(host));
    }
    let grown = store_bytes(&rig).saturating_sub(before);
    assert!(grown < 4 << 20, "the store has grown by {grown} bytes");
    eprintln!("the store has grown by {grown} bytes");

    // The same file again is not sent again, and going back needs nobody.
    text(&rig, "two");
    release(&rig, &["--wait", "--timeout", "50"]).ends_with(0);
    let back = rig.run(1, &["deploys", "rollback", "--wait", "--timeout", "50"]);
    assert_eq!(back.ends_with(0).stdout, "3\n");
    assert!(has_large(&rig, 3, &content));
}

#[test]
fn a_release_waits_for_its_large_file_while_its_holders_lie_or_are_dead_and_the_last_one_goes_on() {
    let Some(mut rig) = fleet(3) else { return };
    let content = large(7);
    text(&rig, "small");
    std::fs::create_dir(rig.host(1).join("payload")).unwrap();
    std::fs::write(rig.host(1).join("payload/note"), "small").unwrap();
    release(&rig, &["--wait", "--timeout", "50"]).ends_with(0);
    std::fs::write(rig.host(1).join("payload/large"), &content).unwrap();
    release(&rig, &["--hosts", "h1", "--hosts", "h2", "--wait", "--timeout", "50"]).ends_with(0);

    // The second host gives something else of the same size, the first one is slow, and dies in the middle.
    let lie = find(&rig.host(2).join("prefix/blobs"), "").unwrap();
    std::fs::remove_file(&lie).unwrap();
    std::fs::write(&lie, large(5)).unwrap();
    limit(&rig, 1, Some("16mbit"));
    release(&rig, &["--hosts", "h3"]).ends_with(0);
    let blobs = rig.host(3).join("prefix/blobs");
    let has_begun = |part: PathBuf| part.metadata().is_ok_and(|found| found.len() > 4 << 20);
    rig.until("it is in the middle", |_| find(&blobs, ".homeostat-part-").is_some_and(has_begun));
    rig.kill(1);
    rig.until("it waits", |rig| {
        let status = rig.run(3, &["status"]).stdout;
        status.contains("waiting: blob") && status.contains("of release 3 is with nobody reachable")
    });
    let log = rig.read(3, "err");
    assert!(log.contains("something else than its name says"), "{log}");
    let kept = rig.host(1).parent().unwrap().join("HOST");
    std::fs::remove_file(&kept).unwrap();
    rig.until("the last one goes on", |_| std::fs::read_to_string(&kept).is_ok_and(|text| text == "small"));

    limit(&rig, 1, None);
    rig.follow(1);
    rig.until("it is there", |rig| has_large(rig, 3, &content));
    rig.until("it runs", |rig| rig.run(3, &["status"]).stdout.contains("release: 3"));
}

#[test]
fn nobody_gives_a_host_what_no_release_names() {
    let Some(rig) = fleet(2) else { return };
    // A host that is valid, and speaks as an operator would.
    std::fs::create_dir(rig.host(2).join("payload")).unwrap();
    std::fs::write(rig.host(2).join("payload/large"), large(9)).unwrap();
    std::fs::write(rig.host(2).join("release.yaml"), "graph: g\nresources:\n  noop:\n  - name: a\n").unwrap();
    rig.run(2, &["operator", "init", "--name", "eve"]).ends_with(0);
    let done = rig.run(2, &["deploy", "release.yaml", "--with", "payload"]);
    assert_ne!(done.code, Some(0), "{done:#?}");
    assert!(find(&rig.host(1).join("prefix/blobs"), "").is_none());
}
