//! Making, joining and leaving a cluster. Each host is a prefix and a loopback address of its own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use homeostat_cluster::identity::{Certificate, ClusterDir, HOST_LIFETIME, Identity};
use homeostat_cluster::join::JoinString;
use homeostat_cluster::testing::{EtcdServer, etcd_is_installed};

use super::place::{Done, Place, Running, wait_until};

/// Hosts that share a store.
pub(crate) struct Hosts {
    pub(crate) place: Place,
    etcd: Option<EtcdServer>,
}

impl Hosts {
    /// The store is their own; none where etcd is not installed.
    pub(crate) fn new() -> Option<Self> {
        etcd_is_installed().then(Self::at_rest)
    }

    fn at_rest() -> Self {
        let place = Place::new();
        place.write("site.yaml", "graph: g\nresources:\n  noop:\n  - name: a\n");
        Self { place, etcd: None }
    }

    /// With a store that somebody else runs; none where etcd is not installed.
    fn with_etcd() -> Option<Self> {
        let etcd = EtcdServer::start()?;
        Some(Self { etcd: Some(etcd), ..Self::at_rest() })
    }

    pub(crate) fn cluster(&self, host: &str, args: &[&str]) -> Done {
        self.place.homeostat(&[&["cluster", "--prefix", &prefix(host)], args].concat())
    }

    pub(crate) fn init(&self, host: &str) -> Done {
        self.cluster(host, &["init", "--hostname", host, "--listen", &address(host)])
    }

    /// Starts the agent of a host, and waits until commands and others reach it.
    pub(crate) fn start(&self, host: &str) -> Running {
        let mut args = vec!["run", "-v", "--prefix"];
        let (prefix, url) = (prefix(host), self.etcd.as_ref().map(EtcdServer::url));
        args.extend([&*prefix, "DIR/site.yaml"]);
        args.extend(url.iter().flat_map(|url| ["--etcd", url]));
        let agent = self.place.start(&args);
        wait_until("its socket is there", || self.place.path(&format!("{host}/prefix/socket")).exists());
        let at = format!("{}:7420", address(host));
        wait_until("other agents reach it", || std::net::TcpStream::connect(&at).is_ok());
        agent
    }

    /// A join string of a member, once the store knows it.
    pub(crate) fn token(&self, member: &str, args: &[&str]) -> String {
        let mut token = String::new();
        wait_until("there is a token", || {
            let done = self.cluster(member, &[&["token"], args].concat());
            token = done.stdout.lines().last().unwrap_or_default().to_owned();
            done.code == Some(0) && token.parse::<JoinString>().is_ok_and(|given| !given.addresses.is_empty())
        });
        token
    }

    pub(crate) fn join(&self, host: &str, token: &str) -> Done {
        let prefix = prefix(host);
        let listen = address(host);
        let args = ["cluster", "--prefix", &prefix, "join", "-", "--hostname", host, "--listen", &listen];
        self.place.homeostat_with_stdin(&args, token)
    }

    pub(crate) fn file(&self, host: &str, name: &str) -> String {
        self.place.read(&format!("{host}/prefix/cluster/{name}"))
    }
}

fn prefix(host: &str) -> String {
    format!("DIR/{host}/prefix")
}

/// An address that no other test uses at the same time, whether each has a process or a thread of its own.
pub(crate) fn address(host: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (std::process::id(), std::thread::current().name()).hash(&mut hasher);
    let [high, low, ..] = hasher.finish().to_be_bytes();
    format!("127.{}.{low}.{}", high.clamp(1, 254), host.as_bytes()[0])
}

/// Every key and every file, with its mode.
fn closed(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if path.is_dir() {
            closed(&path);
        }
    }
}

fn keys_of(hosts: &Hosts, host: &str) -> Vec<String> {
    let keys = ["host.key", "authority.key"].map(|name| hosts.file(host, name));
    keys.iter()
        .flat_map(|key| key.lines().filter(|line| !line.starts_with("---")))
        .map(str::to_owned)
        .collect()
}

fn count(pem: &str) -> usize {
    Certificate::all_of(pem).map_or(0, |all| all.len())
}

