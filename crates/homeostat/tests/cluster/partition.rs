//! A host that is cut off from the others.

use std::time::{Duration, Instant};

use super::rig::{Rig, name};

/// From the moment when the store answers a host again until it has what it missed. How long the members need until they are a
/// quorum with that host, and a busy machine for a handshake, is not ours: a client that never waits tells when that is over.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);

/// Offers one file to all and collects those of all.
fn declare(rig: &Rig, host: usize, content: &str) {
    let host_name = name(host);
    rig.declare(
        host,
        &format!(
            "  - {{name: '@@of{host_name}', path: DIR/files/{host_name}, content: {content}}}\n\
             collect:\n- kind: file\n  pattern: DIR/files/\n"
        ),
    );
}

#[test]
fn a_minority_keeps_itself_in_order_says_that_it_is_alone_and_catches_up() {
    let Some(mut rig) = Rig::new(3) else { return };
    (1..=3).for_each(|host| declare(&rig, host, "first"));
    rig.grow(3);
    rig.until_members(&[1, 2, 3]);
    let all = ["h1", "h2", "h3"];
    rig.until("everybody has all files", |rig| (1..=3).all(|host| rig.files(host) == all));

    rig.networks.isolate(3);
    let is_cut_off = |rig: &Rig| rig.run(3, &["status"]).stdout.contains("cut off from other hosts");
    rig.until("it says that it is cut off", is_cut_off);
    // What the others offered is kept like its own, also by an agent that starts now.
    rig.repair(3);
    rig.kill(3);
    std::fs::remove_file(rig.host(3).join("files/h1")).unwrap();
    rig.start(3, &[]);
    rig.until("it keeps what it collected last", |rig| rig.files(3) == all);
    rig.repair(3);
    rig.until("it says so again", is_cut_off);
    let status = rig.run(3, &["cluster", "status"]).ends_with(0).stdout.clone();
    assert!(status.contains("h3 cannot reach the store"), "{status}");

    // The others go on; they see that it is gone, and keep what it offered.
    declare(&rig, 1, "second");
    rig.until("the others have the change", |rig| rig.read(2, "files/h1") == "second");
    rig.kv(2, &["put", "greeting", "hello"]).ends_with(0);
    rig.until("the others see that it is gone", |rig| {
        rig.run(1, &["hosts"]).stdout.lines().any(|line| line.starts_with("h3 ") && line.contains(" no "))
    });
    assert!((1..=2).all(|host| rig.files(host) == all));
    assert_eq!(rig.read(3, "files/h1"), "first");

    let answers = rig.answers(3);
    let healed = Instant::now();
    rig.networks.rejoin(3);
    rig.until("it has caught up", |rig| rig.read(3, "files/h1") == "second");
    let caught_up = Instant::now();
    let answered = answers.recv().unwrap();
    let behind = caught_up.saturating_duration_since(answered);
    eprintln!(
        "after healing: the store answers after {:.2?}, the file is repaired after {:.2?}, {behind:.2?} later",
        answered.duration_since(healed),
        caught_up.duration_since(healed),
    );
    assert!(behind < CATCH_UP_MAX, "{behind:?}");
    rig.until("it is not cut off any more", |rig| !is_cut_off(rig));
    assert_eq!(rig.kv(3, &["get", "greeting"]).ends_with(0).stdout, "hello");
    assert!((1..=3).all(|host| rig.files(host) == all));
    rig.until_members(&[1, 2, 3]);
}
