//! Letting hosts into the store of the cluster, and taking them out again, in the order in which nothing is left half.

use std::time::{Duration, SystemTime};

use homeostat_cluster::identity::{HostName, Role};
use homeostat_cluster::join::Refusal;
use homeostat_cluster::members::{self, Roster};
use homeostat_cluster::tls::Peer;
use tokio::time::{Instant, timeout};

use super::{Cluster, Own, Seen, unavailable};

/// A member that is taken out is replaced first. Whoever asks waits a little longer than that.
const UNSEATED_MAX: Duration = Duration::from_secs(50);
const WITHDRAW_AGAIN: Duration = Duration::from_secs(1);

impl Cluster {
    /// A host takes itself out.
    pub(crate) async fn answer_leave(&self, who: &Peer) -> Result<(), Refusal> {
        self.registrar()?.is_known(who).await?;
        self.take_out(&who.host).await.map(drop)
    }

    /// Takes a host out; says what it was.
    pub(crate) async fn remove(&self, host: &HostName) -> Result<Role, Refusal> {
        let role = self.take_out(host).await?;
        tracing::warn!("`{host}` was removed from the cluster");
        Ok(role)
    }

    /// First from among the members, then its user, then its record: until that is gone, it can be done again.
    async fn take_out(&self, host: &HostName) -> Result<Role, Refusal> {
        let registrar = self.registrar()?;
        let role = registrar.may_remove(host).await?;
        if *host == self.identity().settings.host {
            return Err(Refusal::Itself(host.clone()));
        }
        if let Some(own) = &self.own {
            let etcd = own.store.administration();
            if role == Role::Member {
                own.unseat(host).await?;
                members::demote(&etcd, host.as_str()).await.map_err(unavailable)?;
            }
            members::remove_host(&etcd, host.as_str()).await.map_err(unavailable)?;
        }
        registrar.remove(host, SystemTime::now()).await
    }
}

impl Own {
    /// Lets a host that was admitted into the store.
    pub(super) async fn let_in(&self, host: &HostName, role: Role) -> Result<(), Refusal> {
        members::let_in(&self.store.administration(), host.as_str(), role).await.map_err(unavailable)
    }

    /// Has a host let go as a member, and waits until it is none.
    async fn unseat(&self, host: &HostName) -> Result<(), Refusal> {
        let still = || Refusal::Unavailable(format!("`{host}` is still a member of the store; try again"));
        let Seen::Following { mut roster, .. } = self.seen.borrow().clone() else { return Err(still()) };
        let is_off = |roster: &Option<Roster>| {
            roster.as_ref().is_some_and(|roster| roster.of(host.as_str()).is_none())
        };
        let until = Instant::now() + UNSEATED_MAX;
        loop {
            // It may have offered itself once more: while it starts, it knows nothing of this.
            if let Err(error) = members::withdraw(&self.store, host.as_str()).await {
                tracing::debug!("the members change, and the store with them: {error}");
            }
            match timeout(WITHDRAW_AGAIN, roster.wait_for(is_off)).await {
                Ok(Ok(_)) => return Ok(()),
                Err(_) if Instant::now() < until => {}
                Ok(Err(_)) | Err(_) => return Err(still()),
            }
        }
    }
}
