//! The certificates in a real etcd, started as members start theirs.
#![allow(clippy::disallowed_methods, reason = "nothing tells when another process is ready")]

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use homeostat_cluster::identity::{Authority, Certificate, ClusterDir, Identity, PEER_NAME, Role};
use homeostat_cluster::{EtcdOptions, EtcdStore};
use homeostat_engine::Store;
use homeostat_engine::store::StoreError;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::setting::{HOUR, host};

const PATIENCE: Duration = Duration::from_secs(60);

/// A member of a store, with an identity of its own.
struct Member {
    place: TempDir,
    dir: ClusterDir,
    name: &'static str,
    client: u16,
    peer: u16,
    child: Option<Child>,
}

impl Member {
    /// One whose certificates are made when it is `now` for whoever makes them.
    fn new(authority: &Authority, name: &'static str, now: SystemTime) -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = ClusterDir::below(place.path());
        let identity = host(authority, name, Role::Member, now);
        dir.create(&identity, Some(&authority.files()), &[]).unwrap();
        dir.save_revocations(&authority.revocations(&[], now).unwrap()).unwrap();
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [client, peer] = free.map(|listener| listener.local_addr().unwrap().port());
        Self { place, dir, name, client, peer, child: None }
    }

    fn named(&self) -> String {
        format!("{}=https://127.0.0.1:{}", self.name, self.peer)
    }

    fn log(&self) -> PathBuf {
        self.place.path().join("log")
    }

