//! The identity of a running agent: it answers others, follows whom to trust, and renews itself.
//!
//! Invariants: while the store or other hosts are away, what was known last goes on; the files of the identity have one
//! owner, the [`Keeper`].

mod keeper;
mod part;
mod removal;
mod report;
mod returning;
mod unknown;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context;
use homeostat_cluster::EtcdStore;
use homeostat_cluster::deploys::blobs::Depot;
use homeostat_cluster::identity::{ClusterDir, HostName, Identity, MemberAddress, Role};
use homeostat_cluster::join::{
    Granted, JoinAnswer, JoinRequest, NewToken, Refusal, Registrar, Renewal, Return,
};
use homeostat_cluster::members;
use homeostat_cluster::tls::{Peer, Tls};
use homeostat_engine::Store;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use keeper::Keeper;
use keeper::NewAuthority;
use part::word;
pub(crate) use part::{Part, Playing, Seen};
pub(crate) use report::own_part;

use crate::views::time_text;

/// Requests that change files wait for each other; there are few.
const WAITING_MAX: usize = 8;

/// What is said on a host that was removed.
const REMOVED: &str = "this host was removed from the cluster: join again with a new token";

/// The identity of a running agent, for everybody who needs it.
pub(crate) struct Cluster {
    tls: Tls,
    identity: Mutex<Arc<Identity>>,
    /// On members.
    registrar: Option<Registrar>,
    changes: mpsc::Sender<NewAuthority>,
    own: Option<Own>,
    /// What is in the way of new certificates in the place of those that have ended.
    ended: watch::Sender<Option<String>>,
    /// On those that follow releases.
    depot: Option<Depot>,
}

/// The store that the cluster itself runs; there is none where somebody else's is used.
pub(crate) struct Own {
    pub(crate) store: Arc<EtcdStore>,
    pub(crate) seen: watch::Receiver<Seen>,
}

impl Cluster {
    /// The identity that a prefix holds, and who keeps it.
    pub(crate) fn open(
        dir: ClusterDir,
        identity: Identity,
        store: Arc<dyn Store>,
        own: Option<Own>,
        depot: Option<Depot>,
    ) -> anyhow::Result<(Arc<Self>, Keeper)> {
        let tls = Tls::new(&identity).context("the identity of this host cannot be used")?;
        let registrar = match (identity.settings.member, dir.authority()?) {
            (true, Some(authority)) => {
                let cluster = identity.settings.cluster.clone();
                let pinned = dir.clone();
                let pinned =
                    move || pinned.pinned().map_err(|error| format!("{:#}", anyhow::Error::from(error)));
                Some(Registrar::new(store.clone(), cluster, pinned, authority))
            }
            (true, None) => anyhow::bail!("this host may be a member and has no key of the authority"),
            (false, _) => None,
        };
        let (changes, asked) = mpsc::channel(WAITING_MAX);
        let identity = Mutex::new(Arc::new(identity));
        let ended = watch::Sender::new(None);
        let cluster = Arc::new(Self { tls, identity, registrar, changes, own, ended, depot });
        let keeper = Keeper::new(cluster.clone(), dir, store, asked);
        Ok((cluster, keeper))
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// The large files of releases that are here.
    pub(crate) fn depot(&self) -> Option<&Depot> {
        self.depot.as_ref()
    }

    /// Whether we take in a large file that is not for us from this host, so that others have it from here.
    pub(crate) fn takes_for_others(&self, from: &HostName) -> bool {
        let settings = &self.identity().settings;
        settings.member || settings.host == *from
    }

    /// Whether this host is trusted with the whole store.
    pub(crate) fn may_be_member(&self) -> bool {
        self.identity().settings.member
    }

    /// Where our agent answers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.identity().settings.agent_address()
    }

    /// What somebody without an identity is told.
    pub(crate) async fn answer_join(&self, asked: JoinRequest) -> Result<JoinAnswer, Refusal> {
        match asked {
            JoinRequest::Where => Ok(JoinAnswer::Members(self.identity().settings.members.clone())),
            JoinRequest::Admit(admission) => {
                let admitted = self.registrar()?.admit(&admission, SystemTime::now()).await?;
                if let Some(own) = &self.own {
                    let is_candidate = admitted.granted.authority.is_some();
                    let role = if is_candidate { Role::Member } else { Role::Agent };
                    own.let_in(&admission.host, role).await?;
                }
                Ok(JoinAnswer::Admitted(Box::new(admitted)))
            }
        }
    }

