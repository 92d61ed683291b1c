//! Who is admitted, renewed and removed: what a member decides, with the authority and the store.
//!
//! Each decision is one transaction that compares what it was based on, so several members decide as one.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, Entry, Operation, StoreError, keys};
use tokio::sync::Semaphore;

use super::message::{Granted, Refusal};
use super::record::{Host, Known, Record, Refused, TrustedRecord};
use crate::deploys::current_roster;
use crate::identity::{
    Authority, AuthorityError, Certificate, ClusterId, HostName, Identity, Issued, MemberAddress, Operator,
    RequestedKey, Role, Serial, Subject,
};

/// How often a decision is made again because somebody else decided in between.
pub(super) const ATTEMPTS: usize = 20;
/// How many certificates of one host may be valid at once: whoever renews all the time is stopped.
pub(super) const CERTIFICATES_MAX: usize = 30;

/// Who counts as an operator on a host, after the change of that number; or why that cannot be known.
pub type Pinned = Result<(u64, Vec<Operator>), String>;

/// Decides, on a member.
pub struct Registrar {
    pub(super) store: Arc<dyn Store>,
    pub(super) cluster: ClusterId,
    pinned: Box<dyn Fn() -> Pinned + Send + Sync>,
    authority: RwLock<Arc<Authority>>,
    /// Those who join here take turns, since they compare one token. Other members' count as attempts.
    pub(super) turn: Semaphore,
}

impl Registrar {
    /// With this authority and store. `pinned` says who counts as an operator here.
    pub fn new(
        store: Arc<dyn Store>,
        cluster: ClusterId,
        pinned: impl Fn() -> Pinned + Send + Sync + 'static,
        authority: Authority,
    ) -> Self {
        Self {
            store,
            cluster,
            pinned: Box::new(pinned),
            authority: RwLock::new(Arc::new(authority)),
            turn: Semaphore::new(1),
        }
    }

