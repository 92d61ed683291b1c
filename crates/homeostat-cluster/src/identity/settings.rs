//! What a host knows of its cluster: `cluster.json`.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::authority::{Role, Subject};
use super::certificate::Serial;
use super::name::HostName;

/// The form of `cluster.json`.
pub const SETTINGS_VERSION: u32 = 1;

/// What a host knows of its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The form of this file.
    pub version: u32,
    /// The cluster: no other has this name.
    pub cluster: ClusterId,
    /// Who we are.
    pub host: HostName,
    /// The address at which we listen and are reached.
    pub listen: IpAddr,
    /// The ports there.
    #[serde(default)]
    pub ports: Ports,
    /// Whether we may run a part of the store.
    pub member: bool,
    /// Those who may, as far as we know.
    #[serde(default)]
    pub members: Vec<MemberAddress>,
    /// Certificates that are refused although they are signed.
    #[serde(default)]
    pub refused: Vec<Serial>,
}

/// A cluster's own name: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(String);

/// The ports of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// Where agents answer each other.
    pub agents: u16,
    /// Where the store answers its clients.
    pub store_clients: u16,
    /// Where stores answer each other.
    pub store_peers: u16,
}

/// Where a member is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberAddress {
    /// Its name.
    pub host: HostName,
    /// Where its agent answers, as a URL.
    pub agent: String,
    /// Where its store answers clients, as a URL.
    pub client: String,
    /// Where its store answers others, as a URL.
    pub peer: String,
}

impl ClusterId {
    /// A new one.
    pub fn random() -> Self {
        Self(super::certificate::hex(&super::authority::random::<16>()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self::from_first(7420).expect("there is room for two more")
    }
}

impl Ports {
    /// That of the agents and the two after it.
    pub fn from_first(agents: u16) -> Option<Self> {
        let store_peers = agents.checked_add(2)?;
        (agents > 0).then_some(Self { agents, store_clients: agents + 1, store_peers })
    }
}

impl MemberAddress {
    /// That of a host at this address.
    pub fn new(host: HostName, address: IpAddr, ports: Ports) -> Self {
        let url = |port| format!("https://{}", SocketAddr::new(address, port));
        let (agent, client) = (url(ports.agents), url(ports.store_clients));
        Self { host, agent, client, peer: url(ports.store_peers) }
    }
}

impl Settings {
    /// Whom our certificates are for.
    pub fn subject(&self) -> Subject {
        let role = if self.member { Role::Member } else { Role::Agent };
        Subject { host: self.host.clone(), address: self.listen, role }
    }

    /// Where our agent answers.
    pub fn agent_address(&self) -> SocketAddr {
        SocketAddr::new(self.listen, self.ports.agents)
    }

    /// Where we are found, if we are a member.
    pub fn own_address(&self) -> MemberAddress {
        MemberAddress::new(self.host.clone(), self.listen, self.ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_follow_the_first() {
        let ports = Ports::default();
        assert_eq!((ports.agents, ports.store_clients, ports.store_peers), (7420, 7421, 7422));
        assert_eq!(Ports::from_first(65534), None);
        assert_eq!(Ports::from_first(0), None);
    }

    #[test]
    fn addresses_are_urls_for_both_families() {
        let at = |ip: &str| MemberAddress::new("a".parse().unwrap(), ip.parse().unwrap(), Ports::default());
        assert_eq!(at("10.0.0.1").agent, "https://10.0.0.1:7420");
        assert_eq!(at("2001:db8::1").client, "https://[2001:db8::1]:7421");
    }
}
