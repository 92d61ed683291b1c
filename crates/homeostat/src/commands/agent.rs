//! `homeostat agent`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::run::{self, ClusterArgs, Prepared, RunArgs, WrittenArgs};
use crate::agent::{HostArgs, LimitArgs};
use crate::cli::{InputArgs, seconds};
use crate::exit::Exit;
use crate::fleet::Fleet;
use crate::place::etcd::EtcdArgs;
use crate::terminal::Terminal;

/// Keep this host in what is released for it: the long-running peer
///
/// Follows the releases that `homeostat deploy` signs. Each is verified before anything of it is read, and loaded as `run` loads a
/// changed input: what did not change is not touched. What is refused changes nothing. What was taken last is kept in the prefix, and
/// is what a restart begins with, whether the store is there or not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat operator trust ann.pub                                    before the first start, on each host
  homeostat agent                                                     in a cluster
  homeostat agent --etcd https://10.0.0.1:2379 --etcd-ca ca.pem --fleet production

Exit codes:
  0    stopped in order
  1    something failed or was blocked when it was stopped
  2    bad usage; nothing was touched
  130  ^C
  143  SIGTERM before everything was settled")]
pub(crate) struct AgentArgs {
    /// Who we are, for inputs that select their hosts; the name in the cluster, or of this machine if not given
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Check everything, change nothing
    #[arg(long)]
    noop: bool,
    /// Stop after so long whatever happens
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    max_runtime: Option<Duration>,
    /// Where we keep our own things, closed to others; /var/lib/homeostat for root, else $XDG_STATE_HOME/homeostat
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    #[command(flatten)]
    host: HostArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    written: WrittenArgs,
    /// Where this host is: members of the cluster's store spread over zones
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    zone: String,
    #[command(flatten)]
    fleet: Fleet,
    #[command(flatten)]
    etcd: EtcdArgs,
}

pub(crate) fn run(args: AgentArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let (run, fleet) = args.split();
    run::keep(run, Some(fleet), terminal)
}

/// Everything up to the start.
pub(crate) fn prepare(args: AgentArgs, terminal: &Terminal) -> anyhow::Result<Prepared> {
    let (run, fleet) = args.split();
    run::prepare(run, Some(fleet), terminal)
}

impl AgentArgs {
    /// What a run is told, and whose releases it takes.
    fn split(self) -> (RunArgs, Fleet) {
        let AgentArgs { hostname, noop, max_runtime, prefix, host, limits, written, zone, fleet, etcd } =
            self;
        let run = RunArgs {
            input: InputArgs { inputs: Vec::new(), input_format: None, hostname },
            converged_timeout: None,
            once: false,
            max_runtime,
            noop,
            // A release never changes.
            no_watch: true,
            prefix,
            host,
            limits,
            written,
            cluster: ClusterArgs { no_cluster: false, cluster_converged: false, zone, etcd },
        };
        (run, fleet)
    }
}
