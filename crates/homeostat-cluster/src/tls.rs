//! Connections between hosts: TLS 1.3, both ends with a certificate of the authority.
//!
//! Owns how an identity becomes connections, and which certificates are refused although they are signed. It knows nothing
//! of what is said over them.
//!
//! Invariants: each connection uses the newest identity and makes a full handshake, since a resumed one would look at
//! certificates as they were; whoever shows no certificate is told apart from whoever shows one; a secret is only told to
//! an end whose certificate says that it is a member.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    Resumption, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    version,
};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::identity::{Certificate, Fingerprint, HostName, Identity, MEMBER_NAME, Serial};

/// How long a connection and its handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// The connections of a host.
#[derive(Debug)]
pub struct Tls {
    latest: watch::Sender<Configs>,
    refused: watch::Sender<Arc<BTreeSet<Serial>>>,
}

#[derive(Debug, Clone)]
struct Configs {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    /// For whose own certificate has ended.
    stranger: Arc<ClientConfig>,
}

/// Who is at the other end, as its certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its name; only what is shown as a client says it.
    pub host: HostName,
    /// The serial number of its certificate.
    pub serial: Serial,
}

/// Whom we want to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Any member.
    Member,
    /// This host.
    Host(HostName),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The identity cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Identity(String),
    /// The other end cannot be reached, or one of us refused the other.
    #[error("no connection")]
    Connection(#[from] io::Error),
    /// Nothing came in time.
    #[error("no connection in time")]
    Late,
    /// It was removed from the cluster.
    #[error("the certificate at the other end is no longer valid: its host was removed")]
    Removed,
    /// Its certificate is signed and says nothing that we understand.
    #[error("the certificate at the other end names no host")]
    Nameless,
}

impl Tls {
    /// Those of this identity.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        let refused = identity.settings.refused.iter().cloned().collect();
        Ok(Self {
            latest: watch::Sender::new(Configs::new(identity)?),
            refused: watch::Sender::new(Arc::new(refused)),
        })
    }

    /// From now on connections use this identity; those that are there stay.
    pub fn replace(&self, identity: &Identity) -> Result<(), TlsError> {
        self.latest.send_replace(Configs::new(identity)?);
        Ok(())
    }

    /// From now on these are refused, on connections that are there too as soon as they ask for something.
    pub fn refuse(&self, serials: BTreeSet<Serial>) {
        self.refused.send_replace(Arc::new(serials));
    }

    /// Whether somebody is still who it was when it came.
    pub fn is_refused(&self, serial: &Serial) -> bool {
        self.refused.borrow().contains(serial)
    }

    /// Lets somebody in. Without a certificate it is nobody; with a wrong one it does not come in.
    pub async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(server::TlsStream<TcpStream>, Option<Peer>), TlsError> {
        stream.set_nodelay(true)?;
        let acceptor = TlsAcceptor::from(self.latest.borrow().server.clone());
        let stream = in_time(acceptor.accept(stream)).await?;
        let peer = match first(stream.get_ref().1.peer_certificates())? {
            Some(certificate) => Some(self.peer(&certificate)?),
            None => None,
        };
        Ok((stream, peer))
    }

    /// Connects to somebody.
    pub async fn connect(
        &self,
        address: impl ToSocketAddrs,
        whom: &Whom,
    ) -> Result<client::TlsStream<TcpStream>, TlsError> {
        let config = self.latest.borrow().client.clone();
        self.connect_with(config, address, whom).await
    }

    /// Connects to somebody without showing who we are.
    pub async fn connect_as_stranger(
        &self,
        address: impl ToSocketAddrs,
        whom: &Whom,
    ) -> Result<client::TlsStream<TcpStream>, TlsError> {
        let config = self.latest.borrow().stranger.clone();
        self.connect_with(config, address, whom).await
    }

    async fn connect_with(
        &self,
        config: Arc<ClientConfig>,
        address: impl ToSocketAddrs,
        whom: &Whom,
    ) -> Result<client::TlsStream<TcpStream>, TlsError> {
        let connector = TlsConnector::from(config);
        let name = match whom {
            Whom::Member => MEMBER_NAME,
            Whom::Host(host) => host.as_str(),
        };
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Nameless)?;
        let stream = connect(address, name, connector).await?;
        match first(stream.get_ref().1.peer_certificates())? {
            Some(certificate) if !self.is_refused(certificate.serial()) => Ok(stream),
            Some(_) => Err(TlsError::Removed),
            None => Err(TlsError::Nameless),
        }
    }

    fn peer(&self, certificate: &Certificate) -> Result<Peer, TlsError> {
        if self.is_refused(certificate.serial()) {
            return Err(TlsError::Removed);
        }
        let host = certificate.common_name().and_then(|name| name.parse().ok()).ok_or(TlsError::Nameless)?;
        Ok(Peer { host, serial: certificate.serial().clone() })
    }
}

