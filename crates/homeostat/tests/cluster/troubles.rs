//! Members on hosts with a trouble of their own: a full disk, an etcd that ends at once, a clock that is wrong.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use homeostat_cluster::testing::skip;

use super::rig::{Rig, name, rig};

/// A file system in memory, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// Small, and large enough for what etcd reserves when it starts.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=260m,mode=0700", "small"]).arg(at).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()).then(|| Self(at.into()))
    }

    /// Leaves nothing for anybody.
    fn fill(&self) {
        let ballast = std::fs::File::create(self.0.join("ballast")).unwrap();
        std::io::copy(&mut std::io::repeat(0), &mut &ballast).unwrap_err();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

/// Whether a host says this of its part in the store.
fn says(rig: &Rig, host: usize, what: &str) -> bool {
    rig.run(host, &["status"]).stdout.lines().any(|line| line.contains("in the store") && line.contains(what))
}

#[test]
fn a_full_disk_under_a_member_is_said_and_stops_nobody_and_room_ends_it() {
    let mut rig = rig!(3);
    let Some(disk) = Disk::mount(&rig.host(3).join("prefix")) else {
        return skip("a file system of its own needs root");
    };
    rig.grow(3);
    rig.until_members(&[1, 2, 3]);
    disk.fill();
    // What is reserved is used up first.
    let value = "x".repeat(100_000);
    rig.until("it says that its disk is full", |rig| {
        rig.kv(1, &["put", "large", &value]);
        says(rig, 3, "no space left on device")
    });
    rig.repair(3);
    rig.until("the others go on", |rig| rig.kv(2, &["put", "small", "yes"]).code == Some(0));
    rig.until("it asks them", |rig| rig.kv(3, &["get", "small"]).stdout == "yes");
    rig.until("they see that it does not answer", |rig| rig.members(1) == ["h1", "h2"]);
    disk.make_room();
    rig.until_members(&[1, 2, 3]);
    rig.until("nothing is wrong", |rig| says(rig, 3, "in the store: member") && !says(rig, 3, "space"));
}

#[test]
fn an_etcd_that_ends_at_once_is_said_and_a_better_one_ends_it() {
    let mut rig = rig!(3);
    rig.grow(3);
    rig.until_members(&[1, 2, 3]);
    rig.stop(3);
    let programs = rig.host(3).join("programs");
    std::fs::create_dir(&programs).unwrap();
    let etcd = programs.join("etcd");
    let broken = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'etcd Version: 3.99.0' && exit 0\necho a library is missing >&2\nexit 127\n";
    std::fs::write(&etcd, broken).unwrap();
    std::fs::set_permissions(&etcd, PermissionsExt::from_mode(0o755)).unwrap();
    rig.start_with_path(3, &format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
    rig.until("it says why", |rig| says(rig, 3, "a library is missing"));
    rig.repair(3);
    rig.until("it asks the others", |rig| rig.kv(3, &["put", "small", "yes"]).code == Some(0));
    assert_eq!(rig.kv(1, &["get", "small"]).ends_with(0).stdout, "yes");
    std::fs::remove_file(&etcd).unwrap();
    rig.until_members(&[1, 2, 3]);
    rig.until("nothing is wrong", |rig| says(rig, 3, "in the store: member") && !says(rig, 3, "ended"));
}

#[test]
fn hosts_whose_clocks_are_an_hour_off_join_and_work_like_any_other() {
    let mut rig = rig!(3);
    for (host, off) in [(2, "+1h"), (3, "-1h")] {
        if !rig.set_clock(host, off) {
            return skip("libfaketime is not installed");
        }
        let more =
            format!("  - {{name: '@@of{}', path: DIR/files/{}, content: x}}\n", name(host), name(host));
        rig.declare(host, &(more + "collect:\n- kind: file\n  pattern: DIR/files/\n"));
    }
    rig.grow(3);
    rig.until_members(&[1, 2, 3]);
    rig.until("they exchange their files", |rig| (2..=3).all(|host| rig.files(host) == ["h2", "h3"]));
    for (from, to) in [(2, 3), (3, 1), (1, 2)] {
        rig.kv(from, &["put", "from", &name(from)]).ends_with(0);
        assert_eq!(rig.kv(to, &["get", "from"]).ends_with(0).stdout, name(from));
    }
    // Nobody is taken for gone, and whoever ends is.
    let hosts = |rig: &Rig| rig.run(1, &["hosts"]).stdout.matches("  yes    yes  ").count();
    rig.until("all are there and settled", |rig| hosts(rig) == 3);
    rig.stop(3);
    rig.until("one is gone", |rig| hosts(rig) == 2);
    let token = rig.token(2, &["--ttl", "10m"]);
    assert!(!token.is_empty());
    rig.repair(2);
}