    /// What a host is told that renews.
    pub(crate) async fn answer_renewal(&self, who: &Peer, asked: &Renewal) -> Result<Granted, Refusal> {
        self.registrar()?.renew(who, asked, SystemTime::now()).await
    }

    /// What a host is told whose certificates have ended while it was away.
    pub(crate) async fn answer_return(&self, asked: &Return) -> Result<Granted, Refusal> {
        self.registrar()?.welcome_back(asked, SystemTime::now()).await
    }

    /// Makes a token; the word to hand over.
    pub(crate) async fn token(&self, new: NewToken) -> Result<String, Refusal> {
        let registrar = self.registrar()?;
        // Until roles count there, nobody is let in.
        if self.own.as_ref().is_some_and(|own| matches!(*own.seen.borrow(), Seen::Beginning(_))) {
            return Err(Refusal::Unavailable("the store of the new cluster is being made".into()));
        }
        Ok(registrar.token(new, SystemTime::now()).await?.reveal())
    }

    /// How many members of the store there are to be.
    pub(crate) async fn set_size(&self, size: usize) -> Result<(), Refusal> {
        members::set_size(self.own_store()?, size).await.map_err(unavailable)
    }

    /// For how many seconds a member may be away before it is replaced.
    pub(crate) async fn set_grace(&self, seconds: u64) -> Result<(), Refusal> {
        members::set_grace(self.own_store()?, seconds).await.map_err(unavailable)
    }

    fn own_store(&self) -> Result<&EtcdStore, Refusal> {
        let own = self.own.as_ref().ok_or_else(|| Refusal::Unavailable("somebody else runs it".into()))?;
        Ok(&own.store)
    }

    /// How the part of this host in the store goes.
    pub(crate) fn seen(&self) -> Option<watch::Receiver<Seen>> {
        self.own.as_ref().map(|own| own.seen.clone())
    }

    /// Replaces the authority by a new one, or drops those before it; says which one it is now.
    pub(crate) async fn renew_authority(&self, drop_older: bool) -> Result<String, Refusal> {
        self.registrar()?;
        let (answer, answered) = oneshot::channel();
        let ends = || Refusal::Unavailable("the agent ends".into());
        self.changes.send(NewAuthority { drop_older, answer }).await.map_err(|_| ends())?;
        answered.await.map_err(|_| ends())?
    }

    /// For a person: that this host was removed, or that its certificates have ended, and what is in the way of new ones.
    pub(crate) fn trouble(&self) -> Option<String> {
        if self.is_removed() { Some(REMOVED.into()) } else { self.ended.borrow().clone() }
    }

    /// Whether the certificate of this host is refused everywhere.
    fn is_removed(&self) -> bool {
        self.identity().certificate().is_ok_and(|own| self.tls.is_refused(own.serial()))
    }

    /// When the certificates of this host ended, if they did.
    fn ended(&self) -> Option<String> {
        let ends = self.identity().certificate().ok()?.valid().1;
        (ends <= SystemTime::now()).then(|| time_text(ends))
    }

    fn tell_ended(&self, why: Option<String>) {
        self.ended.send_replace(why);
    }

    fn identity(&self) -> Arc<Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace_identity(&self, identity: Identity) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }

    fn registrar(&self) -> Result<&Registrar, Refusal> {
        self.registrar.as_ref().ok_or(Refusal::NotAMember)
    }
}

/// Where the agent of a member answers.
pub(crate) fn address(member: &MemberAddress) -> anyhow::Result<SocketAddr> {
    let address = member.agent.strip_prefix("https://").and_then(|address| address.parse().ok());
    address.with_context(|| format!("`{}` is no address of an agent", member.agent))
}

fn unavailable(error: impl std::fmt::Display) -> Refusal {
    Refusal::Unavailable(error.to_string())
}
