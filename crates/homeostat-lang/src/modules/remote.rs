//! Modules that come from somewhere else: what their addresses say.

use std::sync::Arc;

/// A module that comes from somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its address, as the program says it.
    pub url: Arc<str>,
    /// Its path below a directory of modules, ending in a slash: the host without user and port, and the path.
    pub path: Arc<str>,
}

/// A module that comes from somewhere else, and whether it is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteImport {
    /// Which one.
    pub remote: Remote,
    /// The directory that it was found in, ending in a slash.
    pub base: Option<Arc<str>>,
}

/// The path of files on the machine itself begins with this instead of a host.
const THIS_MACHINE: &str = "localhost";

impl Remote {
    /// Reads an address. `None` where it has no scheme, an error where it leads nowhere.
    pub(super) fn parse(url: &str) -> Option<Result<Self, &'static str>> {
        let (scheme, rest) = url.split_once("://")?;
        Some(path_of(scheme, rest).map(|path| Self { url: url.into(), path: path.into() }))
    }
}

fn path_of(scheme: &str, rest: &str) -> Result<String, &'static str> {
    if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
        return Err(
            "an address begins with how the module is fetched: `git://`, `https://`, `ssh://`, `file://`",
        );
    }
    if rest.contains(['?', '#', '\\']) || rest.contains(char::is_control) {
        return Err("an address is a host and a path, and nothing else");
    }
    let (authority, inside) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(address) => address.split_once(']').map_or(address, |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let host = if host.is_empty() && scheme == "file" { THIS_MACHINE } else { host };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || host.starts_with(['-', '.']) || !host.chars().all(is_host) {
        return Err("what follows `://` is the name of a host");
    }
    let inside = inside.trim_end_matches('/');
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    if !inside.is_empty() && !inside.split('/').all(is_plain) {
        return Err("the path of an address leads nowhere above");
    }
    let slash = if inside.is_empty() { "" } else { "/" };
    Ok(format!("{host}/{inside}{slash}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_of_host_and_path() {
        for (url, path) in [
            ("git://example.com:99/a/b/", "example.com/a/b/"),
            ("https://example.com/a", "example.com/a/"),
            ("ssh://git@example.com/a.git", "example.com/a.git/"),
            ("https://[::1]:3000/a/", "::1/a/"),
            ("file:///srv/a/", "localhost/srv/a/"),
            ("git://example.com", "example.com/"),
        ] {
            assert_eq!(
                Remote::parse(url).and_then(Result::ok).map(|remote| remote.path.to_string()).as_deref(),
                Some(path)
            );
        }
    }

    #[test]
    fn an_address_leads_to_no_other_place() {
        for url in [
            "git://example.com/../../etc/",
            "git://../etc/",
            "git://-oProxyCommand=x/a/",
            "git://example.com//a/",
            "git://example.com/a/?b",
            "https:///a/",
            "://a/",
        ] {
            assert!(matches!(Remote::parse(url), Some(Err(_))), "{url}");
        }
        assert_eq!(Remote::parse("a/b"), None);
    }
}