fn end(agents: impl IntoIterator<Item = Running>) -> Vec<String> {
    let end = |agent: Running| {
        agent.signal("TERM");
        let done = agent.finish();
        done.ends_with(0);
        done.stderr
    };
    agents.into_iter().map(end).collect()
}

#[test]
fn a_host_joins_with_the_token_of_another_and_no_secret_is_seen() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    let agent = hosts.start("a");
    let token = hosts.token("a", &[]);
    hosts.join("b", &token).ends_with(0);
    for host in ["a", "b"] {
        closed(&hosts.place.path(&format!("{host}/prefix/cluster")));
    }
    assert_eq!(hosts.file("a", "authority.pem"), hosts.file("b", "authority.pem"));
    assert_eq!(hosts.file("b", "authority.key"), "");
    let known = hosts.place.json("b/prefix/cluster/cluster.json");
    assert_eq!((&known["host"], &known["member"]), (&"b".into(), &false.into()));
    assert_eq!(known["members"][0]["host"], "a");
    let member = hosts.token("a", &["--member"]);
    hosts.join("c", &member).ends_with(0);
    assert_eq!(hosts.file("a", "authority.key"), hosts.file("c", "authority.key"));
    let said = end([agent]).concat();
    assert!(said.contains("`b` at 127.0.0.1 has joined"), "{said}");
    let secret = token.parse::<JoinString>().unwrap().secret;
    let secrets = [keys_of(&hosts, "a"), keys_of(&hosts, "b"), vec![secret.reveal().into(), token]].concat();
    assert!(secrets.iter().all(|secret| !secret.is_empty() && !said.contains(secret)), "{said}");
}

#[test]
fn a_host_that_was_alone_takes_its_values_along() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    let agent = hosts.start("a");
    let kv = |host: &str, args: &[&str]| {
        hosts.place.homeostat(&[&["kv", "--prefix", &prefix(host)], args].concat())
    };
    kv("b", &["put", "mine", "1"]).ends_with(0);
    kv("b", &["put", "both", "ours"]).ends_with(0);
    let token = hosts.token("a", &[]);
    kv("a", &["put", "both", "theirs"]).ends_with(0);
    let (prefix, listen) = (prefix("b"), address("b"));
    let join =
        ["cluster", "--prefix", &prefix, "join", "-", "--import-kv", "--hostname", "b", "--listen", &listen];
    let done = hosts.place.homeostat_with_stdin(&join, &token);
    assert!(done.ends_with(1).stderr.contains("the cluster has another value: both"), "{done:#?}");
    assert_eq!(kv("a", &["get", "mine"]).stdout, "1");
    assert_eq!(kv("a", &["get", "both"]).stdout, "theirs");
    end([agent]);
}

