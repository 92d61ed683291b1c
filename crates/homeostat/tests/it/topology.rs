//! Hosts that play a topology together through an etcd, and edges that cross hosts.

use std::collections::BTreeSet;
use std::time::Duration;

use homeostat_cluster::testing::EtcdServer;

use super::place::{Done, Place, Running, wait_until, wait_up_to};

/// Until nobody hears of a host that was killed, on a busy machine.
const LEASE_IS_OVER: Duration = Duration::from_secs(60);
/// Who comes after whom; the first four are for host `a`, the others for `b`.
const DEPENDENCIES: [&[u8]; 8] = [&[5], &[5, 0], &[3, 5], &[], &[0], &[], &[1, 3, 7], &[]];
/// Those that come after nobody, and are made at once.
const FREE: [&str; 4] = ["3/configure", "3/create", "7/configure", "7/create"];

/// Eight components that make a file with each of their methods, but for one that waits for somebody to do that.
fn eight() -> String {
    let mut text = String::new();
    for (id, nodes) in DEPENDENCIES.iter().enumerate() {
        let target = if id < 4 { "a" } else { "b" };
        text.push_str(&format!("- id: {id}\n  name: c{id}\n  target: {target}\n  interfaces:\n"));
        for method in ["configure", "create"] {
            let file = format!("{{file: {{path: DIR/n/{id}/{method}}}}}");
            let action = if (id, method) == (5, "create") { "{nil: }" } else { &file };
            text.push_str(&format!("    {method}: {{check: {file}, do: {action}}}\n"));
        }
        if !nodes.is_empty() {
            text.push_str(&format!("  deps:\n  - nodes: {nodes:?}\n"));
        }
    }
    text
}

/// Starts the agent of a host.
fn agent(place: &Place, etcd: &str, host: &str, text: &str) -> Running {
    let (prefix, events) = (format!("DIR/{host}/prefix"), format!("DIR/{host}.events"));
    place.start(&["run", "--prefix", &prefix, "--hostname", host, "--etcd", etcd, "--events", &events, text])
}

fn status(place: &Place, host: &str) -> Done {
    place.homeostat(&["status", "--prefix", &format!("DIR/{host}/prefix"), "--format", "json"])
}

/// Whether a host is settled, and says this of what is not in order.
fn says(place: &Place, host: &str, what: &str) -> bool {
    let status = status(place, host);
    if status.code != Some(0) {
        return false;
    }
    let status = status.json();
    let troubles = status["not_in_order"].as_array().unwrap();
    status["settled"] == true && troubles.iter().any(|one| one.as_str().unwrap().contains(what))
}

fn is_in_order(place: &Place, host: &str) -> bool {
    let status = status(place, host);
    status.code == Some(0) && status.json()["converged"] == true
}

/// The files that were made.
fn made(place: &Place) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for id in 0..DEPENDENCIES.len() {
        for method in ["create", "configure"] {
            let name = format!("{id}/{method}");
            if place.path(&format!("n/{name}")).exists() {
                found.insert(name);
            }
        }
    }
    found
}

fn touch(place: &Place, name: &str) {
    let path = place.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "").unwrap();
}

fn stop(agent: Running) {
    agent.signal("TERM");
    agent.finish();
}

#[test]
fn eight_components_on_two_hosts_dance_after_a_touch_whoever_starts_first() {
    for order in [["a", "b"], ["b", "a"]] {
        let Some(server) = EtcdServer::start() else { return };
        let (place, etcd) = (Place::new(), server.url());
        place.write("site.yaml", &eight());
        let first = agent(&place, &etcd, order[0], "site.yaml");
        let alone = if order[0] == "a" { "says nothing" } else { "5/create to be there" };
        wait_until("the first one waits", || says(&place, order[0], alone));
        let second = agent(&place, &etcd, order[1], "site.yaml");
        wait_until("a waits for b", || says(&place, "a", "method[5:c5.create] on b"));
        wait_until("b waits for a person", || says(&place, "b", "5/create to be there"));
        assert_eq!(made(&place), FREE.iter().map(|name| (*name).to_owned()).collect());

        touch(&place, "n/5/create");
        wait_until("everything is made", || made(&place).len() == 16);
        wait_until("both are in order", || is_in_order(&place, "a") && is_in_order(&place, "b"));

        for name in made(&place).into_iter().filter(|name| name != "5/create") {
            std::fs::remove_file(place.path(&format!("n/{name}"))).unwrap();
            wait_until("what was removed is there again", || made(&place).contains(&name));
        }
        wait_until("both are in order", || is_in_order(&place, "a") && is_in_order(&place, "b"));
        [first, second].into_iter().for_each(stop);
    }
}

#[test]
fn a_host_that_dies_in_the_middle_is_waited_for_and_goes_on_when_it_returns() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("site.yaml", &eight());
    let a = agent(&place, &etcd, "a", "site.yaml");
    let mut b = agent(&place, &etcd, "b", "site.yaml");
    wait_until("a waits for b", || says(&place, "a", "method[5:c5.create] on b"));
    b.kill();
    touch(&place, "n/5/create");
    // Whatever b last said, and however long ago: nobody has said that it is done.
    wait_up_to(LEASE_IS_OVER, "b is not heard of", || says(&place, "a", "says nothing"));
    assert_eq!(made(&place).len(), FREE.len() + 1);
    let b = agent(&place, &etcd, "b", "site.yaml");
    wait_until("everything is made", || made(&place).len() == 16);
    wait_until("both are in order", || is_in_order(&place, "a") && is_in_order(&place, "b"));
    [a, b].into_iter().for_each(stop);
}

