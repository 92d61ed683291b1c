//! `homeostat run`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use clap::Args;
use homeostat_cluster::deploys::blobs::Depot;
use homeostat_cluster::identity::{ClusterDir, HostName};
use homeostat_engine::Store;

use super::runtime;
use crate::agent::{self, Cluster, HostArgs, LimitArgs, Opened, Own, Part, Releases, Signals, Task};
use crate::catalog::{self, Read};
use crate::cli::{InputArgs, seconds};
use crate::engine::{EngineOptions, Mode};
use crate::exit::{Exit, refused};
use crate::fleet::{self, Fleet};
use crate::front::Pool;
use crate::inputs::Inputs;
use crate::mcl::Stores;
use crate::place::etcd::EtcdArgs;
use crate::place::{self, Holder, Lock, Prefix, cluster, key, store};
use crate::terminal::Terminal;

/// How long a short command, such as `kv`, may hold the lock.
const PATIENCE: Duration = Duration::from_secs(2);
const BETWEEN: Duration = Duration::from_millis(10);

/// Keep this host in the declared state, in the foreground
///
/// Brings every resource in order, then watches and repairs what changes. When an input changes it is loaded again; while
/// it is wrong, what was declared before goes on. The first ^C stops starting things and finishes what is being applied,
/// the second cancels commands that run. SIGHUP loads the inputs again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat run site.yaml
  homeostat run --once site.yaml
  homeostat run --noop --converged-timeout 5 --report report.json site.yaml
  homeostat run --etcd https://10.0.0.1:2379 --etcd-ca ca.pem site.yaml
  generate | homeostat run --input-format yaml -

Exit codes:
  0    everything is settled and nothing failed
  1    something failed or was blocked
  2    bad usage or bad input; nothing was touched
  124  --max-runtime was reached
  130  ^C
  143  SIGTERM before everything was settled")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    /// Exit when everything is settled and quiet for so long; a decimal number, 0 is at once
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(super) converged_timeout: Option<Duration>,
    /// Settle once and exit, without following the inputs: for cron, image builds, containers
    #[arg(long, conflicts_with = "converged_timeout")]
    pub(super) once: bool,
    /// Stop after so long whatever happens
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(super) max_runtime: Option<Duration>,
    /// Check everything, change nothing
    #[arg(long)]
    pub(super) noop: bool,
    /// Do not follow changes of the inputs
    #[arg(long)]
    pub(super) no_watch: bool,
    /// Where we keep our own things, closed to others; /var/lib/homeostat for root, else $XDG_STATE_HOME/homeostat
    #[arg(long, value_name = "DIR")]
    pub(super) prefix: Option<PathBuf>,
    #[command(flatten)]
    pub(super) host: HostArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) written: WrittenArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// What is written for others to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub(super) struct WrittenArgs {
    /// Write the graph in the language of Graphviz after each load
    #[arg(long, value_name = "FILE")]
    graphviz: Option<PathBuf>,
    /// Write the report after each settling and at exit
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Append every event as a JSON line; `-` is standard output
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

/// What is shared with other hosts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ClusterArgs {
    /// Leave the cluster out
    #[arg(long)]
    pub(super) no_cluster: bool,
    /// With a converged timeout: wait for every live host
    #[arg(long, requires = "converged_timeout")]
    pub(super) cluster_converged: bool,
    /// Where this host is: members of the cluster's store spread over zones
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(super) zone: String,
    #[command(flatten)]
    pub(super) etcd: EtcdArgs,
}

impl ClusterArgs {
    /// The store that is shared, if there is one.
    fn store(&self) -> anyhow::Result<Option<Arc<dyn Store>>> {
        if self.no_cluster && self.etcd.is_given() {
            return Err(refused("--no-cluster and --etcd exclude each other"));
        }
        self.etcd.store()
    }
}

pub(crate) fn run(args: RunArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    keep(args, None, terminal)
}

/// Keeps the host in what inputs declare, or releases for this fleet.
pub(super) fn keep(args: RunArgs, fleet: Option<Fleet>, terminal: &Terminal) -> anyhow::Result<Exit> {
    let prepared = prepare(args, fleet, terminal)?;
    let runtime = runtime()?;
    let exit = runtime.block_on(async {
        let signals = Signals::of_process().context("cannot listen to signals")?;
        prepared.keep(signals, terminal).await
    });
    // What still blocks in a thread, such as reading a hung file system, must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    exit
}

/// An agent that can start.
pub(crate) struct Prepared {
    task: Task,
    opened: Opened,
    read: Read,
    _lock: Lock,
}

