//! TLS over loopback.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeostat_cluster::identity::{Authority, HOST_LIFETIME, Identity, Role};
use homeostat_cluster::tls::{Peer, Tls, TlsError, Whom, connect_pinned};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::setting::{HOUR, host, peer};

/// A host that answers `hello` to whomever it lets in.
struct Listening {
    tls: Arc<Tls>,
    at: SocketAddr,
    seen: mpsc::Receiver<Result<Option<Peer>, String>>,
    _tasks: JoinSet<()>,
}

impl Listening {
    async fn start(identity: &Identity) -> Self {
        let tls = Arc::new(Tls::new(identity).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (tell, seen) = mpsc::channel(16);
        let mut tasks = JoinSet::new();
        let accepting = tls.clone();
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let told = match accepting.accept(stream).await {
                    Ok((mut stream, peer)) => {
                        stream.write_all(b"hello").await.unwrap();
                        stream.shutdown().await.ok();
                        Ok(peer)
                    }
                    Err(error) => Err(format!("{error:?}")),
                };
                tell.send(told).await.unwrap();
            }
        });
        Self { tls, at, seen, _tasks: tasks }
    }

    async fn seen(&mut self) -> Result<Option<Peer>, String> {
        self.seen.recv().await.unwrap()
    }

    /// Whether somebody gets an answer.
    async fn answers(&self, identity: &Identity) -> Result<(), String> {
        self.answers_to(&Tls::new(identity).unwrap(), &Whom::Member).await
    }

    async fn answers_to(&self, tls: &Tls, whom: &Whom) -> Result<(), String> {
        let mut stream = tls.connect(self.at, whom).await.map_err(|error| format!("{error:?}"))?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.map_err(|error| format!("{error:?}"))?;
        if text == "hello" { Ok(()) } else { Err(text) }
    }
}

fn authority() -> Authority {
    Authority::create(SystemTime::now()).unwrap()
}

fn member(authority: &Authority, name: &str) -> Identity {
    host(authority, name, Role::Member, SystemTime::now())
}

fn agent(authority: &Authority, name: &str) -> Identity {
    host(authority, name, Role::Agent, SystemTime::now())
}

#[tokio::test]
async fn hosts_of_a_cluster_know_each_other_by_name() {
    let authority = authority();
    let mut server = Listening::start(&member(&authority, "server")).await;
    let client = agent(&authority, "client");
    server.answers(&client).await.unwrap();
    assert_eq!(server.seen().await, Ok(Some(peer(&client.certificates.host))));
    let tls = Tls::new(&client).unwrap();
    server.answers_to(&tls, &Whom::Host("server".parse().unwrap())).await.unwrap();
    server.seen().await.unwrap();
    let other = server.answers_to(&tls, &Whom::Host("other".parse().unwrap())).await;
    assert!(other.unwrap_err().contains("NotValidForName"));
}

#[tokio::test]
async fn another_authority_is_refused_by_both_ends() {
    let (ours, others) = (authority(), authority());
    let mut server = Listening::start(&member(&ours, "server")).await;
    let stranger = agent(&others, "client");
    let distrusted = server.answers(&stranger).await.unwrap_err();
    assert!(distrusted.contains("UnknownIssuer"), "{distrusted}");
    assert!(server.seen().await.is_err());
    // Whoever trusts us and is not trusted.
    let intruder = Identity { trusted: ours.trusted(), ..stranger };
    server.answers(&intruder).await.unwrap_err();
    let refused = server.seen().await.unwrap_err();
    assert!(refused.contains("UnknownIssuer"), "{refused}");
}

#[tokio::test]
async fn only_a_member_is_taken_for_one() {
    let authority = authority();
    let server = Listening::start(&agent(&authority, "server")).await;
    let refused = server.answers(&agent(&authority, "client")).await.unwrap_err();
    assert!(refused.contains("NotValidForName"), "{refused}");
}