    fn start(&mut self, members: &str) {
        let log = File::create(self.log()).unwrap();
        let (client, peer) =
            (format!("https://127.0.0.1:{}", self.client), format!("https://127.0.0.1:{}", self.peer));
        let file = |name: &str| self.dir.file(name).to_str().unwrap().to_owned();
        let child = Command::new("etcd")
            .args(["--name", self.name, "--data-dir", &file("etcd"), "--enable-grpc-gateway=false"])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", members])
            .args(["--client-cert-auth", "--trusted-ca-file", &file("authority.pem")])
            .args(["--cert-file", &file("server.pem"), "--key-file", &file("host.key")])
            .args(["--client-crl-file", &file("revoked.pem"), "--peer-crl-file", &file("revoked.pem")])
            .args(["--peer-client-cert-auth", "--peer-trusted-ca-file", &file("authority.pem")])
            .args(["--peer-cert-file", &file("peer.pem"), "--peer-key-file", &file("host.key")])
            .args(["--peer-cert-allowed-cn", PEER_NAME])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    fn wait_until_ready(&self) {
        let start = Instant::now();
        while !self.says("ready to serve client requests") {
            assert!(start.elapsed() < PATIENCE, "{}", std::fs::read_to_string(self.log()).unwrap());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn says(&self, what: &str) -> bool {
        std::fs::read_to_string(self.log()).is_ok_and(|log| log.contains(what))
    }

    /// The store as a host sees it, whose identity is in a directory.
    fn store(&self, dir: &ClusterDir) -> EtcdStore {
        EtcdStore::new(dir.store_options([format!("https://127.0.0.1:{}", self.client)])).unwrap()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Members of one store; none where etcd is not installed.
fn members(authority: &Authority, names: &[&'static str]) -> Option<Vec<Member>> {
    let now = SystemTime::now();
    members_at(authority, &names.iter().map(|name| (*name, now)).collect::<Vec<_>>())
}

/// The same with certificates that are made at these times.
fn members_at(authority: &Authority, named: &[(&'static str, SystemTime)]) -> Option<Vec<Member>> {
    if Command::new("etcd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("skipped: etcd is not installed");
        return None;
    }
    let mut members: Vec<_> = named.iter().map(|(name, now)| Member::new(authority, name, *now)).collect();
    let all = members.iter().map(Member::named).collect::<Vec<_>>().join(",");
    members.iter_mut().for_each(|member| member.start(&all));
    members.iter().for_each(Member::wait_until_ready);
    Some(members)
}

/// Writes an identity to a directory.
fn written(place: &Path, identity: &Identity) -> ClusterDir {
    std::fs::create_dir_all(place).unwrap();
    let dir = ClusterDir::below(place);
    dir.create(identity, None, &[]).unwrap();
    dir
}

fn agent(authority: &Authority, name: &str) -> Identity {
    host(authority, name, Role::Agent, SystemTime::now())
}

/// etcd looks at the time of day for certificates alone. To them, an etcd whose clock is an hour behind is one with the right time and
/// certificates that were made an hour ahead, and so nobody has to tell a lie to etcd's own clock.
#[tokio::test]
async fn etcds_whose_clocks_are_an_hour_off_take_each_other_and_their_hosts() {
    let (behind, ahead) = (SystemTime::now() - HOUR, SystemTime::now() + HOUR);
    for certified in [behind, ahead] {
        let authority = Authority::create(certified).unwrap();
        let Some(members) = members_at(&authority, &[("m1", behind), ("m2", ahead)]) else { return };
        let place = tempfile::tempdir().unwrap();
        for (name, now) in [("a", behind), ("b", ahead)] {
            let agent = written(&place.path().join(name), &host(&authority, name, Role::Agent, now));
            for member in &members {
                member.store(&agent).put(name, b"1", None).await.unwrap();
                member.store(&member.dir).get(name).await.unwrap().unwrap();
            }
        }
    }
}

#[tokio::test]
async fn the_store_serves_hosts_of_its_authority_and_nobody_else() {
    let (ours, others) =
        (Authority::create(SystemTime::now()).unwrap(), Authority::create(SystemTime::now()).unwrap());
    let Some(members) = members(&ours, &["m1", "m2"]) else { return };
    let place = tempfile::tempdir().unwrap();
    let good = written(&place.path().join("good"), &agent(&ours, "a"));
    for member in &members {
        member.store(&good).put("a", b"1", None).await.unwrap();
        member.store(&member.dir).get("a").await.unwrap().unwrap();
    }
    let stranger = Identity { trusted: ours.trusted(), ..agent(&others, "a") };
    let stranger = written(&place.path().join("stranger"), &stranger);
    let nobody = EtcdOptions {
        identity: None,
        ..good.store_options([format!("https://127.0.0.1:{}", members[0].client)])
    };
    for refused in [members[0].store(&stranger), EtcdStore::new(nobody).unwrap()] {
        let answer = refused.get("a").await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    // A host that is no member is not taken for the store.
    let impostor = EtcdOptions {
        server_name: Some("other.homeostat.internal".into()),
        ..good.store_options([format!("https://127.0.0.1:{}", members[0].client)])
    };
    let answer = EtcdStore::new(impostor).unwrap().get("a").await;
    assert!(
        matches!(&answer, Err(StoreError::Unavailable(why)) if why.contains("certificate")),
        "{answer:?}"
    );
}

/// As stores connect to each other: an etcd of 3.5 may speak nothing newer than TLS 1.2 yet.
async fn connect(identity: &Identity, port: u16) -> std::io::Result<TlsStream<TcpStream>> {
    let read =
        |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let mut roots = RootCertStore::empty();
    read(&identity.trusted).into_iter().for_each(|root| roots.add(root).unwrap());
    let key = PrivateKeyDer::from_pem_slice(identity.key.reveal().as_bytes()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(read(&identity.certificates.host), key)
        .unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    TlsConnector::from(Arc::new(config)).connect("127.0.0.1".try_into().unwrap(), stream).await
}

#[tokio::test]
async fn stores_take_no_host_for_another_store() {
    let authority = Authority::create(SystemTime::now()).unwrap();
    let Some(members) = members(&authority, &["m1", "m2"]) else { return };
    let peer = members[0].dir.load().unwrap().unwrap();
    let as_store = {
        let mut as_store = peer.clone();
        as_store.certificates.host = as_store.certificates.peer.clone().unwrap();
        as_store
    };
    for (identity, is_served) in [(as_store, true), (peer, false), (agent(&authority, "a"), false)] {
        let mut answer = Vec::new();
        if let Ok(mut stream) = connect(&identity, members[0].peer).await {
            stream.write_all(b"GET /version HTTP/1.0\r\n\r\n").await.ok();
            stream.read_to_end(&mut answer).await.ok();
        }
        assert_eq!(answer.starts_with(b"HTTP/1.0 200"), is_served, "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn the_store_refuses_a_removed_host_on_its_next_connection() {
    let authority = Authority::create(SystemTime::now()).unwrap();
    let Some(members) = members(&authority, &["m1"]) else { return };
    let place = tempfile::tempdir().unwrap();
    let (one, two) = (agent(&authority, "a"), agent(&authority, "b"));
    let serial = Certificate::all_of(&one.certificates.host).unwrap()[0].serial().clone();
    let (one, two) = (written(&place.path().join("1"), &one), written(&place.path().join("2"), &two));
    members[0].store(&one).put("a", b"1", None).await.unwrap();
    let list = authority.revocations(&[serial], SystemTime::now()).unwrap();
    members[0].dir.save_revocations(&list).unwrap();
    let answer = members[0].store(&one).get("a").await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    members[0].store(&two).get("a").await.unwrap().unwrap();
}

#[tokio::test]
async fn a_running_store_accepts_what_a_new_authority_signed_and_shows_renewed_certificates() {
    let old = Authority::create(SystemTime::now()).unwrap();
    let Some(members) = members(&old, &["m1"]) else { return };
    let new = old.renew(SystemTime::now()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let (before, after) = (
        written(&place.path().join("1"), &agent(&old, "a")),
        written(&place.path().join("2"), &agent(&new, "b")),
    );
    members[0].store(&after).put("a", b"1", None).await.unwrap();
    let renewed = host(&new, "m1", Role::Member, SystemTime::now());
    // Our key stays when certificates are renewed; here it changes, so both are written.
    members[0].dir.create(&renewed, Some(&new.files()), &[]).unwrap();
    for dir in [&before, &after] {
        members[0].store(dir).get("a").await.unwrap().unwrap();
    }
}
