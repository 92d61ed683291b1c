//! The agent of one host of the rig: this same program, started again in the host's network.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::EtcdStore;
use homeostat_cluster::members::{self, MembersConfig, Membership};
use homeostat_engine::Store;
use homeostat_engine::store::keys;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::authority::{candidacy, options, times};

/// Names the file with what the agent is to do.
pub(crate) const ORDERS: &str = "HOMEOSTAT_RIG_ORDERS";
/// How long a host that says nothing is held to be there.
const PRESENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) host: String,
    pub(crate) address: String,
    pub(crate) zone: String,
    pub(crate) certificates: PathBuf,
    /// Its part of the prefix.
    pub(crate) dir: PathBuf,
    /// Where it was told to find the others.
    pub(crate) urls: Vec<String>,
    pub(crate) task: Task,
    /// Which etcd it runs.
    pub(crate) program: PathBuf,
    pub(crate) quota_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Makes the first member, then runs.
    Begin,
    Run,
    /// Goes on from the last member, then ends.
    Recover,
}

/// Not a test: an agent, when the rig starts one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agent_of_the_rig() {
    let Some(orders) = std::env::var_os(ORDERS) else { return };
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).unwrap();
    let orders: Orders = serde_json::from_slice(&std::fs::read(Path::new(&orders)).unwrap()).unwrap();
    let mut candidacy = candidacy(&orders.certificates, &orders.host, &orders.address, (2379, 2380));
    candidacy.zone = orders.zone.clone();
    candidacy.server.program = orders.program;
    candidacy.server.quota_bytes = orders.quota_bytes;
    let mut urls = members::known_urls(&orders.dir);
    urls.extend(orders.urls.iter().filter(|url| !urls.contains(url)).cloned().collect::<Vec<_>>());
    let options = options(&orders.certificates, &orders.host, &urls);
    let begun = match orders.task {
        Task::Begin => Some(members::begin(&orders.host, &orders.dir, &candidacy, &options).await.unwrap()),
        Task::Recover => {
            members::recover(&orders.host, &orders.dir, &candidacy, &options).await.unwrap();
            return;
        }
        Task::Run => None,
    };
    let store = Arc::new(EtcdStore::new(options).unwrap());
    let config = MembersConfig {
        host: orders.host.clone(),
        dir: orders.dir,
        candidacy: Some(candidacy),
        times: times(),
    };
    let membership = Membership::start(config, store.clone(), begun).unwrap();
    let (mut condition, mut doing) = (membership.condition.clone(), membership.doing.clone());
    let say = async {
        loop {
            tokio::select! {
                Ok(()) = condition.changed() => eprintln!("server: {:?}", *condition.borrow_and_update()),
                Ok(()) = doing.changed() => eprintln!("doing: {:?}", *doing.borrow_and_update()),
            }
        }
    };
    let mut ended = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = ended.recv() => {}
        () = be_present(&store, &orders.host) => {}
        () = say => {}
    }
    membership.stop().await;
}

async fn be_present(store: &EtcdStore, host: &str) {
    loop {
        if let Ok(lease) = store.grant(PRESENCE).await
            && store.put(&keys::host(host), b"\x01", Some(lease)).await.is_ok()
        {
            while store.keep_alive(lease).await.is_ok() {
                sleep(PRESENCE / 3).await;
            }
        }
        sleep(Duration::from_millis(200)).await;
    }
}