/// The first connection of a host that has no identity yet: whom it trusts is pinned by the fingerprint of an authority, and
/// it shows no certificate. Says whether the other end is a member.
pub async fn connect_pinned(
    address: impl ToSocketAddrs,
    authority: Fingerprint,
) -> Result<(client::TlsStream<TcpStream>, bool), TlsError> {
    let verifier = Arc::new(Pinned { authority, provider: provider() });
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from(MEMBER_NAME).expect("it is a name");
    let stream = connect(address, name.clone(), TlsConnector::from(Arc::new(config))).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or(TlsError::Nameless)?;
    let parsed = ParsedCertificate::try_from(shown).map_err(unusable)?;
    let is_member = verify_server_name(&parsed, &name).is_ok();
    Ok((stream, is_member))
}

impl Configs {
    fn new(identity: &Identity) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        let trusted = certificates(&identity.trusted)?;
        for root in &trusted {
            roots.add(root.clone()).map_err(unusable)?;
        }
        let roots = Arc::new(roots);
        let key = || PrivateKeyDer::from_pem_slice(identity.key.reveal().as_bytes()).map_err(unusable);

        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
            .allow_unauthenticated()
            .build()
            .map_err(unusable)?;
        // Whoever joins knows only the fingerprint of the authority: it is shown too.
        let shown = certificates(&identity.certificates.server)?.into_iter().chain(trusted).collect();
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(clients)
            .with_single_cert(shown, key()?)
            .map_err(unusable)?;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let servers =
            WebPkiServerVerifier::builder_with_provider(roots, provider()).build().map_err(unusable)?;
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])
            .map_err(unusable)?
            .with_webpki_verifier(servers);
        let mut stranger = client.clone().with_no_client_auth();
        let mut client = client
            .with_client_auth_cert(certificates(&identity.certificates.host)?, key()?)
            .map_err(unusable)?;
        stranger.resumption = Resumption::disabled();
        client.resumption = Resumption::disabled();
        Ok(Self { server: Arc::new(server), client: Arc::new(client), stranger: Arc::new(stranger) })
    }
}

async fn connect(
    address: impl ToSocketAddrs,
    name: ServerName<'static>,
    connector: TlsConnector,
) -> Result<client::TlsStream<TcpStream>, TlsError> {
    in_time(async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        connector.connect(name, stream).await
    })
    .await
}

async fn in_time<T>(what: impl Future<Output = io::Result<T>>) -> Result<T, TlsError> {
    timeout(HANDSHAKE_MAX, what).await.map_err(|_| TlsError::Late)?.map_err(TlsError::Connection)
}

/// Trusts what chains up to an authority with this fingerprint, which the other end has to show.
#[derive(Debug)]
struct Pinned {
    authority: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let pinned = intermediates.iter().find(|shown| Fingerprint::of(shown) == self.authority);
        let pinned = pinned.ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(pinned.clone().into_owned())?;
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    read.map_err(unusable)
}

fn first(shown: Option<&[CertificateDer<'static>]>) -> Result<Option<Certificate>, TlsError> {
    let Some(first) = shown.and_then(<[_]>::first) else { return Ok(None) };
    Certificate::new(first.clone()).map(Some).map_err(|_| TlsError::Nameless)
}

fn unusable(error: impl std::fmt::Display) -> TlsError {
    TlsError::Identity(error.to_string())
}
