//! Which host is kept, within which limits: the flags that `run` and `plan` share.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use homeostat_engine::host::{HostOptions, Output, RootExec};
use homeostat_engine::{AbsPath, Host, Store};

use crate::engine::EngineOptions;
use crate::exit::refused;

/// What the file system is relative to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Host")]
pub(crate) struct HostArgs {
    /// What the file system is relative to
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Where commands run when there is a root: in it, or on this host
    #[arg(long, value_name = "WHERE", value_enum, default_value_t, requires = "root")]
    root_exec: RootExecArg,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum RootExecArg {
    #[default]
    In,
    Host,
}

impl HostArgs {
    /// The root, which must be a directory.
    pub(crate) fn root(&self) -> anyhow::Result<AbsPath> {
        let Some(given) = &self.root else {
            return AbsPath::parse("/").context("the root is a path");
        };
        let shown = given.display();
        let real =
            given.canonicalize().map_err(|error| refused(format!("cannot use the root {shown}: {error}")))?;
        if !real.is_dir() {
            return Err(refused(format!("the root {shown} is no directory")));
        }
        let text = real.to_str().ok_or_else(|| refused(format!("the root {shown} is not named in UTF-8")))?;
        AbsPath::parse(text).map_err(|error| refused(format!("the root {shown} {error}")))
    }

    /// The door to it, for whoever only looks. `own_store` is the store of this host alone, where the other one is shared.
    pub(crate) fn host_to_look_at(
        &self,
        name: &str,
        root: AbsPath,
        store: Arc<dyn Store>,
        own_store: Arc<dyn Store>,
    ) -> anyhow::Result<Host> {
        open(HostOptions { own_store, ..self.options(name, root, store) })
    }

    /// The door to it. `id` tells our temporary files from those of other agents.
    pub(crate) fn host(
        &self,
        name: &str,
        root: AbsPath,
        (store, own_store): (Arc<dyn Store>, Arc<dyn Store>),
        id: &str,
        output: Output,
    ) -> anyhow::Result<Host> {
        open(HostOptions { id: id.into(), output, own_store, ..self.options(name, root, store) })
    }

    fn options(&self, name: &str, root: AbsPath, store: Arc<dyn Store>) -> HostOptions {
        let root_exec = match self.root_exec {
            RootExecArg::In => RootExec::In,
            RootExecArg::Host => RootExec::Host,
        };
        HostOptions { root, root_exec, ..HostOptions::new(name, store) }
    }
}

fn open(options: HostOptions) -> anyhow::Result<Host> {
    Host::new(options).context("cannot open the host")
}

/// How much at once, and what is left out.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// How many resources are checked or applied at once; 512 if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: Option<u16>,
    /// A semaphore over everything: how many resources are applied at once
    #[arg(long, value_name = "N")]
    sema: Option<NonZeroU32>,
    /// Leave automatic edges out
    #[arg(long)]
    no_autoedges: bool,
    /// Apply every resource by itself
    #[arg(long)]
    no_batch: bool,
}

impl LimitArgs {
    pub(crate) fn no_autoedges(&self) -> bool {
        self.no_autoedges
    }

    /// The same for the engine.
    pub(crate) fn options(&self) -> EngineOptions {
        let usual = EngineOptions::default();
        EngineOptions {
            parallel: self.parallel.map_or(usual.parallel, usize::from),
            semaphore: self.sema,
            autoedges: !self.no_autoedges,
            batch: !self.no_batch,
            give_back: crate::allocator::give_back,
            ..usual
        }
    }
}
