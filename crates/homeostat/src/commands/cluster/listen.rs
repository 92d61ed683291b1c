//! Where a host listens.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr;

use homeostat_cluster::identity::Ports;

use crate::exit::refused;

/// An address, and the port of the agents there if it is not the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: IpAddr,
    pub(crate) ports: Ports,
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (address, ports) = match (text.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
            (Ok(address), _) => (address, Ports::default()),
            (_, Ok(address)) => {
                let ports = Ports::from_first(address.port()).ok_or("two more ports are needed after it")?;
                (address.ip(), ports)
            }
            _ => return Err("an address such as 10.0.0.1, or 10.0.0.1:7420 to choose the ports"),
        };
        if address.is_unspecified() || address.is_multicast() {
            return Err("nobody can be reached there");
        }
        Ok(Self { address, ports })
    }
}

/// The address that reaches the default route. Nothing is sent.
pub(super) fn usual() -> anyhow::Result<Listen> {
    // Addresses for documentation: nobody has them, so they are where everything else is.
    let reaches = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from)?;
        socket.connect(to)?;
        socket.local_addr()
    };
    let found = reaches("0.0.0.0:0", "192.0.2.1:9").or_else(|_| reaches("[::]:0", "[2001:db8::1]:9"));
    match found {
        Ok(address) => Ok(Listen { address: address.ip(), ports: Ports::default() }),
        Err(_) => {
            Err(refused("there is no default route: say with --listen at which address we are reached"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_with_three_ports() {
        let listen: Listen = "10.0.0.1".parse().unwrap();
        assert_eq!(listen.ports.agents, 7420);
        let listen: Listen = "[2001:db8::1]:8000".parse().unwrap();
        assert_eq!((listen.ports.agents, listen.ports.store_peers), (8000, 8002));
        for text in ["", "host", "0.0.0.0", "::", "224.0.0.1", "10.0.0.1:65535", "10.0.0.1:0", "10.0.0.1:x"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