#[test]
fn a_host_that_is_not_heard_of_holds_back_what_was_never_done_and_no_repair() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("site.yaml", &eight());
    touch(&place, "n/5/create");
    let a = agent(&place, &etcd, "a", "site.yaml");
    let mut b = agent(&place, &etcd, "b", "site.yaml");
    wait_until("both are in order", || is_in_order(&place, "a") && is_in_order(&place, "b"));
    b.kill();
    wait_up_to(LEASE_IS_OVER, "b is not heard of", || says(&place, "a", "says nothing"));
    let repaired = |what: &str| {
        std::fs::remove_file(place.path("n/0/create")).unwrap();
        wait_until(what, || made(&place).contains("0/create"));
    };
    repaired("a file is repaired all the same");
    // What is new comes after a host of which nobody knows anything.
    let path = "DIR/n/8/create";
    let new = format!(
        "{}- id: 8\n  target: a\n  interfaces:\n    create: {{check: {{file: {{path: {path}}}}}, do: {{file: {{path: {path}}}}}}}\n  deps:\n  - nodes: [5]\n",
        eight()
    );
    place.write("site.yaml", &new);
    wait_until("the new one waits", || says(&place, "a", "method[8.create]: waiting for"));
    repaired("and so after a reload");
    assert!(!place.path("n/8/create").exists());
    // That it was done before outlives the process.
    stop(a);
    std::fs::remove_file(place.path("n/0/create")).unwrap();
    let a = agent(&place, &etcd, "a", "site.yaml");
    wait_until("it is repaired after a restart", || made(&place).contains("0/create"));
    wait_until("the new one still waits", || says(&place, "a", "method[8.create]: waiting for"));
    assert!(!place.path("n/8/create").exists());
    let b = agent(&place, &etcd, "b", "site.yaml");
    wait_until("the new one is made", || place.path("n/8/create").exists());
    [a, b].into_iter().for_each(stop);
}

#[test]
fn a_component_that_nobody_plays_is_waited_for_and_the_status_says_for_whom() {
    let place = Place::new();
    let file = "{file: {path: DIR/made}}";
    place.write(
        "site.yaml",
        &format!(
            "- {{id: 0, name: db, target: nobody, interfaces: {{create: {{check: {file}, do: {file}}}}}}}\n\
             - {{id: 1, target: a, interfaces: {{create: {{check: {file}, do: {file}}}}}, deps: [{{nodes: [0]}}]}}\n"
        ),
    );
    let plan = place.homeostat(&["plan", "--prefix", "DIR/a/prefix", "--hostname", "a", "site.yaml"]);
    assert!(
        plan.ends_with(1).stdout.contains("unknown until remote[nobody/method[0:db.create]]"),
        "{plan:#?}"
    );
    let alone = ["run", "--prefix", "DIR/a/prefix", "--hostname", "a", "site.yaml"];
    let running = place.start(&alone);
    wait_until("it waits", || {
        says(&place, "a", "method[1.create]: waiting for method[0:db.create] on nobody")
    });
    assert!(!place.path("made").exists());
    stop(running);
}

/// Host `a` keeps a file, and tells how it stands.
fn sender(place: &Place, content: &str) {
    place.write(
        "a.yaml",
        &format!("graph: a\nresources:\n  file:\n  - name: DIR/a/kept\n    content: {content}\n    meta: {{publish: true}}\n"),
    );
}

/// Host `b` runs something when that file changes. It takes until somebody lets it end.
fn receiver(place: &Place) {
    place.write(
        "b.yaml",
        "graph: b\nresources:\n  remote:\n  - name: kept\n    host: a\n    id: file[DIR/a/kept]\n    notify: method[act]\n  \
         method:\n  - name: act\n    check: {nil: }\n    do: {shell: {artifact: DIR/act}}\n",
    );
    let script = "#!/bin/sh\necho begun >> DIR/log\nwhile [ ! -e DIR/go ]; do sleep 0.05; done\necho ended >> DIR/log\n";
    place.write("act", script);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path("act"), executable).unwrap();
}

#[test]
fn a_notification_across_hosts_outlives_a_crash_of_whoever_receives_it() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    std::fs::create_dir_all(place.path("a")).unwrap();
    sender(&place, "one");
    receiver(&place);
    let count = |word: &str| place.read("log").lines().filter(|line| *line == word).count();
    touch(&place, "log");
    touch(&place, "go");
    let a = agent(&place, &etcd, "a", "a.yaml");
    let b = agent(&place, &etcd, "b", "b.yaml");
    wait_until("the first sight counts as a change", || count("ended") == 1);
    wait_until("b is in order", || is_in_order(&place, "b"));
    stop(b);
    // While nobody listens.
    sender(&place, "two");
    wait_until("it is changed", || place.read("a/kept") == "two");
    let mut b = agent(&place, &etcd, "b", "b.yaml");
    wait_until("what was missed is made up for", || count("ended") == 2);
    wait_until("b is in order", || is_in_order(&place, "b"));

    // It is seen, and being acted on, and then the process dies.
    std::fs::remove_file(place.path("go")).unwrap();
    sender(&place, "three");
    wait_until("it is being acted on", || count("begun") == 3);
    b.kill();
    touch(&place, "go");
    assert_eq!(count("ended"), 2);
    let b = agent(&place, &etcd, "b", "b.yaml");
    wait_until("it is acted on again", || count("ended") == 3);
    wait_until("b is in order", || is_in_order(&place, "b"));
    // And a restart of either brings about nothing.
    stop(b);
    stop(a);
    let a = agent(&place, &etcd, "a", "a.yaml");
    let b = agent(&place, &etcd, "b", "b.yaml");
    wait_until("both are in order", || is_in_order(&place, "a") && is_in_order(&place, "b"));
    assert_eq!(count("ended"), 3);
    [a, b].into_iter().for_each(stop);
}
