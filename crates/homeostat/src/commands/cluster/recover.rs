//! `homeostat cluster recover`

use anyhow::Context;
use clap::Args;
use homeostat_cluster::identity::ClusterDir;
use homeostat_cluster::members::{self, Candidacy, RECOVER_WARNING};

use super::super::runtime;
use super::lock;
use crate::exit::{Exit, refused};
use crate::place::{self, Prefix};
use crate::terminal::Terminal;

/// Go on from this host's copy of the store, when most members are lost for good
///
/// The agent must not run, here and on all other members. Says what may be lost, and does nothing without --yes.
#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    /// It was read and understood
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &RecoverArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(identity) = place::identity(prefix)?.filter(|identity| identity.settings.member) else {
        return Err(refused(format!("the prefix {} is that of no member", prefix.path().display())));
    };
    terminal.say(&format!("{RECOVER_WARNING}\n"));
    if !args.yes {
        return Err(refused("nothing was done: say --yes to go on"));
    }
    prefix.open()?;
    let _lock = lock(prefix)?;
    let dir = ClusterDir::below(prefix.path());
    let settings = &identity.settings;
    let candidacy = Candidacy::of(&dir, settings, String::new());
    let options = dir.store_options(candidacy.server.client_urls.clone());
    let recovered = members::recover(settings.host.as_str(), dir.path(), &candidacy, &options);
    let kept = runtime()?.block_on(recovered).context("the store cannot be recovered")?;
    terminal.say(&format!(
        "`{}` is the only member now; its copy as it was is in {}\n",
        settings.host,
        kept.display()
    ));
    Ok(Exit::Done)
}
