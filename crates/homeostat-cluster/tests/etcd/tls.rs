//! Mutual TLS.

use std::path::{Path, PathBuf};

use homeostat_cluster::testing::{EtcdServer, ServerTls};
use homeostat_cluster::{EtcdOptions, EtcdStore, Identity};
use homeostat_engine::Store;
use homeostat_engine::store::StoreError;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::setting::options;

/// An authority, and what it signed, as files.
struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(dir.join("ca.pem"), certificate.pem()).unwrap();
        Self { dir: dir.into(), issuer: Issuer::new(params, key) }
    }

    fn certificate(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    fn sign(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new(["127.0.0.1".into(), "localhost".into()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let identity = Identity {
            certificate: self.dir.join(format!("{name}.pem")),
            key: self.dir.join(format!("{name}.key")),
        };
        std::fs::write(&identity.certificate, signed.pem()).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}

#[tokio::test]
async fn only_those_with_a_certificate_of_the_authority_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, others) =
        (Authority::new(&dir.path().join("ours")), Authority::new(&dir.path().join("others")));
    let Identity { certificate, key } = ours.sign("server");
    let tls = ServerTls { authority: ours.certificate(), certificate, key };
    let Some(server) = EtcdServer::start_with_tls(tls) else { return };
    let with = |authority: &Authority, identity: Option<Identity>| {
        let authority = Some(authority.certificate());
        EtcdStore::new(EtcdOptions { authority, identity, ..options(&[server.url()]) }).unwrap()
    };

    let store = with(&ours, Some(ours.sign("client")));
    let revision = store.put("a", b"1", None).await.unwrap();
    let mut watching = store.watch("a", revision - 1).await.unwrap();
    assert!(watching.recv().await.is_some());

    for refused in [with(&ours, None), with(&ours, Some(others.sign("client")))] {
        assert!(matches!(refused.get("a").await, Err(StoreError::Unavailable(_))));
    }
    let distrusted = with(&others, Some(ours.sign("client"))).get("a").await;
    let Err(StoreError::Unavailable(why)) = distrusted else { panic!("{distrusted:?}") };
    assert!(why.contains("certificate"), "{why}");
}
