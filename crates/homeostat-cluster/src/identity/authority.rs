//! The authority of a cluster: what it certifies, and how it is replaced by a new one while both are trusted.
//!
//! What a certificate says follows from whom it is for, never from what was asked for. A host gets up to three for its key:
//! one to show as a client, with its name as common name, since etcd takes that for the user; one to show as a server,
//! *without* a common name, since etcd's gateway would act as that user; and, if it may be a member, one to show other
//! members' stores, which take no other.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData,
    RevokedCertParams, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};

use super::certificate::{Certificate, CertificateError, Fingerprint, Serial};
use super::key::{Key, KeyError, RequestedKey, Secret};
use super::name::HostName;

/// The server name that only members' certificates carry: whoever shows it may sign, and may be told secrets.
pub const MEMBER_NAME: &str = "member.homeostat.internal";
/// The common name of certificates for the peers of the store. No host can have it.
pub const PEER_NAME: &str = "homeostat:store-peer";
/// How long certificates of hosts are valid.
pub const HOST_LIFETIME: Duration = Duration::from_secs(30 * DAY);
/// How far clocks may differ: certificates are valid from so long before they were made.
pub const CLOCK_SKEW: Duration = Duration::from_secs(2 * 3600);

const DAY: u64 = 24 * 3600;
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3650 * DAY);
/// A new authority vouched for by the old one: longer than any certificate that the old one made.
const CROSS_LIFETIME: Duration = Duration::from_secs(60 * DAY);
const SERIAL_BYTES: usize = 16;

/// The authority with its key: it can sign.
pub struct Authority {
    signer: Issuer<'static, KeyPair>,
    /// Its own certificate, which signs.
    own: Certificate,
    /// All that are trusted, the newest first; `own` is one of them.
    trusted: Vec<Certificate>,
    /// How those who only know an older one come to trust `own`: each certified by the one before it.
    cross: Vec<Certificate>,
}

/// The authority as it is kept and as it goes to new members.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityFiles {
    /// The certificates that are trusted, the newest first, as PEM.
    pub trusted: String,
    /// Certificates of newer ones by older ones, as PEM; empty if there never was an older one.
    pub cross: String,
    /// The key of the newest, as PEM.
    pub key: Secret,
}

/// Whom certificates are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub host: HostName,
    /// The address at which it listens.
    pub address: IpAddr,
    /// What it may be.
    pub role: Role,
}

/// What a host may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A client of the store.
    Agent,
    /// A part of the store, with the authority's key.
    Member,
}

/// The certificates of one host, each followed by those between it and the authority, as PEM.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// To show as a client.
    pub host: String,
    /// To show as a server.
    pub server: String,
    /// To show other members' stores; members only.
    pub peer: Option<String>,
}

/// What was signed.
#[derive(Debug)]
pub struct Issued {
    /// The certificates.
    pub certificates: Certificates,
    /// Their serial numbers.
    pub serials: Vec<Serial>,
    /// When they end.
    pub until: SystemTime,
}

/// What the authority could not do.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its files do not fit together.
    #[error("the authority's key belongs to none of its certificates")]
    OtherKey,
    /// Its certificates cannot be read.
    #[error("the authority's certificates cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// Its key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It could not sign.
    #[error("cannot sign: {0}")]
    Sign(#[from] rcgen::Error),
}

impl Authority {
    /// A new one, for a new cluster.
    pub fn create(now: SystemTime) -> Result<Self, AuthorityError> {
        let key = Key::generate()?;
        let own = Certificate::new(authority_params(&key, now)?.self_signed(key.pair())?.der().clone())?;
        Self::with(key, own.clone(), vec![own], Vec::new())
    }

    /// One that was kept.
    pub fn load(files: &AuthorityFiles) -> Result<Self, AuthorityError> {
        let trusted = Certificate::all_of(&files.trusted)?;
        let cross = if files.cross.is_empty() { Vec::new() } else { Certificate::all_of(&files.cross)? };
        let key = Key::from_pem(&files.key)?;
        let own = trusted.iter().find(|one| one.public_key() == key.fingerprint());
        let own = own.ok_or(AuthorityError::OtherKey)?.clone();
        Self::with(key, own, trusted, cross)
    }

    /// To keep it, or to hand it to a new member.
    pub fn files(&self) -> AuthorityFiles {
        AuthorityFiles {
            trusted: pem_of(&self.trusted),
            cross: pem_of(&self.cross),
            key: Secret::new(super::certificate::to_pem("PRIVATE KEY", self.signer.key().serialized_der())),
        }
    }