#[test]
fn whoever_is_not_admitted_learns_why_and_it_is_logged() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    let agent = hosts.start("a");
    let good: JoinString = hosts.token("a", &["--uses", "9"]).parse().unwrap();
    let used = hosts.token("a", &[]);
    hosts.join("b", &used).ends_with(0);
    let wrong = JoinString { secret: homeostat_cluster::identity::Secret::new("guess"), ..good.clone() };
    let elsewhere =
        JoinString { authority: homeostat_cluster::identity::Fingerprint::of(b"other"), ..good.clone() };
    let late = hosts.token("a", &["--ttl", "1s"]);
    let made = std::time::Instant::now();
    wait_until("the token has ended", || made.elapsed() > std::time::Duration::from_secs(2));
    for (host, token, why) in [
        ("c", late, "the token has expired"),
        ("c", used, "the token has been used up"),
        ("c", wrong.reveal(), "the secret is wrong"),
        ("c", elsewhere.reveal(), "UnknownIssuer"),
        ("c", good.reveal().replace("homeostat1-e", "homeostat1-x"), "damaged"),
        ("c", "hello".into(), "a join string begins with"),
    ] {
        let done = hosts.join(host, &token);
        assert!(done.stderr.contains(why), "{why}: {done:#?}");
        assert!(!hosts.place.path("c/prefix/cluster/cluster.json").exists());
    }
    let taken = |host: &str, listen: &str| {
        let args =
            ["cluster", "--prefix", "DIR/x/prefix", "join", "-", "--hostname", host, "--listen", listen];
        hosts.place.homeostat_with_stdin(&args, &good.reveal()).ends_with(1).stderr.clone()
    };
    let name = taken("b", &address("x"));
    assert!(name.contains("there is a host `b` already"), "{name}");
    let place = taken("x", &address("b"));
    assert!(place.contains("the host `b` listens at"), "{place}");
    let again = hosts.join("b", &good.reveal());
    assert!(again.ends_with(2).stderr.contains("holds an identity already"), "{again:#?}");
    // By now it has tried so often that nothing is looked at any more.
    wait_until("it tried too often", || {
        hosts.join("c", &wrong.reveal()).stderr.contains("too many attempts")
    });
    let said = end([agent]).concat();
    for why in ["`c` at 127.0.0.1 was not admitted: the secret is wrong", "was not let in"] {
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_touched() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.cluster("a", &["token"]).ends_with(1);
    hosts.cluster("a", &["leave"]).ends_with(2);
    for args in [
        &["init", "--hostname", "root"][..],
        &["init", "--hostname", "a b"],
        &["init", "--hostname", "a", "--listen", "nowhere"],
        &["token", "--ttl", "1"],
        &["token", "--uses", "0"],
        &["join", "hello"],
    ] {
        hosts.cluster("a", args).ends_with(2);
    }
    assert!(!hosts.place.path("a").exists());
    hosts.init("a").ends_with(0);
    let before = hosts.file("a", "authority.key");
    hosts.init("a").ends_with(2);
    assert_eq!(hosts.file("a", "authority.key"), before);
    let run = ["run", "--once", "--prefix", "DIR/a/prefix", "--hostname", "b", "DIR/site.yaml"];
    let done = hosts.place.homeostat(&run);
    assert!(done.ends_with(2).stderr.contains("this host is `a`, not `b`"), "{done:#?}");
    // Without the cluster it may have any name.
    hosts.place.homeostat(&[&run[..], &["--no-cluster"]].concat()).ends_with(0);
    std::fs::write(hosts.place.path("a/prefix/cluster/host.pem"), "nonsense").unwrap();
    let run = ["run", "--once", "--prefix", "DIR/a/prefix", "DIR/site.yaml"];
    hosts.place.homeostat(&run).ends_with(2);
}

#[test]
fn only_members_let_others_in_and_everybody_knows_where_they_are() {
    let Some(hosts) = Hosts::with_etcd() else { return };
    hosts.init("a").ends_with(0);
    let mut agents = vec![hosts.start("a")];
    hosts.join("b", &hosts.token("a", &[])).ends_with(0);
    agents.push(hosts.start("b"));
    let done = hosts.cluster("b", &["token"]);
    assert!(done.ends_with(1).stderr.contains("this host is no member"), "{done:#?}");
    // A join string that names only the host that is no member.
    let given: JoinString = hosts.token("a", &[]).parse().unwrap();
    let at = format!("{}:7420", address("b")).parse().unwrap();
    let detour = JoinString { addresses: vec![at], ..given };
    hosts.join("c", &detour.reveal()).ends_with(0);
    end(agents);
}

#[test]
fn a_host_that_leaves_or_is_removed_is_refused_from_then_on() {
    let Some(hosts) = Hosts::with_etcd() else { return };
    hosts.init("a").ends_with(0);
    let mut agents = vec![hosts.start("a")];
    let token = hosts.token("a", &["--uses", "3"]);
    for host in ["b", "c"] {
        hosts.join(host, &token).ends_with(0);
    }
    hosts.cluster("a", &["remove", "nobody"]).ends_with(1);
    hosts.join("m", &hosts.token("a", &["--member"])).ends_with(0);
    let knowing = hosts.cluster("a", &["remove", "m"]);
    assert!(knowing.ends_with(0).stderr.contains("has had the authority's key"), "{knowing:#?}");
    let last = hosts.cluster("a", &["remove", "a"]);
    assert!(last.ends_with(1).stderr.contains("the only one that may be a member"), "{last:#?}");
    let removed = hosts.start("b");
    hosts.cluster("a", &["remove", "b"]).ends_with(0);
    let own = Certificate::all_of(&hosts.file("b", "host.pem")).unwrap().remove(0);
    for host in ["a", "b"] {
        let known = || hosts.file(host, "cluster.json").contains(own.serial().as_str());
        wait_until("it is refused", known);
    }
    let said = end([removed]).concat();
    assert!(said.contains("this host was removed from the cluster"), "{said}");
    // It keeps its identity, which opens nothing any more.
    hosts.cluster("b", &["leave"]).ends_with(1);
    hosts.cluster("b", &["leave", "--force"]).ends_with(0);
    assert!(!hosts.place.path("b/prefix/cluster").exists());
    hosts.cluster("c", &["leave"]).ends_with(0);
    assert!(!hosts.place.path("c/prefix/cluster").exists());
    // The name is free again.
    hosts.join("c", &token).ends_with(0);
    agents.push(hosts.start("c"));
    let said = end(agents).concat();
    assert!(said.contains("`c` has left the cluster"), "{said}");
}

