//! Hosts of a cluster: each has a prefix, a directory of managed files, and an agent that can be killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use homeostat_cluster::identity::ClusterDir;
use homeostat_cluster::testing::network::{Networks, address};
use homeostat_cluster::{EtcdOptions, EtcdStore};
use homeostat_engine::Store;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::runtime::Builder;

/// Longer than anything here takes on a busy machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(90);

const BINARY: &str = env!("CARGO_BIN_EXE_homeostat");

pub(crate) struct Rig {
    dir: TempDir,
    pub(crate) networks: Networks,
    agents: Vec<Option<Child>>,
    /// How far the clocks of hosts are off.
    clocks: BTreeMap<usize, (&'static str, PathBuf)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A rig, or an end of the test where there cannot be one.
macro_rules! rig {
    ($hosts:expr) => {
        match $crate::rig::Rig::new($hosts) {
            Some(rig) => rig,
            None => return,
        }
    };
}
pub(crate) use rig;

pub(crate) fn name(host: usize) -> String {
    format!("h{host}")
}

impl Rig {
    /// So many hosts, counted from 1, that know nothing of each other. Each keeps a file.
    pub(crate) fn new(hosts: usize) -> Option<Self> {
        let networks = Networks::new(hosts)?;
        let mut dir = tempfile::Builder::new().prefix("homeostat-cluster-").tempdir().unwrap();
        // For whoever looks for what went wrong.
        dir.disable_cleanup(std::env::var_os("HOMEOSTAT_KEEP").is_some());
        let rig = Self { dir, networks, agents: (0..hosts).map(|_| None).collect(), clocks: BTreeMap::new() };
        (1..=hosts).for_each(|host| rig.declare(host, ""));
        Some(rig)
    }

    /// Puts the clock of what we run on a host off by so much, if that can be done. Its etcd has the right one: it asks the
    /// kernel itself.
    pub(crate) fn set_clock(&mut self, host: usize, off: &'static str) -> bool {
        let places = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
        let mut libraries = places.map(|place| place.join("faketime/libfaketime.so.1"));
        let library = libraries.find(|library| library.exists());
        library.map(|library| self.clocks.insert(host, (off, library))).is_some()
    }

    /// A cluster of so many hosts, all of which may be members, and all of them run.
    pub(crate) fn cluster(hosts: usize) -> Option<Self> {
        let mut rig = Self::new(hosts)?;
        rig.grow(hosts);
        Some(rig)
    }

    /// Makes the cluster on the first host, and lets the others in.
    pub(crate) fn grow(&mut self, hosts: usize) {
        self.init();
        self.start(1, &[]);
        let token = self.token(1, &["--member", "--uses", "9"]);
        for host in 2..=hosts {
            self.join(host, &token).ends_with(0);
            self.start(host, &[]);
        }
    }

    pub(crate) fn init(&self) {
        let listen = address(1);
        self.run(1, &["cluster", "init", "--hostname", "h1", "--listen", &listen]).ends_with(0);
    }

    pub(crate) fn join(&self, host: usize, token: &str) -> Done {
        let (name, listen) = (name(host), address(host));
        self.run(host, &["cluster", "join", token, "--hostname", &name, "--listen", &listen])
    }

    /// A join string, once the store is there.
    pub(crate) fn token(&self, host: usize, args: &[&str]) -> String {
        let mut token = String::new();
        self.until("there is a token", |rig| {
            let done = rig.run(host, &[&["cluster", "token"], args].concat());
            token = done.stdout.lines().last().unwrap_or_default().to_owned();
            let given = token.parse::<homeostat_cluster::join::JoinString>();
            done.code == Some(0) && given.is_ok_and(|given| !given.addresses.is_empty())
        });
        token
    }

    /// What a host declares, beside a file of its own that is always there.
    pub(crate) fn declare(&self, host: usize, more: &str) {
        let dir = self.host(host);
        std::fs::create_dir_all(dir.join("files")).unwrap();
        let own = format!("  file:\n  - {{name: own, path: DIR/own, content: kept on {}}}\n", name(host));
        let text = format!("graph: site\nresources:\n{own}{more}");
        std::fs::write(dir.join("site.yaml"), text.replace("DIR", dir.to_str().unwrap())).unwrap();
    }

    /// Starts the agent of a host.
    pub(crate) fn start(&mut self, host: usize, args: &[&str]) {
        let command = self.command(host);
        self.start_by(command, host, args);
    }

    /// The same, with programs from these directories alone.
    pub(crate) fn start_with_path(&mut self, host: usize, path: &str) {
        let mut command = self.at(host);
        command.args(["env", &format!("PATH={path}"), BINARY]);
        self.start_by(command, host, &[]);
    }

    fn start_by(&mut self, mut command: Command, host: usize, args: &[&str]) {
        let dir = self.host(host);
        let log = |name: &str| File::options().create(true).append(true).open(dir.join(name)).unwrap();
        let agent = command
            .args(["run", "-v", "--events", "events", "site.yaml", "--prefix", "prefix"])
            .args(args)
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn()
            .unwrap();
        self.agents[host - 1] = Some(agent);
    }

    /// Whether the agent of a host was started and not ended.
    pub(crate) fn lives(&self, host: usize) -> bool {
        self.agents[host - 1].is_some()
    }

    /// Starts one that follows releases.
    pub(crate) fn follow(&mut self, host: usize) {
        let log = |name| File::options().create(true).append(true).open(self.host(host).join(name)).unwrap();
        let mut command = self.command(host);
        command.args(["agent", "-v", "--prefix", "prefix"]).stdout(log("out")).stderr(log("err"));
        self.agents[host - 1] = Some(command.spawn().unwrap());
    }

    /// Ends the agent of a host at once; its etcd ends with it.
    pub(crate) fn kill(&mut self, host: usize) {
        let mut agent = self.agents[host - 1].take().unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self, host: usize) {
        let mut agent = self.agents[host - 1].take().unwrap();
        assert!(Command::new("kill").arg(agent.id().to_string()).status().unwrap().success());
        self.until(&format!("the agent of {} ends", name(host)), |_| agent.try_wait().unwrap().is_some());
    }

    /// Runs a command of ours on a host, with its prefix.
    pub(crate) fn run(&self, host: usize, args: &[&str]) -> Done {
        let output = self.command(host).args(args).args(["--prefix", "prefix"]).output().unwrap();
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn command(&self, host: usize) -> Command {
        let mut command = self.at(host);
        if let Some((off, library)) = self.clocks.get(&host) {
            command.env("LD_PRELOAD", library).env("FAKETIME", off);
        }
        command.arg(BINARY);
        command
    }

    /// What ends with us, in the directory of a host.
    fn at(&self, host: usize) -> Command {
        let mut command = self.networks.command(host);
        command
            .args(["setpriv", "--pdeathsig", "KILL"])
            .current_dir(self.host(host))
            .env("HOME", self.host(host))
            .stdin(Stdio::null());
        command
    }

    /// The store as a host may ask it.
    pub(crate) fn store(&self, host: usize) -> EtcdStore {
        EtcdStore::new(self.store_options(host)).unwrap()
    }

    /// The same, asking one member and nobody else.
    pub(crate) fn store_at(&self, host: usize, member: usize) -> EtcdStore {
        let urls = vec![format!("https://{}:7421", address(member))];
        EtcdStore::new(EtcdOptions { urls, ..self.store_options(host) }).unwrap()
    }

    fn store_options(&self, host: usize) -> EtcdOptions {
        let identity = ClusterDir::below(&self.host(host).join("prefix"));
        let urls = (1..=self.agents.len()).map(|host| format!("https://{}:7421", address(host)));
        identity.store_options(urls)
    }

    /// Tells when the store answers, from now on, whoever asks it on a host and knows nothing of it: anew each time, without waits.
    pub(crate) fn answers(&self, host: usize) -> Receiver<Instant> {
        let (sender, told) = channel();
        let (options, enter) = (self.store_options(host), self.networks.entrance(host));
        std::thread::spawn(move || {
            enter();
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                loop {
                    let store = EtcdStore::new(options.clone()).unwrap();
                    let asked = tokio::time::timeout(Duration::from_millis(500), store.get("hosts/h1"));
                    if matches!(asked.await, Ok(Ok(Some(_)))) {
                        // Nobody may wait for it any more.
                        sender.send(Instant::now()).ok();
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        });
        told
    }

    /// The directory of a host.
    pub(crate) fn host(&self, host: usize) -> PathBuf {
        self.dir.path().join(name(host))
    }

    /// What a file of a host holds; empty when it is not there.
    pub(crate) fn read(&self, host: usize, file: &str) -> String {
        std::fs::read_to_string(self.host(host).join(file)).unwrap_or_default()
    }

    /// The names of the files that a host keeps for others and itself.
    pub(crate) fn files(&self, host: usize) -> Vec<String> {
        let found = std::fs::read_dir(self.host(host).join("files")).unwrap();
        let mut names: Vec<_> =
            found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    pub(crate) fn kv(&self, host: usize, args: &[&str]) -> Done {
        self.run(host, &[&["kv"], args].concat())
    }

    /// How the cluster stands, as a host sees it; null while it cannot be asked.
    pub(crate) fn status(&self, host: usize) -> Json {
        let done = self.run(host, &["cluster", "status", "--format", "json"]);
        serde_json::from_str(&done.stdout).unwrap_or_default()
    }

    /// The members that are well, as a host sees them, in the order of their names.
    pub(crate) fn members(&self, host: usize) -> Vec<String> {
        let status = self.status(host);
        let all = status["members"]["hosts"].as_array().cloned().unwrap_or_default();
        let well = all.iter().filter(|one| one["role"] == "member" && one["trouble"].is_null());
        let mut names: Vec<_> = well.map(|one| one["host"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Waits until these hosts are the members, as each of them sees it.
    pub(crate) fn until_members(&self, hosts: &[usize]) {
        let mut wanted: Vec<_> = hosts.iter().map(|host| name(*host)).collect();
        wanted.sort();
        for host in hosts {
            self.until(&format!("{} sees the members {wanted:?}", name(*host)), |rig| {
                rig.members(*host) == wanted
            });
        }
    }

    /// Removes the file of a host and waits for its repair.
    pub(crate) fn repair(&self, host: usize) {
        let own = self.host(host).join("own");
        std::fs::remove_file(&own).unwrap();
        self.until(&format!("{} repairs its file", name(host)), |rig| {
            rig.read(host, "own") == format!("kept on {}", name(host))
        });
    }

    #[track_caller]
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) -> Duration {
        let since = Instant::now();
        while !is_so(self) {
            if since.elapsed() > PATIENCE {
                let all: Vec<_> = (1..=self.agents.len()).map(|host| self.log(host)).collect();
                panic!("not in time: {what}\n{}", all.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        eprintln!("{what}: after {:.2?}", since.elapsed());
        since.elapsed()
    }

    /// The end of what a host said.
    fn log(&self, host: usize) -> String {
        let end = |file: &str| {
            let text = self.read(host, file);
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(25)..].join("\n")
        };
        let (out, err, etcd) = (end("out"), end("err"), end("prefix/cluster/etcd.log"));
        let status = self.run(host, &["cluster", "status"]);
        format!(
            "--- {}\n{out}\n{err}\n- etcd\n{etcd}\n- status\n{}{}",
            name(host),
            status.stdout,
            status.stderr
        )
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for agent in self.agents.iter_mut().flatten() {
            agent.kill().ok();
            agent.wait().ok();
        }
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}
