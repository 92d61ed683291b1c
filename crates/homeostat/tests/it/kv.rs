//! The store from outside, with and without an agent.

use super::place::{Place, wait_until};

#[test]
fn values_are_kept_without_an_agent() {
    let place = Place::new();
    let kv = |args: &[&str]| place.homeostat(&[&["kv", "--prefix", "DIR/prefix"], args].concat());
    kv(&["get", "greeting"]).ends_with(1);
    kv(&["put", "greeting", "hello"]).ends_with(0);
    kv(&["put", "other", "x\ny"]).ends_with(0);
    assert_eq!(kv(&["get", "greeting"]).ends_with(0).stdout, "hello");
    assert_eq!(kv(&["list"]).ends_with(0).stdout, "greeting = hello\nother = x\\ny\n");
    assert_eq!(kv(&["list", "gr"]).ends_with(0).stdout, "greeting = hello\n");
    kv(&["del", "greeting"]).ends_with(0);
    kv(&["del", "greeting"]).ends_with(0);
    kv(&["get", "greeting"]).ends_with(1);
    kv(&["watch"]).ends_with(1);
}

#[test]
fn a_running_agent_is_asked() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  kv:\n  - {name: a, key: greeting, value: hello}\n");
    let agent = place.start_run(&["site.yaml"]);
    let kv = |args: &[&str]| place.homeostat(&[&["kv", "--prefix", "DIR/prefix"], args].concat());
    wait_until("the value is there", || kv(&["get", "greeting"]).stdout == "hello");
    let watch = place.start(&["kv", "--prefix", "DIR/prefix", "watch"]);
    kv(&["put", "greeting", "other"]).ends_with(0);
    wait_until("it is as declared again", || kv(&["get", "greeting"]).stdout == "hello");
    kv(&["put", "free", "x"]).ends_with(0);
    assert_eq!(kv(&["get", "free"]).ends_with(0).stdout, "x");
    agent.signal("TERM");
    agent.finish().ends_with(0);
    // The watch ends with its agent.
    let seen = watch.finish();
    assert!(seen.ends_with(1).stderr.contains("the agent went away"), "{seen:#?}");
}

#[test]
fn the_socket_is_closed_to_others_and_gone_after_the_end() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  noop:\n  - name: a\n");
    let agent = place.start_run(&["site.yaml"]);
    let socket = place.path("prefix/socket");
    wait_until("the socket is there", || socket.exists());
    wait_until("it is closed", || {
        socket.metadata().is_ok_and(|found| found.permissions().mode() & 0o777 == 0o600)
    });
    agent.signal("TERM");
    agent.finish();
    assert!(!socket.exists());
}

#[test]
fn a_prefix_with_a_very_long_path_has_a_socket_too() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  noop:\n  - name: a\n");
    let prefix = format!("DIR/{}", "long/".repeat(30));
    let _agent = place.start(&["run", "--prefix", &prefix, "site.yaml"]);
    wait_until("the socket is there", || place.path(&format!("{}socket", "long/".repeat(30))).exists());
    place.homeostat(&["kv", "--prefix", &prefix, "put", "a", "b"]).ends_with(0);
    let got = place.homeostat(&["kv", "--prefix", &prefix, "get", "a"]);
    assert_eq!(got.ends_with(0).stdout, "b");
}

#[test]
fn the_largest_value_passes_through_the_socket_whatever_it_holds() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  noop:\n  - name: a\n");
    let _agent = place.start_run(&["site.yaml"]);
    wait_until("the socket is there", || place.path("prefix/socket").exists());
    let value = "\u{1}".repeat((1 << 20) - 1);
    let put = ["kv", "--prefix", "DIR/prefix", "put", "big", "-"];
    place.homeostat_with_stdin(&put, &value).ends_with(0);
    let got = place.homeostat(&["kv", "--prefix", "DIR/prefix", "get", "big"]);
    assert!(got.ends_with(0).stdout == value);
    let too_long = place.homeostat_with_stdin(&put, &("x".to_owned() + &"é".repeat(1 << 19)));
    assert!(too_long.ends_with(2).stderr.contains("less than 1048576 bytes"), "{too_long:#?}");
}

#[test]
fn a_value_may_be_a_negative_number() {
    let place = Place::new();
    place.homeostat(&["kv", "--prefix", "DIR/prefix", "put", "offset", "-5"]).ends_with(0);
    let got = place.homeostat(&["kv", "--prefix", "DIR/prefix", "get", "offset"]);
    assert_eq!(got.ends_with(0).stdout, "-5");
}
