//! Hosts that share an etcd. Each host is a prefix and a name of its own.

use homeostat_cluster::testing::EtcdServer;

use super::place::{Place, Running, wait_until};

/// Starts the agent of a host.
fn agent(place: &Place, etcd: &str, host: &str, more: &[&str]) -> Running {
    let prefix = format!("DIR/{host}/prefix");
    let all = [&["run", "--prefix", &prefix, "--hostname", host, "--etcd", etcd], more].concat();
    place.start(&all)
}

#[test]
fn what_cannot_be_an_etcd_is_refused_before_anything_is_touched() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  noop:\n  - name: a\n");
    place.write("empty.pem", "");
    let before = place.everything();
    let https = "https://127.0.0.1:1";
    for (args, why) in [
        (&["--etcd", "10.0.0.1:2379"][..], "https://"),
        (&["--etcd", "http://10.0.0.1:2379"], "not encrypted"),
        (&["--etcd", "http://127.0.0.1:1,nonsense"], "nonsense"),
        (&["--etcd", https], "authority"),
        (&["--etcd", https, "--etcd-ca", "DIR/nowhere.pem"], "nowhere.pem: No such file"),
        (&["--etcd", https, "--etcd-ca", "DIR/empty.pem"], "holds no certificate"),
        (&["--etcd", https, "--etcd-ca", "DIR/empty.pem", "--etcd-key", "x"], "belong together"),
        (&["--etcd-key", "x"], "needs --etcd"),
    ] {
        for command in
            [&["run", "--prefix", "DIR/prefix", "site.yaml"][..], &["plan", "site.yaml"], &["kv", "list"]]
        {
            let done = place.homeostat(&[command, args].concat());
            assert!(done.ends_with(2).stderr.contains(why), "{why}: {done:#?}");
        }
    }
    let both = ["run", "--prefix", "DIR/prefix", "--no-cluster", "--etcd", "http://127.0.0.1:1", "site.yaml"];
    place.homeostat(&both).ends_with(2);
    assert_eq!(place.everything(), before);
}

#[test]
fn hosts_that_name_one_etcd_share_values() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("a.yaml", "graph: g\nresources:\n  kv:\n  - {name: a, key: greeting, value: hello}\n");
    place
        .write("b.yaml", "graph: g\nresources:\n  kv:\n  - {name: b, key: load, value: '1', mapped: true}\n");
    let first = agent(&place, &etcd, "alpha", &["DIR/a.yaml"]);
    let second = agent(&place, &etcd, "beta", &["DIR/b.yaml"]);
    let kv = |host: &str, args: &[&str]| {
        let prefix = format!("DIR/{host}/prefix");
        place.homeostat(&[&["kv", "--prefix", &prefix], args].concat())
    };
    for host in ["alpha", "beta"] {
        wait_until("the value is on both", || kv(host, &["get", "greeting"]).stdout == "hello");
    }
    // Without an agent too.
    let directly = |args: &[&str]| place.homeostat(&[&["kv", "--etcd", &etcd], args].concat());
    assert_eq!(directly(&["list"]).ends_with(0).stdout, "greeting = hello\n");

    // What a host has of its own is seen from everywhere.
    wait_until("the value of beta is there", || kv("alpha", &["get", "load", "--of", "beta"]).stdout == "1");
    assert_eq!(directly(&["list", "--each", "load"]).ends_with(0).stdout, "beta = 1\n");
    assert_eq!(kv("beta", &["list", "--each", "nothing"]).ends_with(0).stdout, "");

    let watch = place.start(&["kv", "--prefix", "DIR/beta/prefix", "watch"]);
    let direct_watch = place.start(&["kv", "--etcd", &etcd, "watch", "greet"]);
    let mut round = 0;
    // Changed on one host, repaired by the other.
    wait_until("both watches have seen a repair", || {
        round += 1;
        kv("beta", &["put", "greeting", &format!("other {round}")]).ends_with(0);
        wait_until("it is as declared again", || kv("beta", &["get", "greeting"]).stdout == "hello");
        round >= 3
    });
    for agent in [first, second] {
        agent.signal("TERM");
        agent.finish().ends_with(0);
    }
    let seen = watch.finish().stdout;
    assert!(seen.contains("greeting = other 3\ngreeting = hello\n"), "{seen}");
    direct_watch.signal("TERM");
    let seen = direct_watch.finish().stdout;
    assert!(seen.contains("greeting = other 3\ngreeting = hello\n"), "{seen}");

    place.write("a.yaml", "graph: g\nresources:\n  kv:\n  - {name: a, key: greeting, value: later}\n");
    let plan = place.homeostat(&["plan", "--prefix", "DIR/alpha/prefix", "--etcd", &etcd, "DIR/a.yaml"]);
    assert!(plan.ends_with(1).stdout.contains("hello -> later"), "{plan:#?}");
    // What each host has of its own, and nothing in the store of the prefix.
    let own = place.homeostat(&["kv", "--prefix", "DIR/alpha/prefix", "list"]);
    assert_eq!(own.ends_with(0).stdout, "");
}

#[test]
fn an_etcd_that_is_away_stops_nothing_else() {
    let Some(mut server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  file:\n  - {name: DIR/kept, content: text}\n  \
         kv:\n  - {name: a, key: greeting, value: hello}\n",
    );
    // It is away at the start.
    server.kill();
    let agent = agent(&place, &etcd, "alpha", &["--events", "DIR/events", "DIR/site.yaml"]);
    let event = |name: &str, id: &str| {
        let events = place.read("events");
        events.lines().filter(|line| line.contains(&format!(r#""id":"{id}","event":"{name}""#))).count()
    };
    wait_until("the file is there", || place.read("kept") == "text");
    wait_until("the value has failed", || event("failed", "kv[a]") > 0);
    assert!(place.read("events").contains("the store cannot be reached"));
    server.start_again();
    let get = || place.homeostat(&["kv", "--etcd", &etcd, "get", "greeting"]).stdout;
    wait_until("the value is there", || get() == "hello");

    // It goes away and comes back with another value.
    server.kill();
    std::fs::remove_file(place.path("kept")).unwrap();
    wait_until("the file is there again", || place.read("kept") == "text");
    server.start_again();
    wait_until("the value is changed", || {
        place.homeostat(&["kv", "--etcd", &etcd, "put", "greeting", "other"]).code == Some(0)
    });
    wait_until("the value is as declared", || get() == "hello");
    agent.signal("TERM");
    agent.finish().ends_with(0);
}

#[test]
fn the_end_of_a_run_does_not_wait_for_a_store_that_says_nothing() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  file:\n  - {name: DIR/kept, content: text}\n  \
         kv:\n  - {name: a, key: greeting, value: hello}\n",
    );
    server.freeze();
    let agent = agent(&place, &etcd, "alpha", &["DIR/site.yaml"]);
    wait_until("the file is there", || place.read("kept") == "text");
    let since = std::time::Instant::now();
    agent.signal("TERM");
    agent.finish();
    // It ends after half a second; the question that is under way would be given up after five.
    let took = since.elapsed();
    eprintln!("it ended after {took:.2?}");
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
    server.thaw();
}

#[test]
fn a_run_that_settles_once_says_that_the_store_is_away() {
    let place = Place::new();
    place.write("site.yaml", "graph: g\nresources:\n  kv:\n  - {name: a, key: greeting, value: hello}\n");
    let done = agent(&place, "http://127.0.0.1:1", "alpha", &["--once", "DIR/site.yaml"]).finish();
    assert!(done.ends_with(1).stdout.contains("http://127.0.0.1:1: Connection refused"), "{done:#?}");
}
