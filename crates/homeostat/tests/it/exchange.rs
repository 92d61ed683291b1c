//! Hosts that offer resources to each other through an etcd. Each host is a prefix, a name and a directory of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use homeostat_cluster::testing::EtcdServer;
use homeostat_cluster::{EtcdOptions, EtcdStore};
use homeostat_engine::Store;
use homeostat_engine::store::StoreError;

use super::place::{Done, Place, Running, wait_until};

/// Starts the agent of a host with its own text.
fn agent(place: &Place, etcd: &str, host: &str, more: &[&str]) -> Running {
    let prefix = format!("DIR/{host}/prefix");
    let (text, events) = (format!("DIR/{host}.yaml"), format!("DIR/{host}.events"));
    let all = ["run", "--prefix", &prefix, "--hostname", host, "--etcd", etcd, "--events", &events, &text];
    place.start(&[&all, more].concat())
}

fn ask(place: &Place, host: &str, command: &str) -> Done {
    place.homeostat(&[command, "--prefix", &format!("DIR/{host}/prefix"), "--format", "json"])
}

/// Files are there, directly in the directory of a host.
fn files(place: &Place, host: &str) -> Vec<String> {
    let found = std::fs::read_dir(place.path(&format!("{host}/files"))).into_iter().flatten();
    let mut names: Vec<String> =
        found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// Two files of its own and two that are offered to all; everybody's are collected.
fn demonstration(place: &Place, host: &str) {
    let mut text = "graph: demo\nresources:\n  file:\n".to_owned();
    for (at, mark) in [("1", ""), ("2", ""), ("3", "@@"), ("4", "@@")] {
        text.push_str(&format!(
            "  - name: '{mark}file{at}{host}'\n    path: DIR/{host}/files/f{at}{host}\n    content: i am f{at}, exported from host {host}\n"
        ));
    }
    text.push_str(&format!("collect:\n- kind: file\n  pattern: DIR/{host}/files/\n"));
    place.write(&format!("{host}.yaml"), &text);
    std::fs::create_dir_all(place.path(&format!("{host}/files"))).unwrap();
}

/// A host that exports files, all of which every other host may have.
fn exporter(place: &Place, host: &str, exports: &[(&str, &str)]) {
    let mut text = format!("graph: {host}\nresources:\n  noop:\n  - name: here\n");
    if !exports.is_empty() {
        text.push_str("  file:\n");
    }
    for (name, content) in exports {
        text.push_str(&format!(
            "  - name: '@@{name}'\n    path: DIR/{host}/files/{name}\n    content: {content}\n"
        ));
    }
    place.write(&format!("{host}.yaml"), &text);
}

/// A host that collects files and exports nothing.
fn collector(place: &Place, host: &str, more: &str) {
    let files = format!("DIR/{host}/files");
    place.write(
        &format!("{host}.yaml"),
        &format!("graph: {host}\ncollect:\n- kind: file\n  pattern: {files}/\n{more}"),
    );
    std::fs::create_dir_all(place.path(&format!("{host}/files"))).unwrap();
}

fn stop(agent: Running) {
    agent.signal("TERM");
    agent.finish();
}

fn said(place: &Place, host: &str, what: &str) -> bool {
    place.read(&format!("{host}.events")).contains(what)
}

#[test]
fn three_hosts_exchange_their_files_as_they_start_one_after_the_other() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    let hosts = ["a", "b", "c"];
    hosts.iter().for_each(|host| demonstration(&place, host));
    let count = || hosts.iter().map(|host| files(&place, host).len()).sum::<usize>();
    let mut running = Vec::new();
    for (at, host) in hosts.iter().enumerate() {
        let start = Instant::now();
        running.push(agent(&place, &etcd, host, &[]));
        wait_until("everybody has the files of everybody", || count() == [4, 12, 24][at]);
        eprintln!("host {host}: {} files after {:?}", count(), start.elapsed());
    }
    assert_eq!(files(&place, "a"), ["f1a", "f2a", "f3a", "f3b", "f3c", "f4a", "f4b", "f4c"]);
    assert_eq!(place.read("a/files/f3c"), "i am f3, exported from host c");
    // A collected file is kept like any other.
    std::fs::remove_file(place.path("a/files/f3c")).unwrap();
    wait_until("it is there again", || place.read("a/files/f3c") == "i am f3, exported from host c");
    let hosts = ask(&place, "b", "hosts").ends_with(0).json();
    let names: Vec<_> = hosts.as_array().unwrap().iter().map(|one| one["host"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    running.into_iter().for_each(stop);
}

#[test]
fn an_exchange_and_the_time_of_quiet_are_all_that_a_run_takes() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    ["a", "b", "c"].iter().for_each(|host| demonstration(&place, host));
    let others = ["a", "b"].map(|host| agent(&place, &etcd, host, &[]));
    wait_until("the others have settled", || files(&place, "a").len() + files(&place, "b").len() == 12);
    let start = Instant::now();
    agent(&place, &etcd, "c", &["--converged-timeout", "2"]).finish().ends_with(0);
    let took = start.elapsed();
    assert_eq!(files(&place, "c").len(), 8);
    eprintln!("ended {took:?} after its start");
    assert!(took >= Duration::from_secs(2), "{took:?}");
    others.into_iter().for_each(stop);
}

#[test]
fn exports_that_change_or_go_are_followed_and_those_of_a_host_that_dies_stay() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    exporter(&place, "a", &[("one", "first"), ("two", "first")]);
    collector(&place, "b", "");
    let mut exporting = agent(&place, &etcd, "a", &[]);
    let collecting = agent(&place, &etcd, "b", &[]);
    wait_until("both are there", || files(&place, "b") == ["one", "two"]);
    exporter(&place, "a", &[("one", "second")]);
    wait_until("the change is there", || place.read("b/files/one") == "second");
    // What is no longer collected is no longer kept, and not removed either.
    std::fs::remove_file(place.path("b/files/two")).unwrap();
    exporter(&place, "a", &[("one", "third"), ("three", "new")]);
    wait_until("what is new is there", || files(&place, "b") == ["one", "three"]);

    exporting.kill();
    std::fs::remove_file(place.path("b/files/one")).unwrap();
    wait_until("what a dead host exported is kept", || place.read("b/files/one") == "third");
    // A restart of either side changes nothing.
    stop(collecting);
    std::fs::remove_file(place.path("b/files/three")).unwrap();
    let collecting = agent(&place, &etcd, "b", &["--once"]);
    collecting.finish().ends_with(0);
    assert_eq!(files(&place, "b"), ["one", "three"]);
    // An end in order withdraws nothing either; the next catalog does.
    exporter(&place, "a", &[]);
    agent(&place, &etcd, "a", &["--once"]).finish().ends_with(0);
    let left =
        place.homeostat(&["plan", "--prefix", "DIR/b/prefix", "--hostname", "b", "--etcd", &etcd, "b.yaml"]);
    assert!(left.ends_with(0).stdout.contains("0 resources"), "{left:#?}");
}

