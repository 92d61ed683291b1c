//! The side of the host that joins: from one agent to the next, until a member has decided.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use homeostat_cluster::identity::{HostName, Key, Ports};
use homeostat_cluster::join::{
    Admission, Admitted, JoinAnswer, JoinRequest, JoinString, MESSAGE_VERSION, Refusal,
};
use homeostat_cluster::tls::connect_pinned;

use super::client::{AskError, ask};
use super::path;
use crate::agent::address;

/// How many agents are asked at most.
const ASKED_MAX: usize = 32;

/// Who wants to join.
pub(crate) struct Joiner<'a> {
    pub(crate) given: &'a JoinString,
    pub(crate) host: HostName,
    /// Where it listens; if not given, at the address that reaches the cluster.
    pub(crate) listen: Option<IpAddr>,
    pub(crate) ports: Ports,
    pub(crate) key: &'a Key,
}

impl Joiner<'_> {
    /// Asks until somebody has decided. What was granted, and the address at which we are known now.
    pub(crate) async fn join(&self) -> anyhow::Result<(Admitted, IpAddr)> {
        let mut next: VecDeque<SocketAddr> = self.given.addresses.iter().copied().collect();
        let mut asked = BTreeSet::new();
        let mut reasons = Vec::new();
        while let Some(at) = next.pop_front() {
            if asked.len() >= ASKED_MAX || !asked.insert(at) {
                continue;
            }
            match self.ask(at).await {
                Ok(Told::Admitted(admitted, listen)) => return Ok((*admitted, listen)),
                Ok(Told::Elsewhere(members)) => next.extend(members),
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => reasons.push(format!("{at}: {error:#}")),
            }
        }
        anyhow::bail!("no member of the cluster could be asked: {}", reasons.join("; "))
    }

    async fn ask(&self, at: SocketAddr) -> anyhow::Result<Told> {
        let (stream, is_member) = connect_pinned(at, self.given.authority).await?;
        // The secret is told to nobody else.
        if !is_member {
            return match ask(stream, path::JOIN, &JoinRequest::Where).await? {
                JoinAnswer::Members(members) => {
                    Ok(Told::Elsewhere(members.iter().filter_map(|member| address(member).ok()).collect()))
                }
                JoinAnswer::Admitted(_) => anyhow::bail!("it answers what it was not asked"),
            };
        }
        let listen = match self.listen {
            Some(listen) => listen,
            None => stream.get_ref().0.local_addr()?.ip(),
        };
        let admission = Admission {
            version: MESSAGE_VERSION,
            token: self.given.token.clone(),
            secret: self.given.secret.clone(),
            host: self.host.clone(),
            listen,
            ports: self.ports,
            request: self.key.signing_request()?,
        };
        match ask(stream, path::JOIN, &JoinRequest::Admit(Box::new(admission))).await? {
            JoinAnswer::Admitted(admitted) => Ok(Told::Admitted(admitted, listen)),
            JoinAnswer::Members(_) => anyhow::bail!("it answers what it was not asked"),
        }
    }
}

enum Told {
    Admitted(Box<Admitted>, IpAddr),
    Elsewhere(Vec<SocketAddr>),
}

/// Whether others would say the same.
fn is_final(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<AskError>() {
        Some(AskError::Refused(refusal)) => !matches!(
            refusal,
            Refusal::NotAMember | Refusal::TooOften | Refusal::Unavailable(_) | Refusal::Failed
        ),
        Some(AskError::Ended(_) | AskError::Late | AskError::NotUnderstood(_)) | None => false,
    }
}
