//! Several hosts on one machine: each with a network of its own, on one switch, with an agent that can be killed.
//!
//! The networks have no names, and agents end with who started them: nothing is left behind, however a test ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use homeostat_cluster::EtcdStore;
use homeostat_cluster::members::{self, Roster};
use homeostat_cluster::testing::network::{Networks, address};
use homeostat_engine::Store;
use homeostat_engine::store::keys;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::agent::{ORDERS, Orders, Task};
use super::authority::{Authority, options};

/// Longer than anything here takes on a busy machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    dir: TempDir,
    networks: Networks,
    hosts: Vec<Host>,
    /// As the first host, which is trusted with everything.
    pub(crate) store: EtcdStore,
    /// Keys of ours that were put and acknowledged.
    acknowledged: Vec<String>,
    quota_bytes: u64,
}

struct Host {
    agent: Option<Child>,
    zone: String,
    program: PathBuf,
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

fn url(host: usize) -> String {
    format!("https://{}:2379", address(host))
}

impl Rig {
    /// So many hosts, counted from 1, and no agent yet. This thread is at their switch from then on.
    pub(crate) fn new(hosts: usize) -> Option<Self> {
        let networks = Networks::new(hosts)?;
        let hosts: Vec<_> =
            (0..hosts).map(|_| Host { agent: None, zone: String::new(), program: "etcd".into() }).collect();
        let dir = tempfile::Builder::new().prefix("homeostat-rig-").tempdir().unwrap();
        let authority = Authority::new(&dir.path().join("certificates"));
        for at in 1..=hosts.len() {
            authority.sign(&name(at), &address(at));
        }
        let store = EtcdStore::new(options(authority.dir(), &name(1), &[url(1)])).unwrap();
        Some(Self { dir, networks, hosts, store, acknowledged: Vec::new(), quota_bytes: 1 << 30 })
    }

    /// The hosts lie in so many zones, in turn.
    pub(crate) fn in_zones(mut self, zones: usize) -> Self {
        for (at, host) in self.hosts.iter_mut().enumerate() {
            host.zone = format!("z{}", at % zones);
        }
        self
    }

    /// Above this size of its file, no member takes more.
    pub(crate) fn with_quota(mut self, bytes: u64) -> Self {
        self.quota_bytes = bytes;
        self
    }

    /// From its next start on, a host runs this for etcd.
    pub(crate) fn set_program(&mut self, host: usize, program: impl Into<PathBuf>) {
        self.hosts[host - 1].program = program.into();
    }

    /// Makes the first member on the first host, and lets these others in: each may be a member.
    pub(crate) async fn grow(&mut self, hosts: impl IntoIterator<Item = usize>) {
        self.launch(1, Task::Begin);
        self.until("the first member is elected", async |rig| rig.elected().await.is_some()).await;
        for host in hosts {
            self.admit(host).await;
        }
    }

    /// Nobody is replaced for being away or slow: for tests that are about who stays.
    pub(crate) async fn wait_for_those_who_are_away(&self) {
        members::set_grace(&self.store, 600).await.unwrap();
    }

    /// Lets a host in that may be a member, and starts it.
    pub(crate) async fn admit(&mut self, host: usize) {
        self.until(&format!("{} is let in", name(host)), async |rig| {
            let etcd = rig.store.administration();
            members::add_host(&etcd, &name(host)).await.is_ok()
                && members::add_member(&etcd, &name(host)).await.is_ok()
        })
        .await;
        self.launch(host, Task::Run);
    }

    /// Starts the agent of a host.
    pub(crate) fn launch(&mut self, host: usize, task: Task) {
        let dir = self.dir.path().join(name(host));
        std::fs::create_dir_all(&dir).unwrap();
        let orders = Orders {
            host: name(host),
            address: address(host),
            zone: self.hosts[host - 1].zone.clone(),
            certificates: self.dir.path().join("certificates"),
            dir: self.cluster_dir(host),
            urls: self.store.urls(),
            task,
            program: self.hosts[host - 1].program.clone(),
            quota_bytes: self.quota_bytes,
        };
        let file = dir.join("orders");
        std::fs::write(&file, serde_json::to_vec(&orders).unwrap()).unwrap();
        let log = File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let agent = self
            .networks
            .command(host)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "agent::agent_of_the_rig", "--nocapture"])
            .env(ORDERS, &file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.hosts[host - 1].agent = Some(agent);
    }

    /// Ends the agent of a host at once; its etcd ends with it.
    pub(crate) fn kill(&mut self, host: usize) {
        if let Some(mut agent) = self.hosts[host - 1].agent.take() {
            agent.kill().unwrap();
            agent.wait().unwrap();
        }
    }

