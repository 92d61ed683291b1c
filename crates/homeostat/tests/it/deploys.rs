//! Releases from an operator to agents that share an etcd. Each host is a prefix, a name and a directory of its own.

use std::os::unix::fs::MetadataExt;

use homeostat_cluster::testing::EtcdServer;
use homeostat_cluster::{EtcdOptions, EtcdStore};
use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Operation, StoreError, keys};
use serde_json::Value as Json;

use super::place::{Done, Place, Running, wait_until};

const PUBLIC: &str = "DIR/home/.config/homeostat/operator.pub";

/// An operator, and hosts that trust him.
struct Fleet {
    place: Place,
    server: EtcdServer,
}

impl Fleet {
    fn new(hosts: &[&str]) -> Option<Self> {
        let server = EtcdServer::start()?;
        let place = Place::new();
        place.homeostat(&["operator", "init", "--name", "ann"]).ends_with(0);
        for host in hosts {
            let prefix = format!("DIR/{host}/prefix");
            place.homeostat(&["operator", "trust", "--prefix", &prefix, PUBLIC]).ends_with(0);
            std::fs::create_dir_all(place.path(&format!("{host}/files"))).unwrap();
        }
        Some(Self { place, server })
    }

    fn agent(&self, host: &str) -> Running {
        let prefix = format!("DIR/{host}/prefix");
        let etcd = self.server.url();
        let own = ["agent", "--prefix", &prefix, "--hostname", host, "--etcd", &etcd, "--fleet", "test"];
        self.place.start_logging(&own, &format!("{host}.log"))
    }

    fn agents(&self, hosts: &[&str]) -> Vec<Running> {
        let agents = hosts.iter().map(|host| self.agent(host)).collect();
        wait_until("all are seen", || hosts.iter().all(|host| self.summary(host)["deploy"] == 0));
        agents
    }

    /// A command of the operator's.
    fn operator(&self, args: &[&str]) -> Done {
        let etcd = self.server.url();
        let common = ["--prefix", "DIR/operator", "--etcd", &etcd, "--fleet", "test"];
        self.place.homeostat(&[args, &common].concat())
    }

