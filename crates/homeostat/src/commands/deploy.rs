//! `homeostat deploy`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use homeostat_cluster::deploys::{Amount, Draft, Manifest, Rollout, Stored, Terms, fetch, prune, publish};

use super::runtime;
use crate::catalog::{self, Read};
use crate::cli::{InputArgs, seconds};
use crate::exit::{Exit, refused};
use crate::fleet::{self, Access, Delivery, Ended, KeyFile, Look, OperatorArgs};
use crate::front::Pool;
use crate::inputs::Inputs;
use crate::terminal::Terminal;

/// Release inputs to the fleet
///
/// Packs the inputs, and what --with names, signs them with the operator's key, and puts them into the store that the hosts share.
/// Each host that runs `homeostat agent` verifies and takes what selects it. Nothing is released that would be refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat deploy site.yaml
  homeostat deploy --with files/ --canary 1 --max-unavailable 10% --wait --rollback-on-failure site.yaml
  homeostat deploy --hosts 'web*' --etcd https://10.0.0.1:2379 --etcd-ca ca.pem --fleet production web.yaml

Exit codes:
  0  done; with --wait: every host that it is for has it, with everything in order
  1  it failed, on a host or because the store cannot be reached
  2  bad usage or bad input; nothing was released")]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    input: InputArgs,
    /// A file or directory that comes along; hosts find it below `release/` in their prefix
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    #[command(flatten)]
    rollout: RolloutArgs,
    #[command(flatten)]
    access: OperatorArgs,
}

/// Who takes it, when, and what is waited for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rollout")]
pub(super) struct RolloutArgs {
    /// The hosts that it is for: `*` and `?` stand for others; all if not given
    #[arg(long, value_name = "GLOB", num_args = 1.., value_delimiter = ',')]
    hosts: Vec<String>,
    /// So many hosts take it first; the others when everything is in order on those
    #[arg(long, value_name = "N|N%")]
    canary: Option<Amount>,
    /// At most so many hosts at once are without it or not in order with it, among those whose turn it is
    #[arg(long, value_name = "N|N%")]
    max_unavailable: Option<Amount>,
    /// Wait until every host that it is for has it, or it failed on one
    #[arg(long)]
    wait: bool,
    /// Do not wait longer
    #[arg(long, value_name = "SECS", value_parser = seconds, requires = "wait")]
    timeout: Option<Duration>,
    /// When it fails on a host, hosts go back to the release before it
    #[arg(long)]
    rollback_on_failure: bool,
    /// What there is to say about it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
}

pub(crate) fn run(args: DeployArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let key = args.access.key()?;
    let access = args.access.access()?;
    let draft = read(&args.input, &args.with, terminal)?;
    runtime()?.block_on(release(&access, &key, &args.rollout, &draft, None, terminal))
}

/// Reads the inputs as an agent would. What is wrong with them here is wrong everywhere.
fn read(input: &InputArgs, with: &[PathBuf], terminal: &Terminal) -> anyhow::Result<Draft> {
    let (hostname, registry) = (catalog::hostname(input)?, catalog::registry());
    let mut inputs = Inputs::new(input)?;
    let texts = inputs.read();
    let mut read = Read::inputs(&mut inputs, &registry, &hostname, Pool::Shared);
    let draft = (!read.is_refused()).then(|| fleet::pack(&texts.inputs, &read.programs, with));
    read.foresee();
    let others = crate::agent::alone(&read.catalog, &hostname, &registry);
    let is_sound = read.graph_with(others, &registry, true).is_some();
    read.show(terminal);
    match draft {
        Some(draft) if is_sound && !read.is_refused() => draft,
        Some(_) | None => {
            let counts = crate::diagnostics::counts(&read.diagnostics);
            Err(refused(format!("{counts}; nothing was released")))
        }
    }
}

