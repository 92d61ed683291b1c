//! Everything up to the start of an agent: what is wrong is refused here, before anything is touched.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use homeostat_cluster::EtcdStore;
use homeostat_cluster::deploys::blobs::Depot;
use homeostat_cluster::identity::{ClusterDir, HostName, Identity};
use homeostat_engine::{AbsPath, Registry, Store};

use super::{Prepared, RunArgs};
use crate::agent::{self, Cluster, HostArgs, Opened, Own, Part, Releases, Task};
use crate::catalog::{self, Read};
use crate::engine::{EngineOptions, Mode};
use crate::exit::refused;
use crate::fleet::{self, Fleet};
use crate::front::Pool;
use crate::inputs::Inputs;
use crate::mcl::Stores;
use crate::place::{self, Holder, Lock, Prefix, cluster, key, store};
use crate::terminal::Terminal;

/// How long a short command, such as `kv`, may hold the lock.
const PATIENCE: Duration = Duration::from_secs(2);
const BETWEEN: Duration = Duration::from_millis(10);

pub(in crate::commands) fn prepare(
    args: RunArgs,
    fleet: Option<Fleet>,
    terminal: &Terminal,
) -> anyhow::Result<Prepared> {
    let started = (SystemTime::now(), Instant::now());
    args.written.expect_places()?;
    let root = args.host.root()?;
    let ground = Ground::find(&args, fleet)?;
    let registry = catalog::registry();
    let (hostname, pool) = (ground.hostname.clone(), ground.pool());
    let mut inputs = Inputs::new(&args.input)?;
    let mut read = Read::inputs(&mut inputs, &registry, &hostname, pool);
    // The files of a program are known when it was read.
    args.written.expect_apart(&inputs)?;
    if read.is_refused() || !ground.may_have(&mut read, &registry, !args.limits.no_autoedges()) {
        read.show(terminal);
        return Err(read.refusal(terminal));
    }
    let lock = ground.lock()?;
    let known = ground.prefix.file("known");
    let (opened, releases) = ground.open(args.host, root, args.cluster.zone)?;
    if let Some(first) = releases.as_ref().and_then(Releases::first) {
        inputs = Inputs::of(&first.inputs);
        read = Read::inputs(&mut inputs, &registry, &hostname, pool);
    }
    let usual = args.limits.options();
    let options = EngineOptions {
        mode: if args.noop { Mode::Noop } else { Mode::Apply },
        keep_changes: args.written.report.is_some(),
        // Who settles once looks once: nothing that happens later is waited for.
        watch: !args.once,
        // Memory that the end gives back anyway.
        give_back: if args.once { || () } else { usual.give_back },
        known: Some(known),
        ..usual
    };
    let task = Task {
        hostname,
        inputs,
        releases,
        pool,
        registry,
        options,
        cluster_converged: args.cluster.cluster_converged,
        follow: !(args.no_watch || args.once),
        quiet_for: if args.once { Some(Duration::ZERO) } else { args.converged_timeout },
        at_most: args.max_runtime,
        graphviz: args.written.graphviz,
        report: args.written.report,
        events: args.written.events,
        started,
    };
    Ok(Prepared { task, opened, read, _lock: lock })
}

/// What an agent finds when it looks around.
struct Ground {
    prefix: Prefix,
    dir: ClusterDir,
    identity: Option<Identity>,
    hostname: Arc<str>,
    /// Whose releases are followed, if any are.
    fleet: Option<String>,
    /// The store that the hosts of our cluster run.
    own: Option<Arc<EtcdStore>>,
    /// The store that is shared, whoever runs it.
    shared: Option<Arc<dyn Store>>,
}

impl Ground {
    fn find(args: &RunArgs, fleet: Option<Fleet>) -> anyhow::Result<Self> {
        let etcd = args.cluster.store()?;
        let prefix = Prefix::choose(args.prefix.as_deref())?;
        let identity = if args.cluster.no_cluster { None } else { place::identity(&prefix)? };
        let fleet = fleet.map(|fleet| fleet.cluster(identity.as_ref())).transpose()?;
        if fleet.is_some() && etcd.is_none() && identity.is_none() {
            return Err(refused("releases come from the store that hosts share: name it with --etcd"));
        }
        let hostname = match &identity {
            Some(identity) => own_name(args.input.hostname.as_deref(), &identity.settings.host)?,
            None => catalog::hostname(&args.input)?,
        };
        let dir = ClusterDir::below(prefix.path());
        // With an etcd of somebody else's, the cluster runs none.
        let own = identity.as_ref().filter(|_| etcd.is_none());
        let own = own.map(|identity| cluster::store(&dir, &identity.settings)).transpose()?;
        let shared = etcd.or_else(|| own.clone().map(|own| own as Arc<dyn Store>));
        if args.cluster.cluster_converged && shared.is_none() {
            return Err(refused("--cluster-converged needs a cluster, or --etcd"));
        }
        Ok(Self { prefix, dir, identity, hostname, fleet, own, shared })
    }