#[test]
fn with_noop_nothing_is_exported_and_what_would_be_collected_is_shown() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    exporter(&place, "a", &[("one", "text")]);
    collector(&place, "b", "");
    agent(&place, &etcd, "a", &["--once", "--noop"]).finish().ends_with(0);
    agent(&place, &etcd, "b", &["--once"]).finish().ends_with(0);
    assert_eq!(files(&place, "b"), [""; 0]);
    agent(&place, &etcd, "a", &["--once"]).finish().ends_with(0);
    let plan =
        place.homeostat(&["plan", "--prefix", "DIR/b/prefix", "--hostname", "b", "--etcd", &etcd, "b.yaml"]);
    assert!(plan.ends_with(1).stdout.contains("file[one]"), "{plan:#?}");
    assert_eq!(files(&place, "b"), [""; 0]);
}

#[test]
fn an_etcd_that_is_away_takes_nothing_away_and_the_exchange_resumes() {
    let Some(mut server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    exporter(&place, "a", &[("one", "first")]);
    collector(&place, "b", "");
    let exporting = agent(&place, &etcd, "a", &[]);
    let collecting = agent(&place, &etcd, "b", &[]);
    wait_until("it is there", || files(&place, "b") == ["one"]);
    server.kill();
    std::fs::remove_file(place.path("b/files/one")).unwrap();
    wait_until("it is there again", || place.read("b/files/one") == "first");
    exporter(&place, "a", &[("one", "second")]);
    // A restart while cut off keeps what was collected.
    stop(collecting);
    std::fs::remove_file(place.path("b/files/one")).unwrap();
    let collecting = agent(&place, &etcd, "b", &[]);
    wait_until("it is there after a restart", || place.read("b/files/one") == "first");
    wait_until("the status says so", || ask(&place, "b", "status").json()["exchange"]["cut_off"].is_string());
    server.start_again();
    let back = Instant::now();
    wait_until("the change is there", || place.read("b/files/one") == "second");
    eprintln!("caught up {:?} after the store came back", back.elapsed());
    wait_until("the status says so", || ask(&place, "b", "status").json()["exchange"]["cut_off"].is_null());
    [exporting, collecting].into_iter().for_each(stop);
}

#[test]
fn a_wrong_or_conflicting_export_fails_alone() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    exporter(&place, "a", &[("one", "text"), ("both", "of a"), ("same", "text"), ("mine", "of a")]);
    // Files of the same id and content wherever they are collected.
    exporter(&place, "c", &[("both", "of c"), ("same", "text"), ("two", "text")]);
    let declared = "resources:\n  file:\n  - {name: mine, path: DIR/b/files/mine, content: of b}\n";
    collector(&place, "b", declared);
    for host in ["a", "c"] {
        agent(&place, &etcd, host, &["--once"]).finish().ends_with(0);
    }
    let collecting = agent(&place, &etcd, "b", &[]);
    wait_until("what is right is there", || files(&place, "b") == ["mine", "one", "same", "two"]);
    wait_until("the conflict is said", || {
        said(&place, "b", "file[both] is exported by a and by c with different")
    });
    assert!(said(&place, "b", "file[mine], exported by a, is declared on b with different content"));
    assert_eq!(place.read("b/files/mine"), "of b");

    let put = |key: &str, value: &str| put_raw(&server, key, value);
    put("exports/x/file/no-json", "\u{1}{");
    put("exports/x/file/other-form", "\u{2}{}");
    put("exports/x/file/unknown-param", "\u{1}{\"params\":{\"contnet\":\"x\"}}");
    put("exports/x/file/no-base", "\u{1}{\"params\":{\"path\":\"/tmp/..\",\"content\":\"x\"}}");
    put("exports/x/nonsense/name", "\u{1}{\"params\":{}}");
    put("exports/x/file/right", "\u{1}{\"params\":{\"path\":\"/x/right\",\"content\":\"x\"}}");
    wait_until("what is right is there", || place.read("b/files/right") == "x");
    for name in ["no-json", "other-form", "unknown-param", "no-base"] {
        wait_until("it is said", || said(&place, "b", &format!("file[{name}], exported by x, is not taken")));
    }
    let status = ask(&place, "b", "status").ends_with(0).json();
    assert_eq!(status["exchange"]["left_out"].as_array().unwrap().len(), 6, "{status:#}");
    // Mended, it is taken.
    exporter(&place, "c", &[("same", "text"), ("two", "text")]);
    agent(&place, &etcd, "c", &["--once"]).finish().ends_with(0);
    wait_until("one is left of the two", || place.read("b/files/both") == "of a");
    stop(collecting);
}