    /// A new one with a new key. The old one vouches for it, so that whoever knows only the old one accepts what the new one
    /// signs; and it stays trusted, so that what it signed stays good until it ends.
    pub fn renew(&self, now: SystemTime) -> Result<Self, AuthorityError> {
        let key = Key::generate()?;
        let mut params = authority_params(&key, now)?;
        let own = Certificate::new(params.self_signed(key.pair())?.der().clone())?;
        params.not_after = (now + CROSS_LIFETIME).into();
        params.serial_number = Some(serial()?);
        params.use_authority_key_identifier_extension = true;
        let vouched = Certificate::new(params.signed_by(key.pair(), &self.signer)?.der().clone())?;
        let is_good = |one: &&Certificate| now < one.valid().1;
        let trusted = std::iter::once(&own).chain(&self.trusted).filter(is_good).cloned().collect();
        let cross = std::iter::once(&vouched).chain(&self.cross).filter(is_good).cloned().collect();
        Self::with(key, own, trusted, cross)
    }

    /// The same without any older one: what those signed is refused from now on. Who has not heard of that yet, a store that runs among them,
    /// still has to come to trust this one.
    pub fn without_older(&self) -> Result<Self, AuthorityError> {
        let key = Key::from_pem(&self.files().key)?;
        Self::with(key, self.own.clone(), vec![self.own.clone()], self.cross.clone())
    }

    /// What a join string pins.
    pub fn fingerprint(&self) -> Fingerprint {
        self.own.fingerprint()
    }

    /// The certificates that are trusted, the newest first, as PEM.
    pub fn trusted(&self) -> String {
        pem_of(&self.trusted)
    }

    /// Certifies the key of a host.
    pub fn issue(
        &self,
        key: &RequestedKey,
        subject: &Subject,
        now: SystemTime,
    ) -> Result<Issued, AuthorityError> {
        let name = |name: &str| SanType::DnsName(name.try_into().expect("host names are ASCII"));
        let own = vec![name(subject.host.as_str()), SanType::IpAddress(subject.address)];
        let (client, server) = (ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth);
        let is_member = subject.role == Role::Member;
        let as_server = own.iter().cloned().chain(is_member.then(|| name(MEMBER_NAME))).collect();

        let host = self.sign(
            key,
            Some(subject.host.as_str()),
            vec![name(subject.host.as_str())],
            vec![client.clone()],
            now,
        )?;
        let server_one = self.sign(key, None, as_server, vec![server.clone()], now)?;
        let peer = match subject.role {
            Role::Member => Some(self.sign(key, Some(PEER_NAME), own, vec![client, server], now)?),
            Role::Agent => None,
        };
        let all = [Some(&host), Some(&server_one), peer.as_ref()];
        Ok(Issued {
            serials: all.into_iter().flatten().map(|one| one.serial().clone()).collect(),
            until: host.valid().1,
            certificates: Certificates {
                host: self.chain(&host),
                server: self.chain(&server_one),
                peer: peer.map(|peer| self.chain(&peer)),
            },
        })
    }

    /// The list of what is refused although it is signed, for etcd, as PEM.
    pub fn revocations(&self, refused: &[Serial], now: SystemTime) -> Result<String, AuthorityError> {
        let revoked = refused.iter().filter_map(Serial::bytes).map(|bytes| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&bytes),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let number = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let list = CertificateRevocationListParams {
            this_update: (now - CLOCK_SKEW).into(),
            next_update: (now + AUTHORITY_LIFETIME).into(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.signer)?.pem()?)
    }

    fn with(
        key: Key,
        own: Certificate,
        trusted: Vec<Certificate>,
        cross: Vec<Certificate>,
    ) -> Result<Self, AuthorityError> {
        let signer = Issuer::from_ca_cert_der(own.der(), key.into_pair())?;
        Ok(Self { signer, own, trusted, cross })
    }

    fn sign(
        &self,
        key: &RequestedKey,
        common_name: Option<&str>,
        names: Vec<SanType>,
        purposes: Vec<ExtendedKeyUsagePurpose>,
        now: SystemTime,
    ) -> Result<Certificate, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "homeostat");
        if let Some(common_name) = common_name {
            params.distinguished_name.push(DnType::CommonName, common_name);
        }
        params.serial_number = Some(serial()?);
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = (now + HOST_LIFETIME).min(self.own.valid().1).into();
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = purposes;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let signed = params.signed_by(key.public(), &self.signer)?;
        Ok(Certificate::new(signed.der().clone())?)
    }

    /// A certificate and how those who know only an older authority come to it.
    fn chain(&self, leaf: &Certificate) -> String {
        leaf.pem() + &pem_of(&self.cross)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.fingerprint())
    }
}