    /// Waits until the agent of a host ends by itself.
    pub(crate) async fn wait(&mut self, host: usize) {
        let mut agent = self.hosts[host - 1].agent.take().unwrap();
        let since = Instant::now();
        let status = loop {
            if let Some(status) = agent.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < PATIENCE, "the agent of {host} does not end");
            sleep(Duration::from_millis(50)).await;
        };
        assert!(status.success(), "{}", self.log(host));
    }

    /// Takes a host off the switch, and puts it back.
    pub(crate) fn cut(&self, host: usize) {
        self.networks.cut(host);
    }

    pub(crate) fn heal(&self, host: usize) {
        self.networks.heal(host);
    }

    /// Where the test keeps what is of no host.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where a host keeps its part.
    pub(crate) fn cluster_dir(&self, host: usize) -> PathBuf {
        self.dir.path().join(name(host)).join("cluster")
    }

    /// The store, asking nobody but one host.
    pub(crate) fn store_at(&self, host: usize) -> EtcdStore {
        EtcdStore::new(options(&self.dir.path().join("certificates"), &name(1), &[url(host)])).unwrap()
    }

    /// The members, as everybody is told.
    pub(crate) async fn roster(&self) -> Roster {
        let entry = self.store.get(keys::CLUSTER_MEMBERS).await.ok().flatten();
        entry.and_then(|entry| serde_json::from_slice(&entry.value[1..]).ok()).unwrap_or_default()
    }

    /// The hosts that are members, by their numbers.
    pub(crate) async fn members(&self) -> Vec<usize> {
        let roster = self.roster().await;
        let urls = roster.client_urls();
        if !urls.is_empty() {
            self.store.set_urls(urls).unwrap();
        }
        let mut hosts: Vec<_> = roster
            .seats
            .iter()
            .filter(|seat| seat.votes)
            .map(|seat| seat.host[1..].parse().unwrap())
            .collect();
        hosts.sort_unstable();
        hosts
    }

    /// Who is elected.
    pub(crate) async fn elected(&self) -> Option<usize> {
        let entry = self.store.get(keys::CLUSTER_ELECTED).await.ok()??;
        let host: String = serde_json::from_slice(&entry.value[1..]).ok()?;
        host[1..].parse().ok()
    }

    /// Puts one value more, and remembers it if that was acknowledged.
    async fn write(&mut self) {
        let key = format!("kv/one/{}", self.acknowledged.len());
        if self.store.put(&key, key.as_bytes(), None).await.is_ok() {
            self.acknowledged.push(key);
        }
    }

    /// Everything that was acknowledged is there.
    pub(crate) async fn assert_no_write_was_lost(&self) {
        assert!(!self.acknowledged.is_empty());
        for key in &self.acknowledged {
            let found = self.store.get(key).await.unwrap();
            assert_eq!(&*found.unwrap_or_else(|| panic!("{key} is lost")).value, key.as_bytes());
        }
    }

    /// Waits until there are so many members, all of hosts whose agents run, and nothing more is to be done. Writes meanwhile.
    pub(crate) async fn until_whole(&mut self, size: usize) {
        self.until(&format!("there are {size} members that are well"), async |rig| {
            rig.write().await;
            let members = rig.members().await;
            let step = rig.store.get(keys::CLUSTER_STEP).await;
            let run = |host: &usize| rig.hosts[host - 1].agent.is_some();
            members.len() == size
                && members.iter().all(run)
                && rig.roster().await.seats.len() == size
                && step == Ok(None)
        })
        .await;
    }

    pub(crate) async fn until(&mut self, what: &str, mut is_so: impl AsyncFnMut(&mut Self) -> bool) {
        let since = Instant::now();
        while !is_so(self).await {
            if since.elapsed() > PATIENCE {
                let logs: Vec<_> = (1..=self.hosts.len()).map(|host| self.log(host)).collect();
                panic!("not in time: {what}; the members are {:?}\n{}", self.roster().await, logs.join("\n"));
            }
            sleep(Duration::from_millis(50)).await;
        }
        eprintln!("{what}: after {:.1?}", since.elapsed());
    }

    /// The end of what a host said.
    fn log(&self, host: usize) -> String {
        let end = |file: PathBuf| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(12)..].join("\n")
        };
        let (agent, etcd) =
            (end(self.dir.path().join(name(host)).join("log")), end(self.cluster_dir(host).join("etcd.log")));
        format!("--- {}\n{agent}\n- its etcd\n{etcd}", name(host))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        (1..=self.hosts.len()).for_each(|host| self.kill(host));
    }
}