    fn pool(&self) -> Pool {
        if self.shared.is_some() { Pool::Shared } else { Pool::ThisHost }
    }

    /// Where nothing of ours is yet, a graph that the engine would refuse must not leave a prefix behind.
    fn may_have(&self, read: &mut Read, registry: &Registry, autoedges: bool) -> bool {
        if self.prefix.exists() {
            return true;
        }
        let others = match self.pool() {
            Pool::Shared => agent::alone(&read.catalog, &self.hostname, registry),
            Pool::ThisHost => None,
        };
        read.graph_with(others, registry, autoedges).is_some()
    }

    /// Makes the prefix ours.
    fn lock(&self) -> anyhow::Result<Lock> {
        self.prefix.open()?;
        let command = if self.fleet.is_some() { "agent" } else { "run" };
        let start = Instant::now();
        loop {
            match Lock::take(&self.prefix, command).map_err(|error| cannot_lock(&self.prefix, &error))? {
                Ok(lock) => return Ok(lock),
                Err(holder) if holder.is_short() && start.elapsed() < PATIENCE => pause(),
                Err(holder) => return Err(taken(&self.prefix, &holder)),
            }
        }
    }

    /// Opens what is in the prefix, which is ours now.
    fn open(self, host: HostArgs, root: AbsPath, zone: String) -> anyhow::Result<(Opened, Option<Releases>)> {
        let opened = store::open(&self.prefix, self.shared);
        let depot = self.fleet.is_some().then(|| Depot::below(self.prefix.path()));
        let part = match (&self.identity, self.own) {
            (Some(identity), Some(own)) => {
                Some((Part::new(self.dir.clone(), &identity.settings, zone, own.clone()), own))
            }
            _ => None,
        };
        let own = part.as_ref().map(|(part, store)| Own { store: store.clone(), seen: part.seen() });
        let cluster = self.identity.map(|identity| {
            Cluster::open(self.dir, identity, opened.store.clone(), own, depot.clone())
                .map_err(|error| refused(format!("{error:#}")))
        });
        let cluster = cluster.transpose()?;
        let releases = self.fleet.zip(depot).map(|(fleet, depot)| {
            let own = cluster.as_ref().map(|(cluster, _)| cluster);
            fleet::releases(&self.prefix, fleet, self.hostname, opened.store.clone(), depot, own)
        });
        let releases = releases.transpose()?;
        let mirror = match opened.mirror.clone() {
            Some(mirror) => {
                let key = key::sealing_key(&self.prefix).map_err(|error| no_key(&self.prefix, &error))?;
                Some((mirror, key))
            }
            None => None,
        };
        let stores = Stores::of(&self.prefix, &opened, mirror.as_ref().map(|(_, key)| key.clone()));
        let store::Opened { store, journal, .. } = opened;
        let part = part.map(|(part, _)| part);
        let opened =
            Opened { stores, prefix: self.prefix, host, root, store, mirror, journal, cluster, part };
        Ok((opened, releases))
    }
}

/// Our name in the cluster, which is the one of our certificate.
fn own_name(given: Option<&str>, ours: &HostName) -> anyhow::Result<Arc<str>> {
    match given {
        Some(other) if other != ours.as_str() => {
            Err(refused(format!("in the cluster this host is `{ours}`, not `{other}`: leave --hostname out")))
        }
        _ => Ok(ours.as_str().into()),
    }
}

/// Waits a little for the lock; no runtime is there yet.
#[allow(clippy::disallowed_methods)]
fn pause() {
    std::thread::sleep(BETWEEN);
}

fn cannot_lock(prefix: &Prefix, error: &std::io::Error) -> anyhow::Error {
    refused(format!("cannot lock the prefix {}: {error}", prefix.path().display()))
}

fn no_key(prefix: &Prefix, error: &std::io::Error) -> anyhow::Error {
    refused(format!("cannot keep a key in the prefix {}: {error}", prefix.path().display()))
}

fn taken(prefix: &Prefix, holder: &Holder) -> anyhow::Error {
    refused(format!("the prefix {} is in use by {holder}", prefix.path().display()))
}