impl Prepared {
    /// Keeps the host until the run ends.
    pub(crate) async fn keep(self, signals: Signals, terminal: &Terminal) -> anyhow::Result<Exit> {
        agent::keep(self.task, self.opened, self.read, signals, terminal).await
    }
}

/// Everything up to the start: what is wrong is refused here, before anything is touched.
pub(super) fn prepare(args: RunArgs, fleet: Option<Fleet>, terminal: &Terminal) -> anyhow::Result<Prepared> {
    let started = (SystemTime::now(), Instant::now());
    let etcd = args.cluster.store()?;
    let WrittenArgs { graphviz, report, events } = &args.written;
    for path in [graphviz, report, events].into_iter().flatten().filter(|path| path.as_os_str() != "-") {
        expect_place_for(path)?;
    }
    let root = args.host.root()?;
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
    let etcd = etcd.or_else(|| own.clone().map(|own| own as Arc<dyn Store>));
    if args.cluster.cluster_converged && etcd.is_none() {
        return Err(refused("--cluster-converged needs a cluster, or --etcd"));
    }
    let registry = catalog::registry();
    let mut inputs = Inputs::new(&args.input)?;
    let pool = if etcd.is_some() { Pool::Shared } else { Pool::ThisHost };
    let mut read = Read::inputs(&mut inputs, &registry, &hostname, pool);
    // Where nothing of ours is yet, a graph that the engine would refuse must not leave a prefix behind.
    let others =
        matches!(pool, Pool::Shared).then(|| agent::alone(&read.catalog, &hostname, &registry)).flatten();
    let is_sound =
        |read: &mut Read| read.graph_with(others, &registry, !args.limits.no_autoedges()).is_some();
    if read.is_refused() || (!prefix.exists() && !is_sound(&mut read)) {
        read.show(terminal);
        return Err(read.refusal());
    }
    prefix.open()?;
    let lock = lock(&prefix, if fleet.is_some() { "agent" } else { "run" })?;
    let opened = store::open(&prefix, etcd);
    let depot = fleet.is_some().then(|| Depot::below(prefix.path()));
    let part = match (&identity, own) {
        (Some(identity), Some(own)) => {
            Some((Part::new(dir.clone(), &identity.settings, args.cluster.zone, own.clone()), own))
        }
        _ => None,
    };
    let own = part.as_ref().map(|(part, store)| Own { store: store.clone(), seen: part.seen() });
    let cluster =
        identity.map(|identity| Cluster::open(dir, identity, opened.store.clone(), own, depot.clone()));
    let cluster = cluster.transpose().map_err(|error| refused(format!("{error:#}")))?;
    let mut releases = None;
    if let (Some(fleet), Some(depot)) = (fleet, depot) {
        let own = cluster.as_ref().map(|(cluster, _)| cluster);
        let store = opened.store.clone();
        releases = Some(fleet::releases(&prefix, fleet, hostname.clone(), store, depot, own)?);
    }
    if let Some(first) = releases.as_ref().and_then(Releases::first) {
        inputs = Inputs::of(&first.inputs);
        read = Read::inputs(&mut inputs, &registry, &hostname, pool);
    }
    let options = EngineOptions {
        mode: if args.noop { Mode::Noop } else { Mode::Apply },
        keep_changes: args.written.report.is_some(),
        // Who settles once looks once: nothing that happens later is waited for.
        watch: !args.once,
        ..args.limits.options()
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
    let mirror = match opened.mirror.clone() {
        Some(mirror) => Some((mirror, key::sealing_key(&prefix).map_err(|error| no_key(&prefix, &error))?)),
        None => None,
    };
    let stores = Stores::of(&prefix, &opened, mirror.as_ref().map(|(_, key)| key.clone()));
    let store::Opened { store, journal, .. } = opened;
    let opened = Opened {
        stores,
        prefix,
        host: args.host,
        root,
        store,
        mirror,
        journal,
        cluster,
        part: part.map(|(part, _)| part),
    };
    Ok(Prepared { task, opened, read, _lock: lock })
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

/// A file that can never be written is found before the work, not after it.
fn expect_place_for(path: &Path) -> anyhow::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    if path.is_dir() {
        Err(refused(format!("{} is a directory", path.display())))
    } else if dir.is_dir() {
        Ok(())
    } else {
        Err(refused(format!("there is no directory {}", dir.display())))
    }
}

fn lock(prefix: &Prefix, command: &str) -> anyhow::Result<Lock> {
    let start = Instant::now();
    loop {
        match Lock::take(prefix, command).map_err(|error| cannot_lock(prefix, &error))? {
            Ok(lock) => return Ok(lock),
            Err(holder) if holder.is_short() && start.elapsed() < PATIENCE => pause(),
            Err(holder) => return Err(taken(prefix, &holder)),
        }
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
