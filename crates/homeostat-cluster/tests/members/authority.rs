//! An authority, and what it signed, as files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use homeostat_cluster::members::{Candidacy, MemberTimes, Server, ServerTls};
use homeostat_cluster::{EtcdOptions, Identity, Times};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

pub(crate) struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        std::fs::write(dir.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { dir: dir.into(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Signs for a host at an address: who it is as a client, and what its server shows, which has no common name.
    pub(crate) fn sign(&self, host: &str, address: &str) {
        self.sign_as(&format!("{host}-client"), Some(host), address);
        self.sign_as(&format!("{host}-server"), None, address);
    }

    /// Writes the list of certificates that are no longer to be trusted: those of these hosts as clients.
    pub(crate) fn revoke(&self, hosts: &[&str]) -> PathBuf {
        let revoked = hosts.iter().map(|host| RevokedCertParams {
            serial_number: serial(&format!("{host}-client")),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.dir.join("revoked.pem");
        std::fs::write(&path, list.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        path
    }

    fn sign_as(&self, file: &str, common_name: Option<&str>, address: &str) {
        let mut params = CertificateParams::new([address.to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(serial(file));
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.dir.join(format!("{file}.pem")), signed.pem()).unwrap();
        std::fs::write(self.dir.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}

/// Good enough for the few names of a test.
fn serial(file: &str) -> SerialNumber {
    SerialNumber::from_slice(&[&[1], file.as_bytes()].concat())
}

/// The files that [`Authority::sign`] made.
fn pair(dir: &Path, file: &str) -> (PathBuf, PathBuf) {
    (dir.join(format!("{file}.pem")), dir.join(format!("{file}.key")))
}

/// How a host speaks to etcd.
pub(crate) fn options(dir: &Path, host: &str, urls: &[String]) -> EtcdOptions {
    let (certificate, key) = pair(dir, &format!("{host}-client"));
    let times = Times {
        request: Duration::from_secs(2),
        connect: Duration::from_millis(500),
        ping_interval: Duration::from_secs(6),
        ping_answer: Duration::from_secs(1),
        watch_silence: Duration::from_secs(5),
        backoff: (Duration::from_millis(50), Duration::from_millis(500)),
        round: Duration::from_millis(500),
    };
    EtcdOptions {
        authority: Some(dir.join("ca.pem")),
        identity: Some(Identity { certificate, key }),
        times,
        ..EtcdOptions::new(urls)
    }
}

/// The server that a host would run.
pub(crate) fn candidacy(dir: &Path, host: &str, address: &str, ports: (u16, u16)) -> Candidacy {
    let files = pair(dir, &format!("{host}-server"));
    let tls = ServerTls {
        authority: dir.join("ca.pem"),
        server: files.clone(),
        peer: files,
        peer_name: None,
        revoked: None,
    };
    let server = Server {
        program: "etcd".into(),
        client_urls: vec![format!("https://{address}:{}", ports.0)],
        peer_urls: vec![format!("https://{address}:{}", ports.1)],
        tls: Some(tls),
        quota_bytes: 1 << 30,
        retention: Duration::from_secs(3600),
    };
    Candidacy { server, zone: String::new() }
}

/// Less patience than in earnest.
pub(crate) fn times() -> MemberTimes {
    MemberTimes {
        grace: Duration::from_secs(3),
        busy: Duration::from_secs(10),
        learner: Duration::from_secs(20),
        rest: Duration::from_secs(5),
        mandate: Duration::from_secs(3),
        look: Duration::from_secs(1),
        care: Duration::from_secs(1),
        tidy: Duration::from_secs(1),
        restart: (Duration::from_millis(200), Duration::from_secs(2)),
    }
}
