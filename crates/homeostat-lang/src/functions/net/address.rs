//! Addresses of networks, hosts and cards.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::functions::error::{Error, Result};

/// `address/prefix`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cidr {
    ip: IpAddr,
    prefix: u32,
}

impl Cidr {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let invalid = || Error::catchable(format!("invalid CIDR address: {text}"));
        let (ip, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let ip: IpAddr = ip.parse().map_err(|_| invalid())?;
        let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix =
            prefix.parse().ok().filter(|bits| is_number && *bits <= bits_of(ip)).ok_or_else(invalid)?;
        Ok(Self { ip, prefix })
    }

    pub(super) fn ip(self) -> IpAddr {
        self.ip
    }

    pub(super) fn prefix(self) -> u32 {
        self.prefix
    }

    pub(super) fn mask(self) -> IpAddr {
        like(self.ip, self.mask_bits())
    }

    pub(super) fn network(self) -> IpAddr {
        like(self.ip, number(self.ip) & self.mask_bits())
    }

    /// Of a network without room for others, the address itself.
    pub(super) fn first(self) -> IpAddr {
        let room = self.host_bits() > 0;
        like(self.ip, number(self.network()) + u128::from(room))
    }

    /// The last address of IPv4 is for all hosts.
    pub(super) fn last(self) -> IpAddr {
        let all = number(self.network()) | (!self.mask_bits() & width_mask(self.ip));
        let reserved = self.ip.is_ipv4() && self.host_bits() > 1;
        like(self.ip, all - u128::from(reserved))
    }

    pub(super) fn contains(self, ip: IpAddr) -> bool {
        self.ip.is_ipv4() == ip.is_ipv4() && number(ip) & self.mask_bits() == number(self.network())
    }

    fn host_bits(self) -> u32 {
        bits_of(self.ip) - self.prefix
    }

    fn mask_bits(self) -> u128 {
        let hosts = 1u128.checked_shl(self.host_bits()).map_or(u128::MAX, |bit| bit - 1);
        !hosts & width_mask(self.ip)
    }
}

fn bits_of(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn width_mask(ip: IpAddr) -> u128 {
    if ip.is_ipv4() { u128::from(u32::MAX) } else { u128::MAX }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn like(ip: IpAddr, number: u128) -> IpAddr {
    match ip {
        // The masks keep it within 32 bits.
        IpAddr::V4(_) => Ipv4Addr::from_bits(number as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
    }
}

/// A hardware address of six bytes, in small letters with that separator; it may come with colons or dashes.
pub(super) fn mac(text: &str, separator: &str) -> Result<String> {
    let given = if text.contains('-') { '-' } else { ':' };
    let bytes: Vec<&str> = text.split(given).collect();
    let is_byte = |byte: &&str| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit());
    if bytes.len() != 6 || !bytes.iter().all(is_byte) {
        return Err(Error::catchable(format!("invalid MAC address: {text}")));
    }
    Ok(bytes.join(separator).to_lowercase())
}

/// `host:port` or `[host]:port`.
pub(super) fn split_host_port(text: &str) -> Result<(&str, &str)> {
    let wrong = |why: &str| Error::catchable(format!("address {text}: {why}"));
    let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("missing port in address"))?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').ok_or_else(|| match text.contains(']') {
            true => wrong("missing port in address"),
            false => wrong("missing ']' in address"),
        })?,
        None if host.contains(':') => return Err(wrong("too many colons in address")),
        None => host,
    };
    if host.contains(['[', ']']) || port.contains(['[', ']']) {
        return Err(wrong("unexpected bracket in address"));
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_their_ends() {
        for (cidr, mask, network, first, last) in [
            ("10.9.8.7/0", "0.0.0.0", "0.0.0.0", "0.0.0.1", "255.255.255.254"),
            ("192.0.2.130/25", "255.255.255.128", "192.0.2.128", "192.0.2.129", "192.0.2.254"),
            ("192.0.2.1/32", "255.255.255.255", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("192.0.2.1/31", "255.255.255.254", "192.0.2.0", "192.0.2.1", "192.0.2.1"),
            (
                "2001:db8::5/64",
                "ffff:ffff:ffff:ffff::",
                "2001:db8::",
                "2001:db8::1",
                "2001:db8::ffff:ffff:ffff:ffff",
            ),
            ("::1/0", "::", "::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let parsed = Cidr::parse(cidr).unwrap();
            let found =
                [parsed.mask(), parsed.network(), parsed.first(), parsed.last()].map(|ip| ip.to_string());
            assert_eq!(found, [mask, network, first, last], "{cidr}");
        }
    }

    #[test]
    fn what_is_no_address_is_caught() {
        for text in ["", "1.2.3.4", "1.2.3.4/33", "1.2.3.4/+8", "1.2.3/8", "1.2.3.4/", "::/129"] {
            assert!(Cidr::parse(text).is_err_and(|error| error.is_catchable()), "{text}");
        }
        for text in ["", "00:11:22:33:44", "00:11:22:33:44:5g", "0:11:22:33:44:55", "00:11-22:33:44:55"] {
            assert!(mac(text, ":").is_err(), "{text}");
        }
        for text in ["a", "a:b:c", "[::1]", "[::1", "a]:1", "[a:1"] {
            assert!(split_host_port(text).is_err(), "{text}");
        }
        assert_eq!(split_host_port(":80"), Ok(("", "80")));
    }
}
