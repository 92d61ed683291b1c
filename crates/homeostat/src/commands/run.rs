//! `homeostat run`

mod prepare;
mod written;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use homeostat_engine::Store;

pub(super) use self::prepare::prepare;
pub(super) use self::written::WrittenArgs;
use super::runtime;
use crate::agent::{self, HostArgs, LimitArgs, Opened, Signals, Task};
use crate::catalog::Read;
use crate::cli::{InputArgs, seconds};
use crate::exit::{Exit, refused};
use crate::fleet::Fleet;
use crate::place::Lock;
use crate::place::etcd::EtcdArgs;
use crate::terminal::Terminal;

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
