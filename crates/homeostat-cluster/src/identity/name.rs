//! Names of hosts, as certificates and keys of the store carry them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Below this no host has a name: such names say in certificates what somebody may do, not who it is.
const RESERVED: &str = "homeostat.internal";
const BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The name of a host: letters, digits, dots and dashes, at most 253 of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(Arc<str>);

/// Why a text is not the name of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot be the name of a host: {why}")]
pub struct NotAHostName {
    name: String,
    why: &'static str,
}

impl HostName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both would be one name where the case of letters does not count.
    pub fn is_like(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl FromStr for HostName {
    type Err = NotAHostName;

    fn from_str(text: &str) -> Result<Self, NotAHostName> {
        match wrong(text) {
            None => Ok(Self(text.into())),
            Some(why) => Err(NotAHostName { name: text.chars().take(BYTES_MAX).collect(), why }),
        }
    }
}

fn wrong(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > BYTES_MAX {
        return Some("it is longer than 253 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
        return Some("only letters, digits, dots and dashes are allowed");
    }
    let is_good = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !text.split('.').all(is_good) {
        return Some("between its dots there must be 1 to 63 characters, with no dash at either end");
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Some("it looks like an address");
    }
    // etcd's own name for whoever may do everything.
    if lower == "root" {
        return Some("`root` is the name of the store's own user");
    }
    if lower == "localhost" || lower.ends_with(".localhost") {
        return Some("every host calls itself so");
    }
    if lower == RESERVED || lower.strip_suffix(RESERVED).is_some_and(|rest| rest.ends_with('.')) {
        return Some("names below `homeostat.internal` are reserved");
    }
    None
}

impl TryFrom<String> for HostName {
    type Error = NotAHostName;

    fn try_from(text: String) -> Result<Self, NotAHostName> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_dns_takes_are_taken() {
        for name in ["a", "web-1", "Web1.example.org", "1a", "x--y", &"a.".repeat(126).as_str()[..251]] {
            assert_eq!(name.parse::<HostName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_mean_something_else_are_refused() {
        for name in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "a b",
            "a/b",
            "../x",
            "é",
            "a\n",
            "10.0.0.1",
            "1",
            "root",
            "Root",
            "localhost",
            "a.localhost",
            "homeostat.internal",
            "Member.Homeostat.Internal",
            "homeostat:member",
            &"a".repeat(64),
            &"a.".repeat(127),
        ] {
            assert!(name.parse::<HostName>().is_err(), "{name}");
        }
        assert!("nothomeostat.internal".parse::<HostName>().is_ok());
    }

    #[test]
    fn names_that_differ_in_case_are_alike() {
        let name = |text: &str| text.parse::<HostName>().unwrap();
        assert!(name("Web").is_like(&name("web")));
        assert_ne!(name("Web"), name("web"));
    }
}
