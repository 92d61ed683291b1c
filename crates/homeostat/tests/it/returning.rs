//! Hosts whose certificates ended while they were away.

use std::time::{Duration, SystemTime};

use homeostat_cluster::identity::{Authority, Certificate, ClusterDir, Identity};

use super::cluster::Hosts;
use super::place::{Running, wait_until};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn dir(hosts: &Hosts, host: &str) -> ClusterDir {
    ClusterDir::below(&hosts.place.path(&format!("{host}/prefix")))
}

/// As if a host had been off for so long.
fn away(hosts: &Hosts, host: &str, authority: &Authority, days: u32) {
    let dir = dir(hosts, host);
    let now = dir.load().unwrap().unwrap();
    let then = Identity::renewed(authority, &now, SystemTime::now() - days * DAY).unwrap();
    dir.save_certificates(&then.certificates, &then.trusted, None).unwrap();
}

fn is_valid(hosts: &Hosts, host: &str) -> bool {
    let certificates = Certificate::all_of(&hosts.file(host, "host.pem")).unwrap();
    certificates[0].valid().1 > SystemTime::now()
}

fn end(agent: Running) -> String {
    agent.signal("TERM");
    agent.finish().stderr
}

#[test]
fn a_host_comes_back_after_its_certificates_ended_unless_it_was_removed() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    let first = hosts.start("a");
    let token = hosts.token("a", &["--uses", "2"]);
    let authority = dir(&hosts, "a").authority().unwrap().unwrap();
    for host in ["b", "c"] {
        wait_until("it is let in", || hosts.join(host, &token).code == Some(0));
        away(&hosts, host, &authority, 40);
        assert!(!is_valid(&hosts, host));
    }
    let key = hosts.file("b", "host.key");
    let agent = hosts.start("b");
    wait_until("it has new certificates", || is_valid(&hosts, "b"));
    assert_eq!(hosts.file("b", "host.key"), key);
    wait_until("it is part of the store again", || {
        let status = hosts.place.homeostat(&["hosts", "--prefix", "DIR/a/prefix", "--format", "json"]);
        let all: serde_json::Value = serde_json::from_str(&status.stdout).unwrap_or_default();
        all.as_array().is_some_and(|all| all.iter().any(|host| host["host"] == "b" && host["alive"] == true))
    });
    end(agent);

    hosts.cluster("a", &["remove", "c"]).ends_with(0);
    let agent = hosts.start("c");
    let status = || hosts.place.homeostat(&["status", "--prefix", "DIR/c/prefix"]).stdout;
    wait_until("it says so", || {
        let status = status();
        status.contains("certificates of this host ended") && status.contains("there is no host `c`")
    });
    assert!(!is_valid(&hosts, "c"));
    end(agent);
    assert!(end(first).contains("`b` at 127.0.0.1 has come back"));
}

#[test]
fn a_cluster_that_was_off_until_all_certificates_ended_runs_again() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    end(hosts.start("a"));
    let authority = dir(&hosts, "a").authority().unwrap().unwrap();
    away(&hosts, "a", &authority, 200);
    let agent = hosts.start("a");
    wait_until("it has new certificates", || is_valid(&hosts, "a"));
    // The store knows them: others are let in, and it can be found again.
    let token = hosts.token("a", &[]);
    wait_until("it is let in", || hosts.join("b", &token).code == Some(0));
    let agent_of_b = hosts.start("b");
    wait_until("both are there", || {
        let done = hosts.place.homeostat(&["hosts", "--prefix", "DIR/b/prefix", "--format", "json"]);
        let all: serde_json::Value = serde_json::from_str(&done.stdout).unwrap_or_default();
        all.as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|host| host["alive"] == true))
    });
    end(agent_of_b);
    end(agent);
}