/// Publishes a release and follows it as far as was asked for.
pub(super) async fn release(
    access: &Access,
    key: &KeyFile,
    args: &RolloutArgs,
    draft: &Draft,
    restores: Option<u64>,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let rollout = Rollout {
        hosts: args.hosts.clone(),
        canary: args.canary,
        max_unavailable: args.max_unavailable,
        rollback_on_failure: args.rollback_on_failure,
    };
    let delivery = Delivery::new(access);
    if let Some(restored) = restores
        && !delivery.can_be_had(draft, restored).await?
    {
        return Err(refused(format!("nobody has the large files of release {restored} any more")));
    }
    let before = newest(access, &args.hosts).await?;
    let manifest = put(access, key, rollout, &args.note, draft, restores).await?;
    terminal.print(&format!("{}\n", manifest.number))?;
    if let Some(host) = delivery.deliver(&manifest, draft).await? {
        tracing::info!("the large files of release {} are with `{host}`", manifest.number);
    }
    let gone = prune(&*access.store, &fleet::running(&*access.store).await?).await?;
    if !gone.is_empty() {
        tracing::info!("old releases are gone: {gone:?}");
    }
    if !args.wait {
        return Ok(Exit::Done);
    }
    let say = |look: &Look| terminal.say(&step(&manifest, look));
    let disowned = fleet::until_disowned(access, &key.operator);
    match fleet::until_everywhere(access.store.clone(), &manifest, args.timeout, disowned, say).await {
        Ended::Everywhere(_) => Ok(Exit::Done),
        Ended::Disowned(look) => {
            terminal.complain(&format!(
                "release {} stops here, since `{}` is no operator: not on {}",
                manifest.number,
                manifest.author,
                look.without.join(", ")
            ));
            Ok(Exit::NotInOrder)
        }
        Ended::TimedOut(look) => {
            let open: Vec<&str> = look.open.iter().map(|host| &**host).collect();
            terminal.complain(&format!("release {} is not there yet: {}", manifest.number, open.join(", ")));
            Ok(Exit::NotInOrder)
        }
        Ended::Failed(_) => {
            if let Some(before) = before.filter(|_| args.rollback_on_failure) {
                let number = back(access, key, &manifest, before).await?;
                terminal.say(&format!("release {before} is released again as {number}\n"));
            }
            Ok(Exit::NotInOrder)
        }
    }
}

/// The newest release that counts and is for the same hosts, or for all.
async fn newest(access: &Access, hosts: &[String]) -> anyhow::Result<Option<u64>> {
    let (releases, operators) = fleet::known(access).await?;
    let fits = |release: &&Stored| {
        let verified = release.verify(&operators, &access.cluster);
        let patterns = verified.map(|(manifest, _)| manifest.rollout.hosts);
        patterns.is_ok_and(|patterns| patterns.is_empty() || patterns == hosts)
    };
    Ok(releases.iter().rev().find(fits).map(|newest| newest.number))
}

/// Releases what an older release holds, for the hosts of one that failed.
async fn back(access: &Access, key: &KeyFile, failed: &Manifest, to: u64) -> anyhow::Result<u64> {
    let draft = content(access, to).await?;
    let rollout = Rollout { hosts: failed.rollout.hosts.clone(), ..Rollout::default() };
    let note = format!("back from {}", failed.number);
    Ok(put(access, key, rollout, &note, &draft, Some(to)).await?.number)
}

/// What a release holds, if an operator signed it.
pub(super) async fn content(access: &Access, number: u64) -> anyhow::Result<Draft> {
    let (releases, operators) = fleet::known(access).await?;
    let stored = releases.iter().find(|release| release.number == number);
    let stored = stored.ok_or_else(|| refused(format!("there is no release {number}")))?;
    let (manifest, _) = stored
        .verify(&operators, &access.cluster)
        .map_err(|error| refused(format!("release {number} is not used: {error}")))?;
    Ok(fetch(&*access.store, &manifest).await?)
}

async fn put(
    access: &Access,
    key: &KeyFile,
    rollout: Rollout,
    note: &str,
    draft: &Draft,
    restores: Option<u64>,
) -> anyhow::Result<Manifest> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let terms = Terms {
        key: &key.key,
        author: key.operator.name().into(),
        cluster: access.cluster.clone(),
        note: note.into(),
        restores,
        rollout,
        made_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        known: access.released,
    };
    Ok(publish(&*access.store, &terms, draft, Delivery::new(access).way()).await?)
}

fn step(manifest: &Manifest, look: &Look) -> String {
    let mut text = format!("release {}: in order on {}", manifest.number, look.done.len());
    if !look.open.is_empty() {
        let open: Vec<&str> = look.open.iter().map(|host| &**host).collect();
        text.push_str(&format!(", not yet on {}", open.join(", ")));
    }
    for (host, why) in &look.failed {
        text.push_str(&format!(", failed on {host}: {why}"));
    }
    text.push('\n');
    homeostat_model::suggest::printable(text.trim_end()).into_owned() + "\n"
}
