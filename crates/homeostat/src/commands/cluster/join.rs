//! `homeostat cluster join`

use std::io::Read;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Args;
use homeostat_cluster::identity::{
    Authority, ClusterDir, HostName, Identity, Ports, SETTINGS_VERSION, Settings,
};
use homeostat_cluster::join::{Granted, JoinString};
use homeostat_model::suggest::printable;
use tokio::time::timeout;

use super::super::runtime;
use super::listen::Listen;
use super::{hostname, lock};
use crate::api::joining::Joiner;
use crate::exit::{Exit, refused};
use crate::place::import::{Conflicts, import};
use crate::place::{Prefix, cluster, store};
use crate::terminal::Terminal;

/// More than a join string has.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// How long taking values along may take.
const IMPORT_MAX: Duration = Duration::from_secs(120);

/// Make this host part of a cluster
///
/// Asks a running agent of the cluster, stores the identity that it gives, and returns. The next `run` with the same prefix
/// is part of the cluster.
#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    /// What `homeostat cluster token` printed; `-` reads it from standard input, where other users cannot see it
    #[arg(value_name = "STRING")]
    join_string: String,
    /// The name of this host in the cluster; that of this machine if not given
    #[arg(long, value_name = "NAME")]
    hostname: Option<HostName>,
    /// Where other hosts reach this one: the address, and the first of three ports if not 7420; the address that reaches the
    /// cluster if not given
    #[arg(long, value_name = "ADDR")]
    listen: Option<Listen>,
    /// Take the `kv` values along that this host had while it was alone; one for which the cluster has another value is refused, or
    /// takes its place with `replace`
    #[arg(
        long,
        value_name = "CONFLICTS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "refuse"
    )]
    import_kv: Option<Conflicts>,
}

pub(super) fn run(args: JoinArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let given: JoinString = read(args.join_string)?.parse().map_err(|error| refused(format!("{error}")))?;
    let host = hostname(args.hostname)?;
    prefix.open()?;
    let _lock = lock(prefix)?;
    let dir = ClusterDir::below(prefix.path());
    if dir.has_identity() {
        return Err(refused(format!(
            "{} holds an identity already: `homeostat cluster leave` first",
            dir.path().display()
        )));
    }
    let key = dir.key_to_join()?;
    let joiner = Joiner {
        given: &given,
        host: host.clone(),
        listen: args.listen.map(|listen| listen.address),
        ports: args.listen.map_or_else(Ports::default, |listen| listen.ports),
        key: &key,
    };
    let (admitted, listen) = runtime()?.block_on(joiner.join()).context("cannot join the cluster")?;
    let Granted { certificates, trusted, authority, members, refused } = admitted.granted;
    let settings = Settings {
        version: SETTINGS_VERSION,
        cluster: admitted.cluster,
        host: host.clone(),
        listen,
        ports: joiner.ports,
        member: authority.is_some(),
        members,
        refused,
    };
    // etcd wants the list from its start on.
    if let Some(files) = &authority {
        let authority = Authority::load(files).context("the authority cannot be used")?;
        dir.save_revocations(&authority.revocations(&settings.refused, SystemTime::now())?)?;
    }
    let identity = Identity { settings, trusted, certificates, key: key.pem() };
    dir.pin_operators(&admitted.operators, admitted.roster)?;
    dir.create(&identity, authority.as_ref(), &[])?;
    let at = identity.settings.agent_address();
    terminal.say(&format!(
        "`{host}` at {at} has joined the cluster; `homeostat run` with this prefix is part of it\n"
    ));
    match args.import_kv {
        Some(conflicts) => take_along(prefix, &dir, &identity.settings, conflicts, terminal),
        None => Ok(Exit::Done),
    }
}

/// Takes along what the host had in a store of its own.
fn take_along(
    prefix: &Prefix,
    dir: &ClusterDir,
    settings: &Settings,
    conflicts: Conflicts,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let shared = cluster::store(dir, settings)?;
    let own = store::open_for_reading(prefix, None).store;
    let done = runtime()?.block_on(async {
        timeout(IMPORT_MAX, import(&*own, &*shared, settings.host.as_str(), conflicts)).await
    });
    let imported = done
        .context("not all values could be taken along in time")?
        .context("not all values could be taken along")?;
    for key in &imported.taken {
        terminal.say(&format!("imported: {}\n", printable(key)));
    }
    for key in &imported.refused {
        terminal.complain(&format!("not imported, since the cluster has another value: {}", printable(key)));
    }
    let (taken, same, refused) = (imported.taken.len(), imported.same, imported.refused.len());
    terminal.say(&format!("values imported: {taken}; there already: {same}; refused: {refused}\n"));
    Ok(if refused == 0 { Exit::Done } else { Exit::NotInOrder })
}

fn read(given: String) -> anyhow::Result<String> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(TEXT_BYTES_MAX)
        .read_to_string(&mut text)
        .context("cannot read the join string")?;
    // The last line, as `token` prints it.
    Ok(text.trim_end().lines().last().unwrap_or_default().to_owned())
}