#[test]
fn a_certificate_of_which_two_thirds_are_over_renews_itself() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    let dir = ClusterDir::below(&hosts.place.path("a/prefix"));
    let (authority, identity) = (dir.authority().unwrap().unwrap(), dir.load().unwrap().unwrap());
    let then = SystemTime::now() - HOST_LIFETIME * 2 / 3;
    let aged = Identity::first(&authority, identity.settings, then).unwrap();
    dir.create(&aged, Some(&authority.files()), &[]).unwrap();
    let agent = hosts.start("a");
    wait_until("its certificates are new", || {
        let now = dir.load().unwrap().unwrap();
        [now.certificates.host, now.certificates.server]
            .iter()
            .all(|text| Certificate::all_of(text).unwrap()[0].renewal_due() > SystemTime::now())
    });
    // The same key, and others are let in as before.
    assert_eq!(hosts.file("a", "host.key"), aged.key.reveal());
    hosts.join("b", &hosts.token("a", &[])).ends_with(0);
    end([agent]);
}

#[test]
fn a_new_authority_reaches_every_host_and_the_old_one_can_be_dropped() {
    let Some(hosts) = Hosts::with_etcd() else { return };
    hosts.init("a").ends_with(0);
    let mut agents = vec![hosts.start("a")];
    hosts.join("b", &hosts.token("a", &["--member"])).ends_with(0);
    hosts.join("c", &hosts.token("a", &[])).ends_with(0);
    agents.extend([hosts.start("b"), hosts.start("c")]);
    let before = ["a", "b", "c"].map(|host| hosts.file(host, "host.pem"));
    let old_token = hosts.token("a", &[]);
    hosts.cluster("b", &["authority", "renew"]).ends_with(0);
    for (host, before) in ["a", "b", "c"].iter().zip(before) {
        wait_until("it has new certificates and trusts both", || {
            count(&hosts.file(host, "authority.pem")) == 2 && hosts.file(host, "host.pem") != before
        });
    }
    wait_until("both members can sign", || {
        hosts.file("a", "authority.key") == hosts.file("b", "authority.key")
    });
    // What was made before still lets a host in: the old authority is shown too.
    hosts.join("d", &old_token).ends_with(0);
    hosts.cluster("a", &["authority", "renew", "--drop-older"]).ends_with(0);
    for host in ["a", "b", "c"] {
        wait_until("it trusts one", || count(&hosts.file(host, "authority.pem")) == 1);
    }
    hosts.join("e", &hosts.token("b", &[])).ends_with(0);
    assert!(!hosts.place.path("b/prefix/cluster/authority.next").exists());
    end(agents);
}

#[test]
fn a_first_host_without_etcd_is_told_to_install_it() {
    let place = Place::new();
    std::fs::create_dir(place.path("bin")).unwrap();
    let init = |prefix: &str| {
        let args = ["cluster", "init", "--hostname", "a", "--listen", "127.0.0.1", "--prefix", prefix];
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_homeostat"))
            .args(args)
            .current_dir(place.path(""))
            .env("PATH", place.path("bin"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(init("without").contains("no `etcd` in PATH"));
    place.write("bin/etcd", "");
    assert!(!init("with").contains("no `etcd`"));
}
