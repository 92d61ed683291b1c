//! What the store says of the members, asked directly: it is watched while hosts die.

use std::time::Duration;

use homeostat_cluster::EtcdStore;
use homeostat_cluster::members::{Overview, Step, overview};
use homeostat_engine::Store;
use homeostat_engine::store::{Changed, WatchItem, Watching, keys};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::rig::Rig;

pub(crate) struct Eyes {
    runtime: Runtime,
    store: EtcdStore,
}

/// Who is elected, and the revision at which that came to be.
pub(crate) struct Elected {
    pub(crate) host: usize,
    pub(crate) revision: u64,
}

/// After a host was killed, its lease, the mandate of the elected one and a look at everything come before the next step.
const STEP_PATIENCE: Duration = Duration::from_secs(40);

/// The number of a host, from its name.
fn number(host: &str) -> usize {
    host[1..].parse().unwrap()
}

impl Eyes {
    pub(crate) fn open(rig: &Rig) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, store: rig.store(1) }
    }

    /// None while the store cannot be asked.
    fn overview(&self) -> Option<Overview> {
        self.runtime.block_on(overview(&self.store)).ok()
    }

    /// Waits until somebody is elected.
    pub(crate) fn elected(&self, rig: &Rig) -> usize {
        let mut elected = None;
        rig.until("somebody is elected", |_| {
            elected = self.overview().and_then(|overview| overview.elected);
            elected.is_some()
        });
        number(&elected.unwrap())
    }

    /// Waits until there are so many members, all of them well and among the hosts that live, and nothing is being changed.
    pub(crate) fn until_whole(&self, rig: &Rig, size: usize) -> Vec<usize> {
        let mut members = Vec::new();
        rig.until(&format!("there are {size} members, and all are well"), |rig| {
            let Some(overview) = self.overview() else { return false };
            members = overview.roster.seats.iter().map(|seat| number(&seat.host)).collect();
            members.sort_unstable();
            members.len() == size
                && overview.roster.seats.iter().all(|seat| seat.votes)
                && overview.unwell.is_empty()
                && overview.step.is_none()
                && members.iter().all(|host| rig.lives(*host))
        });
        members
    }

    /// The steps from now on.
    pub(crate) fn steps(&self) -> Watching {
        self.runtime.block_on(async {
            let (_, revision) = self.store.range(keys::CLUSTER_STEP).await.unwrap();
            self.store.watch(keys::CLUSTER_STEP, revision).await.unwrap()
        })
    }

    /// Waits until such a step is written down by one who was elected after that revision. None when the members change no more.
    pub(crate) fn until_step(
        &self,
        steps: &mut Watching,
        after: u64,
        is_it: impl Fn(&Step) -> bool,
    ) -> Option<Elected> {
        let written = async {
            while let Some(WatchItem::Changes(changes)) = steps.recv().await {
                for Changed { value, revision, .. } in changes {
                    let Some(step) = value else { continue };
                    let step: Step = serde_json::from_slice(&step[1..]).unwrap();
                    let Ok(Some(key)) = self.store.get(keys::CLUSTER_ELECTED).await else { continue };
                    if is_it(&step) && (after + 1..revision).contains(&key.mod_revision) {
                        let host = serde_json::from_slice::<String>(&key.value[1..]).unwrap();
                        return Elected { host: number(&host), revision: key.mod_revision };
                    }
                    eprintln!("written down: {step:?}");
                }
            }
            panic!("the watch is lost");
        };
        self.runtime.block_on(async { timeout(STEP_PATIENCE, written).await.ok() })
    }
}
