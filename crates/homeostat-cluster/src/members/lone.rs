//! A member that is alone: the first of a cluster, and the last that survived.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Operation, StoreError, keys};
use tokio::time::{Instant, sleep};

use super::process::{self, ProgramError, Running};
use super::records::{self, Roster, Seat, Taken};
use super::server::Begin;
use super::{Candidacy, auth, seat};
use crate::etcd::{Administration, EtcdOptions, EtcdStore, OptionsError, Refusal};
use crate::join;
use crate::pace::{about, random};

/// What to tell before [`recover`], for a person.
pub const RECOVER_WARNING: &str = "\
This host goes on alone with its copy of the store. What the lost members acknowledged and this one had not received is gone,
and so may be the last writes that it received: it cannot know whether they were acknowledged.
Do this only if most members are lost for good, on one host only, and never while others of them still run: they would go on
as a cluster of their own. Members that are found again later notice that they were left behind, drop their copy, and join as
new ones.";

/// To be ready to serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a lone member could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoneError {
    /// etcd cannot be used.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The options of the store cannot be used.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The host has a copy of a store already.
    #[error("this host has been a member of a cluster: its copy of the store is in {0}")]
    HasData(PathBuf),
    /// There is nothing to go on from.
    #[error("this host has no copy of the store in {0}: recover on one that has been a member")]
    NoData(PathBuf),
    /// etcd ended.
    #[error("etcd ended: {0}")]
    Ended(String),
    /// etcd runs and does not answer.
    #[error("etcd did not become ready in {PATIENCE:.0?}: {0}")]
    Silent(#[source] Refusal),
    /// etcd refused something.
    #[error("etcd refused what a first member has to set up")]
    Refused(#[from] Refusal),
    /// The store refused something.
    #[error("the store refused what a first member has to write")]
    Store(#[from] StoreError),
    /// etcd takes writes and does not keep them.
    #[error("what is written into this copy of the store is not kept: it is damaged")]
    Unwritten,
    /// etcd makes no snapshot.
    #[error("etcd made no snapshot of this copy in {PATIENCE:.0?}: others could not be let in")]
    Open,
    /// A disk.
    #[error("cannot keep the store in {dir}")]
    Disk {
        /// Where.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Makes this host the first member of a cluster of its own: with users and roles, so that it is closed from then on. What was
/// cut off is finished by doing it again. Its server, which others may speak to already, goes on with [`super::Membership::start`].
pub async fn begin(
    host: &str,
    dir: &Path,
    candidacy: &Candidacy,
    options: &EtcdOptions,
) -> Result<Running, LoneError> {
    if records::load::<Taken>(&seat::taken_at(dir)).is_some() {
        return Err(LoneError::HasData(process::data(dir)));
    }
    alone(host, dir, candidacy, options, &Begin::Alone).await
}

/// Goes on from the copy of the store that this host has, without the other members, which are lost. The copy as it was stays
/// beside it. Nothing else may run with this prefix; [`RECOVER_WARNING`] is to be told before. Says where the old copy is.
pub async fn recover(
    host: &str,
    dir: &Path,
    candidacy: &Candidacy,
    options: &EtcdOptions,
) -> Result<PathBuf, LoneError> {
    let data = process::data(dir);
    if !seat::has_data(dir) {
        return Err(LoneError::NoData(data));
    }
    let disk = |source| LoneError::Disk { dir: dir.into(), source };
    let kept = unused(dir);
    copy(&data, &kept).map_err(disk)?;
    alone(host, dir, candidacy, options, &Begin::Survivor).await?.stop().await;
    Ok(kept)
}

async fn alone(
    host: &str,
    dir: &Path,
    candidacy: &Candidacy,
    options: &EtcdOptions,
    begin: &Begin,
) -> Result<Running, LoneError> {
    let disk = |source| LoneError::Disk { dir: dir.into(), source };
    let server = &candidacy.server;
    process::version(&server.program).await?;
    let client_url = server.client_urls.first().cloned().unwrap_or_default();
    let store = EtcdStore::new(EtcdOptions { urls: vec![client_url.clone()], ..options.clone() })?;
    seat::make_private(&process::data(dir)).map_err(disk)?;
    let mut running = server.start(host, dir, begin).await.map_err(disk)?;
    let data = process::data(dir);
    let done = tokio::select! {
        exit = running.ended() => Err(LoneError::Ended(exit.why)),
        done = set_up(host, &data, &store, client_url, begin) => done,
    };
    let noted =
        done.and_then(|id| records::save(&seat::taken_at(dir), &Taken { id, started: true }).map_err(disk));
    match noted {
        Ok(()) => Ok(running),
        Err(error) => {
            running.stop().await;
            Err(error)
        }
    }
}

/// Writes what a cluster of one has to have; says its number.
async fn set_up(
    host: &str,
    data: &Path,
    store: &EtcdStore,
    client_url: String,
    begin: &Begin,
) -> Result<u64, LoneError> {
    let etcd = store.administration();
    let since = Instant::now();
    let health = loop {
        match etcd.health().await {
            Ok(health) if health.leader.is_some() => break health,
            Err(refusal) if since.elapsed() > PATIENCE => return Err(LoneError::Silent(refusal)),
            Ok(_) | Err(_) => sleep(about(Duration::from_millis(100))).await,
        }
    };
    if *begin != Begin::Survivor {
        auth::begin(&etcd, host).await?;
    }
    let members = etcd.members().await?;
    let own = members.into_iter().find(|member| member.id == health.id);
    let peer_url = own.and_then(|own| own.peer_urls.into_iter().next()).unwrap_or_default();
    let roster = Roster {
        seats: vec![Seat { id: health.id, host: host.into(), peer_url, client_url, votes: true }],
        etcd: None,
    };
    let mark = (*begin == Begin::Survivor).then(random);
    write(store, &roster, mark).await?;
    if *begin == Begin::Survivor {
        // Not before what is written is kept.
        auth::share(&etcd).await?;
        let_in_again(store, &etcd).await?;
        close_log(data, store, &etcd, &roster).await?;
    }
    Ok(health.id)
}

/// Lets in who had joined: a copy may know a host and not yet, or no longer, all that the host may do.
async fn let_in_again(store: &EtcdStore, etcd: &Administration) -> Result<(), LoneError> {
    for (host, role) in join::hosts(store).await? {
        auth::let_in(etcd, host.as_str(), role).await?;
    }
    Ok(())
}

/// Sees to it that others get what this member has as a whole, and not by its log. A member that is killed may have carried out entries
/// of which its log does not say that they were decided: those are cut off when it goes on alone, and whoever followed the log from its
/// beginning would come to something else. What came before a snapshot is no longer told.
async fn close_log(
    data: &Path,
    store: &EtcdStore,
    etcd: &Administration,
    roster: &Roster,
) -> Result<(), LoneError> {
    let since = Instant::now();
    let least = etcd.health().await?.applied;
    while !snapshots(data).any(|index| index >= least) {
        if since.elapsed() > PATIENCE {
            return Err(LoneError::Open);
        }
        store.put(keys::CLUSTER_MEMBERS, &records::encode(roster), None).await?;
        sleep(about(Duration::from_millis(100))).await;
    }
    Ok(())
}

/// Up to which entry of the log there are snapshots.
fn snapshots(data: &Path) -> impl Iterator<Item = u64> {
    let found = std::fs::read_dir(data.join("member/snap")).into_iter().flatten().flatten();
    found.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (_term, index) = name.strip_suffix(".snap")?.split_once('-')?;
        u64::from_str_radix(index, 16).ok()
    })
}

/// Writes who the members are, until it can be read: a survivor whose log was behind its file passes over as many entries as it
/// was behind. With it, where there is one, the mark that tells hosts that the store may have gone back.
async fn write(store: &EtcdStore, roster: &Roster, mark: Option<u64>) -> Result<(), LoneError> {
    let since = Instant::now();
    loop {
        let mut then = vec![
            records::put(keys::CLUSTER_MEMBERS, roster),
            Operation::Delete(keys::CLUSTER_STEP.into()),
            Operation::Delete(keys::CLUSTER_ELECTED.into()),
        ];
        then.extend(mark.map(|mark| records::put(keys::CLUSTER_RECOVERED, &mark)));
        let done = store.transaction(vec![], then).await;
        let marked = store.get(keys::CLUSTER_RECOVERED).await;
        let marked = marked.map(|entry| entry.and_then(|entry| records::decode::<u64>(&entry.value)));
        let told = match marked {
            Ok(marked) if mark.is_some() && marked != mark => Ok(None),
            Ok(_) => store.get(keys::CLUSTER_MEMBERS).await,
            Err(error) => Err(error),
        };
        match (done, told) {
            (_, Ok(Some(entry))) if records::decode::<Roster>(&entry.value).as_ref() == Some(roster) => {
                return Ok(());
            }
            (Err(error), _) | (_, Err(error)) if since.elapsed() > PATIENCE => return Err(error.into()),
            _ if since.elapsed() > PATIENCE => return Err(LoneError::Unwritten),
            _ => sleep(about(Duration::from_millis(100))).await,
        }
    }
}

/// A place beside the data that nothing uses.
fn unused(dir: &Path) -> PathBuf {
    let numbered = (1..).map(|number: u32| dir.join(format!("etcd.before-recover-{number}")));
    numbered.into_iter().find(|path| !path.exists()).expect("there are more numbers than directories")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    seat::make_private(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}
