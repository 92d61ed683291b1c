//! What a membership is started with.

use std::path::PathBuf;
use std::time::Duration;

use super::server::{Server, ServerTls};
use crate::identity::{ClusterDir, PEER_NAME, Settings};

/// A file that is larger takes no more; etcd's own limit.
const QUOTA_BYTES: u64 = 2 << 30;
/// A watch that was away for longer reads everything again.
const RETENTION: Duration = Duration::from_secs(3600);

/// Which host this is, and whether it may be a member.
#[derive(Debug, Clone)]
pub struct MembersConfig {
    /// The name of this host: the common name of its certificate.
    pub host: String,
    /// Where its part is kept: `cluster` below the prefix.
    pub dir: PathBuf,
    /// None for a host that is never a member.
    pub candidacy: Option<Candidacy>,
    /// How long things may take.
    pub times: MemberTimes,
}

/// What a host that may be a member brings.
#[derive(Debug, Clone)]
pub struct Candidacy {
    /// The server that it would run.
    pub server: Server,
    /// Where it is: members spread over zones.
    pub zone: String,
}

impl Candidacy {
    /// What the identity of a host makes of it.
    pub fn of(dir: &ClusterDir, settings: &Settings, zone: String) -> Self {
        let own = settings.own_address();
        let key = dir.file("host.key");
        let tls = ServerTls {
            authority: dir.file("authority.pem"),
            server: (dir.file("server.pem"), key.clone()),
            peer: (dir.file("peer.pem"), key),
            peer_name: Some(PEER_NAME.into()),
            revoked: Some(dir.file("revoked.pem")),
        };
        let server = Server {
            program: "etcd".into(),
            client_urls: vec![own.client],
            peer_urls: vec![own.peer],
            tls: Some(tls),
            quota_bytes: QUOTA_BYTES,
            retention: RETENTION,
        };
        Self { server, zone }
    }
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct MemberTimes {
    /// How long a member may be away before it is replaced, where nobody has said.
    pub grace: Duration,
    /// How much longer a member whose host is there may not answer: it may have much to do.
    pub busy: Duration,
    /// How long a learner may take.
    pub learner: Duration,
    /// How long a host that did not get on is not asked again.
    pub rest: Duration,
    /// How long the elected one stays elected without a sign of life.
    pub mandate: Duration,
    /// Between looks of the elected one at members that all are well.
    pub look: Duration,
    /// Between looks of a member at its own server.
    pub care: Duration,
    /// Between defragmentations of two members.
    pub tidy: Duration,
    /// Between starts of a server that ends: from the first to the second.
    pub restart: (Duration, Duration),
}

impl Default for MemberTimes {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(120),
            busy: Duration::from_secs(30),
            learner: Duration::from_secs(300),
            rest: Duration::from_secs(600),
            mandate: Duration::from_secs(10),
            look: Duration::from_secs(10),
            care: Duration::from_secs(30),
            tidy: Duration::from_secs(600),
            restart: (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }
}