    /// Releases a text for each host: the files in its directory.
    fn deploy(&self, hosts: &[&str], files: &[(&str, &str)], more: &[&str]) -> Done {
        let inputs: Vec<String> = hosts.iter().map(|host| format!("DIR/{host}.yaml")).collect();
        for host in hosts {
            let mut text = format!("graph: {host}\nhosts: [{host}]\nresources:\n  file:\n");
            for (name, content) in files {
                text.push_str(&format!("  - name: DIR/{host}/files/{name}\n    content: {content}\n"));
            }
            self.place.write(&format!("{host}.yaml"), &text);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.operator(&[&["deploy"], &inputs[..], more].concat())
    }

    fn summary(&self, host: &str) -> Json {
        let hosts = self.place.homeostat(&["hosts", "--etcd", &self.server.url(), "--format", "json"]);
        let hosts = hosts.ends_with(0).json();
        let host = hosts.as_array().unwrap().iter().find(|one| one["host"] == host).cloned();
        host.map(|host| host["summary"].clone()).unwrap_or_default()
    }

    fn read(&self, host: &str, name: &str) -> String {
        self.place.read(&format!("{host}/files/{name}"))
    }

    /// Asks the store as no operator would.
    fn raw<T>(&self, ask: impl AsyncFnOnce(EtcdStore) -> Result<T, StoreError>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = EtcdOptions::new([self.server.url()]);
        runtime.block_on(async { ask(EtcdStore::new(options).unwrap()).await.unwrap() })
    }

    fn stored(&self, number: u64) -> Vec<u8> {
        let key = keys::deploy(number);
        self.raw(async |store| store.get(&key).await).unwrap().value.to_vec()
    }

    fn lose(&self, number: u64) {
        let delete = Operation::Delete(keys::deploy(number).into());
        let done = self.raw(async |store| store.transaction(Vec::new(), vec![delete]).await);
        assert!(matches!(done, Commit::Done(_)));
    }

    fn store(&self, number: u64, value: &[u8]) {
        let key = keys::deploy(number);
        self.raw(async |store| store.put(&key, value, None).await);
    }
}

fn stop(agent: Running) -> Done {
    agent.signal("TERM");
    agent.finish()
}

#[test]
fn hosts_take_releases_live_and_a_change_by_hand_shows() {
    let hosts = ["a", "b", "c"];
    let Some(fleet) = Fleet::new(&hosts) else { return };
    let agents = fleet.agents(&hosts);
    let first = fleet.deploy(&hosts, &[("one", "first"), ("two", "same")], &["--wait", "--timeout", "15"]);
    assert_eq!(first.ends_with(0).stdout, "1\n");
    assert_eq!(hosts.map(|host| fleet.read(host, "one")), ["first"; 3]);
    let inode = |host: &str| std::fs::metadata(fleet.place.path(&format!("{host}/files/two"))).unwrap().ino();
    let inodes = hosts.map(inode);

    // By hand, repaired and told.
    assert_eq!(fleet.summary("a")["tainted"], false);
    fleet.place.write("a/files/one", "by hand");
    wait_until("it is repaired", || fleet.read("a", "one") == "first");
    wait_until("it shows", || fleet.summary("a")["tainted"] == true);
    assert_eq!(fleet.summary("b")["tainted"], false);

    let second = fleet.deploy(&hosts, &[("one", "second"), ("two", "same")], &["--wait", "--timeout", "15"]);
    assert_eq!(second.ends_with(0).stdout, "2\n");
    assert_eq!(hosts.map(|host| fleet.read(host, "one")), ["second"; 3]);
    assert_eq!(hosts.map(inode), inodes, "what is the same is not touched");
    wait_until("a new release clears it", || fleet.summary("a")["tainted"] == false);

    let list = fleet.operator(&["deploys", "list", "--format", "json"]).ends_with(0).json();
    assert_eq!((&list[0]["hosts"], &list[1]["hosts"]), (&0.into(), &3.into()));
    assert_eq!(list[1]["signed_by"], "ann");
    let diff = fleet.operator(&["deploys", "diff", "1", "2"]);
    assert!(diff.ends_with(1).stdout.contains("content: second"), "{diff:#?}");
    fleet.operator(&["deploys", "show", "2"]).ends_with(0);

    let back = fleet.operator(&["deploys", "rollback", "--wait", "--timeout", "15"]);
    assert_eq!(back.ends_with(0).stdout, "3\n");
    assert_eq!(hosts.map(|host| fleet.read(host, "one")), ["first"; 3]);
    for agent in agents {
        stop(agent).ends_with(0);
    }
}

#[test]
fn what_does_not_check_is_refused_and_logged_once_and_the_last_good_one_goes_on() {
    let Some(fleet) = Fleet::new(&["a"]) else { return };
    let mut agents = fleet.agents(&["a"]);
    fleet.deploy(&["a"], &[("one", "first")], &["--wait", "--timeout", "15"]).ends_with(0);
    let good = fleet.stored(1);

    // One bit of what is signed.
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fleet.store(2, &flipped);
    // An older release under a new number.
    fleet.store(3, &good);
    // For another cluster.
    fleet
        .place
        .write("x.yaml", "graph: x\nresources:\n  file:\n  - {name: DIR/a/files/one, content: other}\n");
    let etcd = fleet.server.url();
    let other = ["deploy", "--etcd", &etcd, "--fleet", "other", "DIR/x.yaml"];
    assert_eq!(fleet.place.homeostat(&other).ends_with(0).stdout, "4\n");
    // By somebody else.
    fleet.place.homeostat(&["operator", "init", "--name", "eve", "--key", "DIR/eve.key"]).ends_with(0);
    let eve = fleet.operator(&["deploy", "--key", "DIR/eve.key", "DIR/x.yaml"]);
    assert_eq!(eve.ends_with(0).stdout, "5\n");
    // Nothing at all.
    fleet.store(6, b"");
    // What is there when a good one comes is not looked at any more.
    let is_refused = |number| fleet.place.read("a.log").contains(&keys::deploy(number));
    wait_until("all of them are refused", || (2..=6).all(is_refused));
    // Nothing is released that would be refused.
    fleet.place.write("bad.yaml", "graph: x\nresources:\n  file:\n  - {name: /x, contnet: y}\n");
    fleet.operator(&["deploy", "DIR/bad.yaml"]).ends_with(2);

    std::fs::remove_file(fleet.place.path("a/files/one")).unwrap();
    wait_until("the first goes on", || fleet.read("a", "one") == "first");
    fleet.deploy(&["a"], &[("one", "good")], &["--wait", "--timeout", "15"]).ends_with(0);
    assert_eq!(fleet.read("a", "one"), "good");
    // What was seen is not taken again, whatever the store says.
    for number in 1..=7 {
        let key = keys::deploy(number);
        let delete = vec![homeostat_engine::store::Operation::Delete(key.into())];
        fleet.raw(async |store| store.transaction(Vec::new(), delete).await.map(drop));
    }
    fleet.store(1, &good);
    std::fs::remove_file(fleet.place.path("a/files/one")).unwrap();
    wait_until("the last one goes on", || fleet.read("a", "one") == "good");

    stop(agents.remove(0)).ends_with(0);
    let log = fleet.place.read("a.log");
    for (number, why) in [
        (2, "signature is wrong"),
        (3, "it is number 1"),
        (4, "cluster `other`"),
        (5, "signed by nobody"),
        (6, "form"),
    ] {
        let key = keys::deploy(number);
        let said: Vec<&str> = log.lines().filter(|line| line.contains(&key)).collect();
        assert_eq!(said.len(), 1, "{number}: {log}");
        assert!(said[0].contains(why), "{number}: {log}");
    }
}

#[test]
fn a_canary_that_fails_stops_the_rollout() {
    let hosts = ["a", "b", "c"];
    let Some(fleet) = Fleet::new(&hosts) else { return };
    let agents = fleet.agents(&hosts);
    let wait = ["--wait", "--timeout", "18"];
    fleet.deploy(&hosts, &[("one", "first")], &wait).ends_with(0);
    // In a directory that is not there.
    let staged = [&wait[..], &["--canary", "1"]].concat();
    let failed = fleet.deploy(&hosts, &[("one", "second"), ("none/x", "y")], &staged);
    assert!(failed.ends_with(1).stderr.contains("failed on"), "{failed:#?}");
    let took = || hosts.iter().filter(|host| fleet.summary(host)["deploy"] == 2).count();
    assert_eq!(took(), 1);
    assert_eq!(hosts.iter().filter(|host| fleet.read(host, "one") == "second").count(), 1);

    // With the operator's word hosts go back by themselves, and the command puts the release before it back.
    fleet.deploy(&hosts, &[("one", "third")], &wait).ends_with(0);
    let staged = [&staged[..], &["--rollback-on-failure"]].concat();
    let failed = fleet.deploy(&hosts, &[("one", "fourth"), ("none/x", "y")], &staged);
    assert!(failed.ends_with(1).stderr.contains("release 3 is released again as 5"), "{failed:#?}");
    wait_until("all have it", || hosts.iter().all(|host| fleet.summary(host)["deploy"] == 5));
    assert_eq!(hosts.map(|host| fleet.read(host, "one")), ["third"; 3]);
    agents.into_iter().for_each(|agent| drop(stop(agent)));
}

#[test]
fn a_program_that_asks_the_world_has_not_arrived_before_it_is_answered() {
    let hosts = ["a", "b"];
    let Some(fleet) = Fleet::new(&hosts) else { return };
    let agents = fleet.agents(&hosts);
    let wait = ["--wait", "--timeout", "60"];
    fleet.deploy(&hosts, &[("one", "first")], &wait).ends_with(0);
    let release = |text: &str, more: &[&str]| {
        fleet.place.write("site.mcl", &format!("import \"os\"\n\n{text}"));
        fleet.operator(&[&["deploy", "DIR/site.mcl"], &wait[..], more].concat())
    };
    let took = |number: u64| hosts.iter().filter(|host| fleet.summary(host)["deploy"] == number).count();

    // What it says is refused: what ran before goes on.
    let wrong = "file \"DIR/${hostname}/files/one\" {\n\tstate => \"exists\",\n\tcontent => \"second\",\n\
        \tmode => os.system(\"sleep 1; printf wrong\"),\n}\n";
    let refused = release(wrong, &[]);
    assert!(refused.ends_with(1).stderr.contains("failed on"), "{refused:#?}");
    assert_eq!(took(2), 0);
    std::fs::remove_file(fleet.place.path("a/files/one")).unwrap();
    wait_until("the first goes on", || fleet.read("a", "one") == "first");

    // What it says cannot be done: the canary is not in order with it at any time.
    let failing = "file \"DIR/${hostname}/files/one\" {\n\tstate => \"exists\",\n\
        \tcontent => os.system(\"sleep 1; printf third\"),\n}\n\
        file \"DIR/${hostname}/none/x\" {\n\tstate => \"exists\",\n\tcontent => \"y\",\n}\n";
    let failed = release(failing, &["--canary", "1"]);
    assert!(failed.ends_with(1).stderr.contains("failed on"), "{failed:#?}");
    assert_eq!(took(3), 1);
    assert_eq!(hosts.iter().filter(|host| fleet.read(host, "one") == "third").count(), 1);
    agents.into_iter().for_each(|agent| drop(stop(agent)));
}

#[test]
fn a_host_that_nothing_was_released_for_keeps_nobody_waiting() {
    let Some(fleet) = Fleet::new(&["a"]) else { return };
    let agent = fleet.agents(&["a"]).remove(0);
    fleet.place.write("x.yaml", "graph: x\nresources:\n  file:\n  - {name: DIR/x, content: x}\n");
    let etcd = fleet.server.url();
    let run = ["run", "--prefix", "DIR/b", "--hostname", "b", "--etcd", &etcd, "--converged-timeout", "0"];
    let whole = ["--cluster-converged", "--max-runtime", "60", "DIR/x.yaml"];
    fleet.place.homeostat(&[&run[..], &whole].concat()).ends_with(0);
    drop(stop(agent));
}

#[test]
fn an_agent_begins_with_what_it_took_last_while_the_store_is_away() {
    let Some(mut fleet) = Fleet::new(&["a"]) else { return };
    let mut agents = fleet.agents(&["a"]);
    fleet.place.write("files/motd", "hello");
    let source = "graph: a\nresources:\n  file:\n  - name: DIR/a/files/motd\n    source: DIR/a/prefix/release/files/motd\n";
    fleet.place.write("a.yaml", source);
    let with = ["deploy", "DIR/a.yaml", "--with", "files", "--wait", "--timeout", "15"];
    fleet.operator(&with).ends_with(0);
    assert_eq!(fleet.read("a", "motd"), "hello");
    agents.remove(0).kill();
    fleet.server.kill();
    std::fs::remove_file(fleet.place.path("a/files/motd")).unwrap();
    // It was killed when the link led to the next one already.
    let link = fleet.place.path("a/prefix/release");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("deploys/0000000002/files", &link).unwrap();
    let agent = fleet.agent("a");
    wait_until("it is there again", || fleet.read("a", "motd") == "hello");
    // The store comes back with something newer.
    fleet.server.start_again();
    fleet.place.write("files/motd", "hello again");
    fleet.operator(&with).ends_with(0);
    assert_eq!(fleet.read("a", "motd"), "hello again");
    stop(agent).ends_with(0);
}

#[test]
fn a_number_is_not_given_twice_while_a_host_has_it_and_where_it_was_that_shows() {
    let Some(fleet) = Fleet::new(&["a"]) else { return };
    let agent = fleet.agents(&["a"]).remove(0);
    let deploy = |text: &str| fleet.deploy(&["a"], &[("f", text)], &["--wait", "--timeout", "60"]);
    deploy("one").ends_with(0);
    let one = fleet.stored(1);
    // The store comes back without it.
    fleet.lose(1);
    assert_eq!(deploy("two").ends_with(0).stdout, "2\n");
    assert_eq!(fleet.read("a", "f"), "two");
    // And once more, while nobody is there who knows.
    stop(agent).ends_with(0);
    fleet.lose(2);
    fleet.store(1, &one);
    assert_eq!(fleet.deploy(&["a"], &[("f", "other")], &[]).ends_with(0).stdout, "2\n");
    let agent = fleet.agent("a");
    wait_until("it is refused", || fleet.summary("a")["deploy_failed"] == 2);
    let summary = fleet.summary("a");
    assert_eq!(summary["deploy"], 2);
    assert!(summary["why"].to_string().contains("another release 2 was taken here"), "{summary}");
    assert_eq!(fleet.read("a", "f"), "two");
    assert_eq!(deploy("three").ends_with(0).stdout, "3\n");
    assert_eq!(fleet.read("a", "f"), "three");
    stop(agent).ends_with(0);
}

#[test]
fn operators_change_by_the_word_of_an_operator() {
    let Some(fleet) = Fleet::new(&["a"]) else { return };
    let mut agents = fleet.agents(&["a"]);
    let key = ["--key", "DIR/bob.key"];
    fleet.place.homeostat(&[&["operator", "init", "--name", "bob"], &key[..]].concat()).ends_with(0);
    // Nobody adds himself.
    fleet.operator(&[&["operator", "add", "DIR/bob.pub"], &key[..]].concat()).ends_with(2);
    fleet.operator(&["operator", "add", "DIR/bob.pub"]).ends_with(0);
    fleet.place.write("a.yaml", "graph: a\nresources:\n  file:\n  - {name: DIR/a/files/one, content: bob}\n");
    let deploy = ["deploy", "DIR/a.yaml", "--wait", "--timeout", "15"];
    fleet.operator(&[&deploy[..], &key].concat()).ends_with(0);
    assert_eq!(fleet.read("a", "one"), "bob");
    fleet.operator(&["operator", "remove", "bob"]).ends_with(0);
    let listed = || fleet.place.homeostat(&["operator", "list", "--prefix", "DIR/a/prefix"]).stdout;
    wait_until("he is gone", || !listed().contains("bob"));
    assert!(listed().contains("ann"));
    stop(agents.remove(0)).ends_with(0);
}

#[test]
fn a_program_is_released_with_its_files_and_the_modules_that_were_fetched() {
    let Some(fleet) = Fleet::new(&["a"]) else { return };
    let place = &fleet.place;
    super::modules::prepare(place);
    let text = "import \"file://DIR/outer/\"\nimport \"lib/words.mcl\"\nimport \"deploy\"\n\n\
        if $hostname == \"a\" {\n\tfile \"DIR/a/files/out\" {\n\t\tstate => \"exists\",\n\
        \t\tcontent => $outer.text + $words.more + deploy.readfile(\"/files/note\"),\n\t}\n}\n";
    place.write("site/main.mcl", text);
    place.write("site/lib/words.mcl", "$more = \" and more, \"\n");
    place.write("site/files/note", "a note");
    let deploy = || fleet.operator(&["deploy", "site", "--wait", "--timeout", "60"]);
    deploy().ends_with(2);
    place.homeostat(&["module", "fetch", "--program", "site"]).ends_with(0);
    // Hosts have nothing of the operator's.
    let agents = fleet.agents(&["a"]);
    let release = deploy();
    for gone in ["home/.cache", "outer", "inner", "site"] {
        std::fs::remove_dir_all(place.path(gone)).unwrap();
    }
    release.ends_with(0);
    assert_eq!(fleet.read("a", "out"), "outer inner and more, a note");
    agents.into_iter().for_each(|agent| drop(stop(agent)));
}

#[test]
fn a_command_that_waits_ends_when_its_operator_is_removed_before_all_have_begun() {
    let hosts = ["a", "b"];
    let Some(fleet) = Fleet::new(&hosts) else { return };
    let agents = fleet.agents(&hosts);
    fleet.deploy(&hosts, &[("one", "first")], &["--wait", "--timeout", "15"]).ends_with(0);
    fleet.place.homeostat(&["operator", "init", "--name", "bob", "--key", "DIR/bob.key"]).ends_with(0);
    fleet.operator(&["operator", "add", "DIR/bob.pub"]).ends_with(0);

    // The first host is never done with it, so the other one waits for its turn.
    fleet.place.write(
        "slow.yaml",
        "graph: slow\nresources:\n  exec:\n  - {name: slow, cmd: sleep 600, shell: /bin/sh}\n",
    );
    let etcd = fleet.server.url();
    let waiting = fleet.place.start(&[
        "deploy",
        "DIR/slow.yaml",
        "--canary",
        "1",
        "--wait",
        "--prefix",
        "DIR/operator",
        "--etcd",
        &etcd,
        "--fleet",
        "test",
    ]);
    let begun = || hosts.iter().filter(|host| fleet.summary(host)["deploy"] == 2).count();
    wait_until("one has begun", || begun() == 1);
    // As a host that trusts ann, and so knows of bob.
    let prefix = ["--prefix", "DIR/a/prefix", "--etcd", &etcd, "--fleet", "test", "--key", "DIR/bob.key"];
    fleet.place.homeostat(&[&["operator", "remove", "ann"][..], &prefix].concat()).ends_with(0);
    let done = waiting.finish();
    assert!(done.ends_with(1).stderr.contains("since `ann` is no operator: not on "), "{done:#?}");
    assert_eq!(begun(), 1);
    for agent in agents {
        agent.signal("KILL");
    }
}
