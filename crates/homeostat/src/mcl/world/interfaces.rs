//! The network interfaces of this machine.

use std::fs;
use std::path::Path;

use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, Error};
use if_addrs::{IfAddr, get_if_addrs};

/// Where the kernel shows interfaces.
const SYSFS: &str = "/sys/class/net";
/// The type of Ethernet there.
const ETHERNET: &str = "1";

struct Interface {
    name: String,
    mac: String,
    is_ethernet: bool,
    /// It is a piece of hardware, not a bridge or a tunnel.
    is_device: bool,
}

/// All of them by their names, with their addresses.
pub(super) fn all() -> Answer {
    let addresses = get_if_addrs().map_err(|error| {
        Error::permanent(format!("the addresses of the interfaces are not known: {error}"))
    })?;
    let mut interfaces: Vec<Interface> = fs::read_dir(SYSFS)
        .map(|entries| entries.flatten().map(|entry| interface(&entry.path())).collect())
        .unwrap_or_default();
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    // In a container none is hardware; then all that look like Ethernet are as good.
    let has_devices = interfaces.iter().any(|one| one.is_device && one.is_ethernet);
    Ok(Value::list(interfaces.iter().map(|one| {
        let own = addresses.iter().filter(|address| address.name == one.name);
        let cidrs = own.map(|address| match &address.addr {
            IfAddr::V4(v4) => format!("{}/{}", v4.ip, v4.prefixlen),
            IfAddr::V6(v6) => format!("{}/{}", v6.ip, v6.prefixlen),
        });
        Value::structure([
            ("name", Value::from(one.name.as_str())),
            ("mac", Value::from(one.mac.as_str())),
            ("cidrs", Value::list(cidrs.map(Value::from))),
            ("wired", Value::Bool(one.is_ethernet && (one.is_device || !has_devices))),
        ])
    })))
}

fn interface(path: &Path) -> Interface {
    let text = |file: &str| fs::read_to_string(path.join(file)).unwrap_or_default().trim().to_owned();
    let mac = text("address");
    Interface {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        mac: if mac == "00:00:00:00:00:00" { String::new() } else { mac },
        is_ethernet: text("type") == ETHERNET && !path.join("wireless").exists(),
        is_device: path.join("device").exists(),
    }
}