#[tokio::test]
async fn whoever_joins_pins_the_authority_and_is_nobody() {
    let ours = authority();
    for (identity, is_member) in [(member(&ours, "server"), true), (agent(&ours, "server"), false)] {
        let mut server = Listening::start(&identity).await;
        let (_stream, told) = connect_pinned(server.at, ours.fingerprint()).await.unwrap();
        assert_eq!(told, is_member);
        assert_eq!(server.seen().await, Ok(None));
        let other = connect_pinned(server.at, authority().fingerprint()).await;
        let Err(TlsError::Connection(error)) = other else { panic!("{other:?}") };
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    }
    // Who shows the right authority and has another's certificate.
    let liar = Identity { trusted: ours.trusted(), ..member(&authority(), "server") };
    let server = Listening::start(&liar).await;
    assert!(connect_pinned(server.at, ours.fingerprint()).await.is_err());
}

#[tokio::test]
async fn a_renewed_identity_is_used_at_once() {
    let authority = authority();
    let mut server = Listening::start(&member(&authority, "server")).await;
    let (old, new) = (agent(&authority, "client"), agent(&authority, "client"));
    let tls = Tls::new(&old).unwrap();
    for identity in [&old, &new] {
        tls.replace(identity).unwrap();
        server.answers_to(&tls, &Whom::Member).await.unwrap();
        assert_eq!(server.seen().await, Ok(Some(peer(&identity.certificates.host))));
    }
}

#[tokio::test]
async fn while_the_authority_is_replaced_everybody_knows_everybody() {
    let old = authority();
    let new = old.renew(SystemTime::now()).unwrap();
    let identities = [agent(&old, "a"), agent(&new, "b")];
    for server in [member(&old, "c"), member(&new, "d")] {
        let server = Listening::start(&server).await;
        for client in &identities {
            server.answers(client).await.unwrap();
        }
    }
    // Who joins with a token of the new one.
    let server = Listening::start(&member(&new, "d")).await;
    assert!(connect_pinned(server.at, new.fingerprint()).await.unwrap().1);
    // Without the older ones, what they signed is refused.
    let alone = new.without_older().unwrap();
    let mut server = Listening::start(&member(&alone, "e")).await;
    server.answers(&identities[0]).await.unwrap_err();
    assert!(server.seen().await.is_err());
    server.answers(&identities[1]).await.unwrap();
    // Whoever runs and knows only the older one still takes what the new one signs.
    let running = Identity { trusted: old.trusted(), ..member(&alone, "g") };
    let server = Listening::start(&running).await;
    server.answers(&agent(&alone, "f")).await.unwrap();
}

#[tokio::test]
async fn a_removed_host_is_refused_as_client_and_as_server() {
    let authority = authority();
    let (identity, other) = (member(&authority, "server"), agent(&authority, "client"));
    let mut server = Listening::start(&identity).await;
    let removed = peer(&other.certificates.host);
    server.tls.refuse(BTreeSet::from([removed.serial.clone()]));
    assert!(server.tls.is_refused(&removed.serial));
    server.answers(&other).await.unwrap_err();
    assert!(server.seen().await.unwrap_err().contains("Removed"));

    let tls = Tls::new(&other).unwrap();
    let shown = homeostat_cluster::identity::Certificate::all_of(&identity.certificates.server).unwrap();
    tls.refuse(BTreeSet::from([shown[0].serial().clone()]));
    assert!(matches!(tls.connect(server.at, &Whom::Member).await, Err(TlsError::Removed)));
}

#[tokio::test]
async fn clocks_an_hour_apart_do_not_matter_and_ended_certificates_do() {
    let authority = authority();
    let now = SystemTime::now();
    let mut server = Listening::start(&host(&authority, "server", Role::Member, now + HOUR)).await;
    for made in [now + HOUR, now - HOUR, now - HOST_LIFETIME + HOUR] {
        server.answers(&host(&authority, "client", Role::Agent, made)).await.unwrap();
        server.seen().await.unwrap();
    }
    for (made, why) in [(now - HOST_LIFETIME - HOUR, "Expired"), (now + 3 * HOUR, "NotValidYet")] {
        server.answers(&host(&authority, "client", Role::Agent, made)).await.unwrap_err();
        let refused = server.seen().await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test]
async fn whoever_connects_and_says_nothing_is_let_go() {
    let authority = authority();
    let mut server = Listening::start(&member(&authority, "server")).await;
    let _silent = tokio::net::TcpStream::connect(server.at).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(60), server.seen()).await.unwrap();
    assert!(told.unwrap_err().contains("Late"));
}