#[test]
fn commands_are_collected_only_from_hosts_that_are_named() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    for host in ["a", "evil"] {
        place.write(
            &format!("{host}.yaml"),
            &format!("graph: g\nresources:\n  exec:\n  - {{name: '@@run-{host}', cmd: touch DIR/ran-{host}, shell: /bin/sh}}\n"),
        );
        agent(&place, &etcd, host, &["--once"]).finish().ends_with(0);
    }
    place.write("b.yaml", "graph: g\ncollect:\n- {kind: exec}\n");
    agent(&place, &etcd, "b", &["--once"]).finish().ends_with(0);
    assert!(!place.path("ran-a").exists() && !place.path("ran-evil").exists());
    place.write("b.yaml", "graph: g\ncollect:\n- {kind: exec, from: [a]}\n");
    agent(&place, &etcd, "b", &["--once"]).finish().ends_with(0);
    assert!(place.path("ran-a").exists() && !place.path("ran-evil").exists());
}

#[test]
fn nothing_that_is_collected_leaves_its_directory() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    collector(&place, "b", "");
    std::fs::create_dir_all(place.path("outside/dir")).unwrap();
    place.write("outside/file", "untouched");
    place.write("outside/dir/file", "untouched");
    // Links that lie in the directory already, where collected things of the same names go.
    for (name, to) in [("link", "outside/file"), ("dirlink", "outside/dir")] {
        std::os::unix::fs::symlink(place.path(to), place.path(&format!("b/files/{name}"))).unwrap();
    }
    let export = |name: &str, params: &str| {
        put_raw(&server, &format!("exports/x/file/{name}"), &format!("\u{1}{{\"params\":{{{params}}}}}"));
    };
    export("up", &place.fill(r#""path":"/x/../../outside/up","content":"x""#));
    export("dots", r#""path":"/x/..","content":"x""#);
    export("base", &place.fill(r#""basename":"../../outside/base","content":"x""#));
    export("link", r#""path":"/x/link","content":"x""#);
    export("dirlink", r#""path":"/x/dirlink/","recurse":true,"purge":true,"force":true,"mode":"0777""#);
    export("through", &place.fill(r#""path":"/x/dirlink/file","content":"x""#));
    export("last", r#""path":"/x/last","content":"x""#);
    let before = |place: &Place| {
        let all = place.everything();
        all.into_iter().filter(|path| path.starts_with(place.path("outside"))).collect::<Vec<PathBuf>>()
    };
    let there = before(&place);
    agent(&place, &etcd, "b", &["--converged-timeout", "0"]).finish();
    assert_eq!(place.read("b/files/last"), "x");
    assert_eq!(before(&place), there);
    assert_eq!(place.read("outside/file"), "untouched");
    assert_eq!(place.read("outside/dir/file"), "untouched");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(place.path("outside/dir")).unwrap().permissions().mode();
    assert_ne!(mode & 0o777, 0o777);
}

#[test]
fn secrets_are_sealed_to_those_they_are_for_and_to_those_who_come_later() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write(
        "a.yaml",
        "graph: a\nresources:\n  file:\n  - {name: '@@secret', path: DIR/a/secret, content: !sensitive hunter2-hunter2}\n",
    );
    collector(&place, "b", "");
    collector(&place, "c", "");
    let exporting = agent(&place, &etcd, "a", &[]);
    let collecting = agent(&place, &etcd, "b", &[]);
    wait_until("b can read it", || place.read("b/files/secret") == "hunter2-hunter2");
    let stored = get_raw(&server, "exports/a/file/secret");
    assert!(stored.contains("sealed") && !stored.contains("hunter2"), "{stored}");
    let later = agent(&place, &etcd, "c", &[]);
    wait_until("c can read it", || place.read("c/files/secret") == "hunter2-hunter2");
    // What is sealed already is not written again.
    let stored = get_raw(&server, "exports/a/file/secret");
    stop(exporting);
    agent(&place, &etcd, "a", &["--once"]).finish().ends_with(0);
    assert_eq!(get_raw(&server, "exports/a/file/secret"), stored);
    [collecting, later].into_iter().for_each(stop);
    let key = std::fs::metadata(place.path("b/prefix/sealing.key")).unwrap();
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    for host in ["a", "b", "c"] {
        assert!(!said(&place, host, "hunter2"));
    }
}

#[test]
fn an_export_that_is_too_large_is_named_and_the_others_go_out() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    let large = "x".repeat(1 << 20);
    exporter(&place, "a", &[("large", &large), ("small", "text")]);
    collector(&place, "b", "");
    agent(&place, &etcd, "a", &["--once"]).finish().ends_with(0);
    assert!(said(&place, "a", "file[large] is not exported"));
    agent(&place, &etcd, "b", &["--once"]).finish().ends_with(0);
    assert_eq!(files(&place, "b"), ["small"]);
}

#[test]
fn edges_and_values_reach_collected_resources_once_they_are_there() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("a.yaml", "graph: a\nresources:\n  value:\n  - {name: '@@port', any: '8080'}\n");
    place.write(
        "b.yaml",
        "graph: b\nresources:\n  file:\n  - name: conf\n    path: DIR/b/conf\n    \
         recv: {content: {kind: value, name: port, key: any}}\n  - {name: free, path: DIR/b/free, content: x}\n\
         collect:\n- kind: value\n",
    );
    std::fs::create_dir_all(place.path("b")).unwrap();
    let collecting = agent(&place, &etcd, "b", &[]);
    wait_until("the rest is there", || place.read("b/free") == "x");
    assert!(!place.path("b/conf").exists());
    agent(&place, &etcd, "a", &["--once"]).finish().ends_with(0);
    wait_until("the value has arrived", || place.read("b/conf").contains("8080"));
    stop(collecting);
}

#[test]
fn a_collected_resource_that_would_close_a_circle_is_left_out_alone() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("a.yaml", "graph: a\nresources:\n  noop:\n  - name: '@@x'\n  - name: '@@y'\n");
    place.write(
        "b.yaml",
        "graph: b\nresources:\n  noop:\n  - {name: t, before: 'noop[x]', depend: 'noop[x]'}\ncollect:\n- kind: noop\n",
    );
    agent(&place, &etcd, "a", &["--once"]).finish().ends_with(0);
    agent(&place, &etcd, "b", &["--once", "--report", "DIR/report.json"]).finish().ends_with(0);
    assert!(said(&place, "b", "noop[x], exported by a, is not taken"), "{}", place.read("b.events"));
    let report = place.json("report.json");
    let ids: Vec<_> =
        report["resources"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["noop[t]", "noop[y]"]);
}

#[test]
fn a_run_can_wait_for_every_live_host() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("a.yaml", "graph: a\nresources:\n  noop:\n  - name: x\n");
    place.write(
        "b.yaml",
        "graph: b\nresources:\n  exec:\n  - {name: slow, cmd: 'until test -e DIR/go; do sleep 0.05; done', shell: /bin/sh}\n",
    );
    let slow = agent(&place, &etcd, "b", &[]);
    wait_until("b is known", || {
        let hosts = place.homeostat(&["hosts", "--etcd", &etcd]);
        hosts.stdout.contains("b     yes    no")
    });
    let waiting = agent(&place, &etcd, "a", &["--converged-timeout", "1", "--cluster-converged"]);
    wait_until("a has settled", || said(&place, "a", r#""event":"settled""#));
    wait_until("both are known", || {
        let hosts = place.homeostat(&["hosts", "--etcd", &etcd]).stdout;
        hosts.contains("a     yes    yes") && hosts.contains("b     yes    no")
    });
    place.write("go", "");
    waiting.finish().ends_with(0);
    let end = Instant::now();
    wait_until("a host that ended is not alive", || {
        place.homeostat(&["hosts", "--etcd", &etcd]).stdout.contains("a     no")
    });
    eprintln!("not alive {:?} after its end", end.elapsed());
    stop(slow);
    place.homeostat(&["status", "--prefix", "DIR/b/prefix"]).ends_with(1);
}

/// Asks the store as no agent would.
fn raw<T>(server: &EtcdServer, ask: impl AsyncFnOnce(EtcdStore) -> Result<T, StoreError>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { ask(EtcdStore::new(EtcdOptions::new([server.url()])).unwrap()).await.unwrap() })
}

fn put_raw(server: &EtcdServer, key: &str, value: &str) {
    raw(server, async |store| store.put(key, value.as_bytes(), None).await);
}

fn get_raw(server: &EtcdServer, key: &str) -> String {
    let entry = raw(server, async |store| store.get(key).await).unwrap();
    String::from_utf8(entry.value.to_vec()).unwrap()
}