    /// The authority that signs now.
    pub fn authority(&self) -> Arc<Authority> {
        self.authority.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Signs with this one from now on.
    pub fn replace_authority(&self, authority: Authority) {
        *self.authority.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(authority);
    }

    /// Makes a new cluster's store know its first host and its authority. What it knows already stays.
    pub async fn enrol_first(&self, first: &Identity) -> Result<(), Refusal> {
        let settings = &first.settings;
        let leaves = leaves(first)?;
        let host = Host {
            host: settings.host.clone(),
            listen: settings.listen,
            ports: settings.ports,
            role: Role::Member,
            key: leaves[0].public_key(),
            token: None,
            certificates: leaves.iter().map(Known::of).collect(),
        };
        let authority = self.authority();
        let record = TrustedRecord { newest: authority.fingerprint(), trusted: authority.trusted() };
        let mut then = host.puts();
        then.push(put(keys::CLUSTER_AUTHORITY.into(), &record));
        // Whoever finds an authority there already is not the first: it stays.
        match self.store.transaction(vec![missing(keys::CLUSTER_AUTHORITY.into())], then).await {
            Ok(Commit::Done(_) | Commit::Refused) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Makes the store know certificates that this host made for itself while it could not be asked. One that was removed meanwhile
    /// stays unknown.
    pub async fn enrol_renewed(&self, own: &Identity) -> Result<(), Refusal> {
        let leaves = leaves(own)?;
        for _ in 0..ATTEMPTS {
            let Some((entry, mut host)) =
                self.get::<Host>(&keys::cluster_host(own.settings.host.as_str())).await?
            else {
                return Ok(());
            };
            let is_known =
                |leaf: &Certificate| host.certificates.iter().any(|known| known.serial == *leaf.serial());
            if host.key != leaves[0].public_key() || leaves.iter().all(is_known) {
                return Ok(());
            }
            host.certificates.extend(leaves.iter().map(Known::of));
            let when = vec![Compare::Revision(entry.key.clone(), entry.mod_revision)];
            if self.commit(when, vec![put(entry.key.as_ref().into(), &host)]).await? {
                return Ok(());
            }
        }
        Err(Refusal::Unavailable("its record changes all the time".into()))
    }

    /// Who counts as an operator now, and the number of the last change of that.
    pub(super) async fn operators(&self) -> Result<(u64, Vec<Operator>), Refusal> {
        let pinned = (self.pinned)().map_err(broken)?;
        let current = current_roster(&*self.store, self.cluster.as_str(), pinned).await;
        current.map_err(|error| unavailable(&error))
    }

    /// Where those are who may be members, in the order of their names.
    pub async fn members(&self) -> Result<Vec<MemberAddress>, Refusal> {
        members(&*self.store).await.map_err(|error| unavailable(&error))
    }

    pub(super) fn issue(
        &self,
        key: &RequestedKey,
        subject: &Subject,
        now: SystemTime,
    ) -> Result<Issued, Refusal> {
        self.authority().issue(key, subject, now).map_err(|error: AuthorityError| broken(error))
    }

    pub(super) async fn granted(&self, issued: Issued, role: Role) -> Result<Granted, Refusal> {
        let authority = self.authority();
        let refused = refused(&*self.store).await.map_err(|error| unavailable(&error))?;
        Ok(Granted {
            certificates: issued.certificates,
            trusted: authority.trusted(),
            authority: (role == Role::Member).then(|| authority.files()),
            members: self.members().await?,
            refused: refused.0.into_iter().collect(),
        })
    }

    pub(super) async fn get<R: Record>(&self, key: &str) -> Result<Option<(Entry, R)>, Refusal> {
        let Some(entry) = self.store.get(key).await.map_err(|error| unavailable(&error))? else {
            return Ok(None);
        };
        let record = R::read(key, &entry.value).map_err(|error| unavailable(&error))?;
        Ok(Some((entry, record)))
    }

    pub(super) async fn range(&self, prefix: &str) -> Result<(Vec<Entry>, u64), Refusal> {
        self.store.range(prefix).await.map_err(|error| unavailable(&error))
    }

    pub(super) async fn commit(&self, when: Vec<Compare>, then: Vec<Operation>) -> Result<bool, Refusal> {
        match self.store.transaction(when, then).await {
            Ok(Commit::Done(_)) => Ok(true),
            Ok(Commit::Refused) => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

impl std::fmt::Debug for Registrar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registrar").field(&self.cluster).finish()
    }
}

/// The certificates of an identity, without those that they lead to.
fn leaves(identity: &Identity) -> Result<Vec<Certificate>, Refusal> {
    let certificates = &identity.certificates;
    let texts = [Some(&certificates.host), Some(&certificates.server), certificates.peer.as_ref()];
    let read: Result<Vec<_>, _> = texts.into_iter().flatten().map(|text| Certificate::all_of(text)).collect();
    Ok(read.map_err(broken)?.into_iter().map(|mut chain| chain.remove(0)).collect())
}

/// Where those are who may be members, in the order of their names.
pub(super) async fn members(store: &dyn Store) -> Result<Vec<MemberAddress>, StoreError> {
    let (entries, _) = store.range(keys::CLUSTER_CANDIDATES).await?;
    Ok(readable(&entries).collect())
}

/// The certificates that are refused although they are signed, and the revision at which that was so.
pub(super) async fn refused(store: &dyn Store) -> Result<(BTreeSet<Serial>, u64), StoreError> {
    let (entries, revision) = store.range(keys::CLUSTER_REFUSED).await?;
    let certificates = readable(&entries).flat_map(|refused: Refused| refused.certificates);
    Ok((certificates.map(|known| known.serial).collect(), revision))
}

/// Those who have joined and are not about to be removed, and what each may be.
pub(crate) async fn hosts(store: &dyn Store) -> Result<Vec<(HostName, Role)>, StoreError> {
    let (refused, _) = refused(store).await?;
    let (entries, _) = store.range(keys::CLUSTER_HOSTS).await?;
    let is_let_in = |host: &Host| !host.certificates.iter().all(|known| refused.contains(&known.serial));
    Ok(readable(&entries).filter(is_let_in).map(|host| (host.host, host.role)).collect())
}

/// Those that this version can read: one that it cannot must not hide the others.
fn readable<T: Record>(entries: &[Entry]) -> impl Iterator<Item = T> {
    let warn = |error: &StoreError| tracing::warn!("left out of what the store says of hosts: {error}");
    entries.iter().filter_map(move |entry| T::read(&entry.key, &entry.value).inspect_err(warn).ok())
}

impl Host {
    /// All that is written when it comes.
    pub(super) fn puts(&self) -> Vec<Operation> {
        let mut puts = vec![
            put(keys::cluster_host(self.host.as_str()), self),
            put(keys::cluster_address(self.agent_address()), &self.host),
        ];
        if self.role == Role::Member {
            puts.push(put(keys::cluster_candidate(self.host.as_str()), &self.member_address()));
        }
        puts
    }
}

impl Known {
    pub(super) fn of(certificate: &Certificate) -> Self {
        Self { serial: certificate.serial().clone(), ends: certificate.valid().1.into() }
    }
}

impl Issued {
    pub(super) fn known(&self) -> Vec<Known> {
        let ends = self.until.into();
        self.serials.iter().map(|serial| Known { serial: serial.clone(), ends }).collect()
    }
}

pub(super) fn put<R: Record>(key: String, record: &R) -> Operation {
    Operation::Put { key: key.into(), value: record.stored().into(), lease: None }
}

pub(super) fn missing(key: String) -> Compare {
    Compare::Missing(key.into())
}

pub(super) fn unavailable(error: &StoreError) -> Refusal {
    tracing::warn!("joining: {error}");
    Refusal::Unavailable(error.to_string())
}

pub(super) fn broken(error: impl std::fmt::Display) -> Refusal {
    tracing::error!("joining: {error}");
    Refusal::Failed
}