fn authority_params(key: &Key, now: SystemTime) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    // A name of its own for each: chains are found by names.
    let short: String = Fingerprint::of(key.pair().der_bytes()).to_string().chars().take(16).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "homeostat");
    params.distinguished_name.push(DnType::CommonName, format!("authority {short}"));
    params.serial_number = Some(serial()?);
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + AUTHORITY_LIFETIME).into();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// A number that nobody else has, and that is positive.
fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = random::<SERIAL_BYTES>();
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Bytes that nobody can foretell.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes
}

fn pem_of(certificates: &[Certificate]) -> String {
    certificates.iter().map(Certificate::pem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(role: Role) -> Subject {
        Subject { host: "web-1".parse().unwrap(), address: [10, 0, 0, 1].into(), role }
    }

    fn issue(authority: &Authority, role: Role, now: SystemTime) -> Issued {
        let key = Key::generate().unwrap().signing_request().unwrap().key().unwrap();
        authority.issue(&key, &subject(role), now).unwrap()
    }

    fn first(text: &str) -> Certificate {
        Certificate::all_of(text).unwrap().remove(0)
    }

    #[test]
    fn only_what_is_shown_as_a_client_says_who_it_is() {
        let now = SystemTime::now();
        let authority = Authority::create(now).unwrap();
        let agent = issue(&authority, Role::Agent, now);
        assert_eq!(first(&agent.certificates.host).common_name(), Some("web-1"));
        assert_eq!(first(&agent.certificates.server).common_name(), None);
        assert_eq!(agent.certificates.peer, None);
        let member = issue(&authority, Role::Member, now);
        assert_eq!(first(&member.certificates.server).common_name(), None);
        assert_eq!(first(&member.certificates.peer.unwrap()).common_name(), Some(PEER_NAME));
        assert_eq!((agent.serials.len(), member.serials.len()), (2, 3));
    }

    #[test]
    fn a_certificate_is_renewed_when_two_thirds_of_its_life_are_over() {
        let now = SystemTime::now();
        let issued = issue(&Authority::create(now).unwrap(), Role::Agent, now);
        let host = first(&issued.certificates.host);
        let left = issued.until.duration_since(host.renewal_due()).unwrap();
        assert!((9 * DAY..11 * DAY).contains(&left.as_secs()), "{left:?}");
        // Whoever's clock is an hour late takes it too.
        assert!(host.valid().0 < now - Duration::from_secs(3600));
    }

    #[test]
    fn an_authority_reads_back_and_signs_on() {
        let now = SystemTime::now();
        let authority = Authority::create(now).unwrap();
        let again = Authority::load(&authority.files()).unwrap();
        assert_eq!(again.files(), authority.files());
        assert_eq!(again.fingerprint(), authority.fingerprint());
        let other = Authority::create(now).unwrap().files();
        let mixed = AuthorityFiles { key: other.key, ..authority.files() };
        assert!(matches!(Authority::load(&mixed), Err(AuthorityError::OtherKey)));
    }

    #[test]
    fn a_new_authority_keeps_the_older_ones_until_they_are_dropped_or_end() {
        let now = SystemTime::now();
        let old = Authority::create(now).unwrap();
        let new = old.renew(now).unwrap();
        let third = new.renew(now).unwrap();
        assert_eq!(Certificate::all_of(&third.trusted()).unwrap().len(), 3);
        let chain = Certificate::all_of(&issue(&third, Role::Agent, now).certificates.host).unwrap();
        assert_eq!(chain.len(), 3);
        let much_later = third.renew(now + CROSS_LIFETIME + Duration::from_secs(1)).unwrap();
        assert_eq!(Certificate::all_of(&much_later.files().cross).unwrap().len(), 1);
        let alone = third.without_older().unwrap();
        assert_eq!(Certificate::all_of(&alone.trusted()).unwrap().len(), 1);
        assert_eq!(alone.fingerprint(), third.fingerprint());
        // Killed after its certificate was written and before its key was: the old key goes on.
        let between = AuthorityFiles { key: old.files().key, ..new.files() };
        assert_eq!(Authority::load(&between).unwrap().fingerprint(), old.fingerprint());
    }

    #[test]
    fn the_list_of_what_is_refused_can_be_empty() {
        let now = SystemTime::now();
        let authority = Authority::create(now).unwrap();
        let issued = issue(&authority, Role::Agent, now);
        for refused in [&[][..], &issued.serials] {
            assert!(authority.revocations(refused, now).unwrap().starts_with("-----BEGIN X509 CRL"));
        }
    }
}
