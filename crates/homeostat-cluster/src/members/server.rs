//! What a server of ours is, and how etcd is told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The server of this host, as far as it never changes.
#[derive(Debug, Clone)]
pub struct Server {
    /// The program: a path, or a name that is looked up.
    pub program: PathBuf,
    /// Where it answers clients, as URLs; the first one is told to others.
    pub client_urls: Vec<String>,
    /// Where it answers other members; the first one is told to them.
    pub peer_urls: Vec<String>,
    /// The files of its certificates; none for a host that is alone on its loopback address.
    pub tls: Option<ServerTls>,
    /// Above this size of its file it takes no more, in bytes.
    pub quota_bytes: u64,
    /// How long the past is kept.
    pub retention: Duration,
}

/// The files of a server's certificates, as PEM. etcd reads them again for every connection, so they may be renewed.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// The authorities that clients and members are checked against.
    pub authority: PathBuf,
    /// For clients: the certificate, which has no common name, and its key.
    pub server: (PathBuf, PathBuf),
    /// For members: the certificate and its key.
    pub peer: (PathBuf, PathBuf),
    /// The common name that the certificates of members have.
    pub peer_name: Option<String>,
    /// The list of certificates that are no longer to be trusted.
    pub revoked: Option<PathBuf>,
}

/// What a server that has no data yet begins with; one that has data goes on with that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    /// A cluster of its own.
    Alone,
    /// It was added to a cluster of these hosts, itself among them, with their URLs.
    Among(Vec<(String, String)>),
    /// It goes on alone with the data that it has, without those that it knew.
    Survivor,
}

impl Server {
    /// How it is started for this host with its data there.
    pub(super) fn arguments(&self, host: &str, data: &Path, begin: &Begin) -> Vec<OsString> {
        let mut all: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: &str| all.push(format!("--{name}={value}").into());
        let (client, peer) = (first(&self.client_urls), first(&self.peer_urls));
        add("name", host);
        add("listen-client-urls", &self.client_urls.join(","));
        add("advertise-client-urls", client);
        add("listen-peer-urls", &self.peer_urls.join(","));
        add("initial-advertise-peer-urls", peer);
        let (existing, members) = match begin {
            Begin::Alone | Begin::Survivor => ("new", vec![(host.to_owned(), peer.to_owned())]),
            Begin::Among(members) => ("existing", members.clone()),
        };
        let members: Vec<_> = members.iter().map(|(host, url)| format!("{host}={url}")).collect();
        add("initial-cluster", &members.join(","));
        add("initial-cluster-state", existing);
        if *begin == Begin::Survivor {
            add("force-new-cluster", "true");
            // See `lone`: what it has is to reach others as a whole.
            add("snapshot-count", "1");
        }
        add("strict-reconfig-check", "true");
        // A member that was cut off does not make the others elect when it returns.
        add("pre-vote", "true");
        add("enable-grpc-gateway", "false");
        add("auto-compaction-mode", "periodic");
        add("auto-compaction-retention", &format!("{}s", self.retention.as_secs().max(1)));
        // A new member goes through what the others went through, and may not make room before it has a vote: full of what they have
        // thrown away since, it would close the store that they have just opened.
        let quota_bytes = match begin {
            Begin::Among(_) => self.quota_bytes.saturating_mul(2),
            Begin::Alone | Begin::Survivor => self.quota_bytes,
        };
        add("quota-backend-bytes", &quota_bytes.to_string());
        add("log-outputs", "stderr");
        all.push(joined("--data-dir=", data));
        if let Some(tls) = &self.tls {
            for (name, path) in [
                ("--trusted-ca-file=", &tls.authority),
                ("--cert-file=", &tls.server.0),
                ("--key-file=", &tls.server.1),
                ("--peer-trusted-ca-file=", &tls.authority),
                ("--peer-cert-file=", &tls.peer.0),
                ("--peer-key-file=", &tls.peer.1),
            ] {
                all.push(joined(name, path));
            }
            all.extend(["--client-cert-auth=true", "--peer-client-cert-auth=true"].map(Into::into));
            if let Some(name) = &tls.peer_name {
                all.push(format!("--peer-cert-allowed-cn={name}").into());
            }
            if let Some(revoked) = &tls.revoked {
                all.extend([joined("--client-crl-file=", revoked), joined("--peer-crl-file=", revoked)]);
            }
        }
        all
    }
}

fn first(urls: &[String]) -> &str {
    urls.first().map_or("", String::as_str)
}

fn joined(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(path);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_started_with_what_keeps_it_closed() {
        let path = |name: &str| PathBuf::from("/p").join(name);
        let tls = ServerTls {
            authority: path("ca"),
            server: (path("server.pem"), path("server.key")),
            peer: (path("peer.pem"), path("peer.key")),
            peer_name: Some("peers".into()),
            revoked: Some(path("crl")),
        };
        let server = Server {
            program: "etcd".into(),
            client_urls: vec!["https://10.0.0.2:2379".into()],
            peer_urls: vec!["https://10.0.0.2:2380".into()],
            tls: Some(tls),
            quota_bytes: 1 << 30,
            retention: Duration::from_secs(3600),
        };
        let among =
            Begin::Among(vec![("a".into(), "https://10.0.0.1:2380".into()), ("b".into(), "u".into())]);
        let arguments = server.arguments("b", &path("etcd"), &among);
        for wanted in [
            "--client-cert-auth=true",
            "--peer-client-cert-auth=true",
            "--enable-grpc-gateway=false",
            "--client-crl-file=/p/crl",
            "--peer-cert-allowed-cn=peers",
            "--initial-cluster=a=https://10.0.0.1:2380,b=u",
            "--initial-cluster-state=existing",
            "--data-dir=/p/etcd",
            "--quota-backend-bytes=2147483648",
        ] {
            assert!(arguments.contains(&wanted.into()), "{wanted} is not in {arguments:?}");
        }
        assert!(!arguments.contains(&"--force-new-cluster=true".into()));
        let again = server.arguments("b", &path("etcd"), &Begin::Alone);
        assert!(again.contains(&"--quota-backend-bytes=1073741824".into()));
    }
}
