//! What the store remembers of tokens, hosts and removals: a byte that tells the form, then JSON.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use homeostat_engine::store::StoreError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ticket::TokenId;
use crate::identity::{Fingerprint, HostName, MemberAddress, Ports, Role, Serial};

const FORM: u8 = 1;

/// Something that the store remembers.
pub(super) trait Record: Serialize + DeserializeOwned {
    /// The form in which it is stored.
    fn stored(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        serde_json::to_writer(&mut bytes, self).expect("records are plain data");
        bytes
    }

    /// Reads what is stored at a key.
    fn read(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let json = bytes.strip_prefix(&[FORM]);
        let read = json.and_then(|json| serde_json::from_slice(json).ok());
        read.ok_or_else(|| StoreError::Damaged(format!("`{key}` has a form that this version does not know")))
    }
}

/// What lies at a key of tokens, hosts and removals, read as members read it and written again; none where nobody would read it.
#[cfg(feature = "testing")]
pub(crate) fn written_again(key: &str, stored: &[u8]) -> Option<Vec<u8>> {
    use homeostat_engine::store::keys;
    fn again<T: Record>(key: &str, stored: &[u8]) -> Option<Vec<u8>> {
        T::read(key, stored).ok().map(|record| record.stored())
    }
    let below = |prefix: &str| key.starts_with(prefix);
    match key {
        keys::CLUSTER_AUTHORITY => again::<TrustedRecord>(key, stored),
        _ if below(keys::CLUSTER_TOKENS) => again::<Token>(key, stored),
        _ if below(keys::CLUSTER_CANDIDATES) => again::<MemberAddress>(key, stored),
        _ if below(keys::CLUSTER_REFUSED) => again::<Refused>(key, stored),
        _ if below(keys::CLUSTER_HOSTS) => again::<Host>(key, stored),
        _ if below("cluster/addresses/") => again::<HostName>(key, stored),
        _ => None,
    }
}

/// A token to join with. Its secret is long and random, so its hash tells nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) secret: Fingerprint,
    pub(super) ends: UnixSeconds,
    pub(super) uses_left: u32,
    pub(super) role: Role,
}

/// A host that has joined.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Host {
    pub(super) host: HostName,
    pub(super) listen: IpAddr,
    pub(super) ports: Ports,
    pub(super) role: Role,
    pub(super) key: Fingerprint,
    /// The token that it came with; the first host has none.
    pub(super) token: Option<TokenId>,
    /// Its certificates that are still valid.
    pub(super) certificates: Vec<Known>,
}

/// A certificate that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) serial: Serial,
    pub(super) ends: UnixSeconds,
}

/// A host that was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) host: HostName,
    pub(super) certificates: Vec<Known>,
}

/// The authorities that are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedRecord {
    /// The newest, which signs.
    pub newest: Fingerprint,
    /// All, the newest first, as PEM.
    pub trusted: String,
}

impl Record for Token {}
impl Record for Host {}
impl Record for Refused {}
impl Record for TrustedRecord {}
impl Record for MemberAddress {}
impl Record for HostName {}

impl Host {
    pub(super) fn agent_address(&self) -> SocketAddr {
        SocketAddr::new(self.listen, self.ports.agents)
    }

    pub(super) fn member_address(&self) -> MemberAddress {
        MemberAddress::new(self.host.clone(), self.listen, self.ports)
    }
}

/// A time in whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct UnixSeconds(u64);

impl UnixSeconds {
    pub(super) fn is_over(self, now: SystemTime) -> bool {
        self <= Self::from(now)
    }

    pub(super) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

impl From<SystemTime> for UnixSeconds {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}
