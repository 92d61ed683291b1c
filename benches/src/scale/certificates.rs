//! An authority, and what it signed, as files.

use std::path::{Path, PathBuf};

use homeostat_cluster::testing::ServerTls;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

pub(crate) struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Signed {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        std::fs::write(dir.join("ca.pem"), params.self_signed(&key)?.pem())?;
        Ok(Self { dir: dir.into(), issuer: Issuer::new(params, key) })
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    pub(crate) fn sign(&self, name: &str) -> anyhow::Result<Signed> {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let signed = Signed {
            certificate: self.dir.join(format!("{name}.pem")),
            key: self.dir.join(format!("{name}.key")),
        };
        std::fs::write(&signed.certificate, params.signed_by(&key, &self.issuer)?.pem())?;
        std::fs::write(&signed.key, key.serialize_pem())?;
        Ok(signed)
    }

    pub(crate) fn server(&self) -> anyhow::Result<ServerTls> {
        let Signed { certificate, key } = self.sign("server")?;
        Ok(ServerTls { authority: self.certificate(), certificate, key })
    }
}
