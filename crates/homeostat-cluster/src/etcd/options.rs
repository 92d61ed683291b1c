//! Which etcd, and how it is spoken to.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Uri};

/// Which etcd, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct EtcdOptions {
    /// Where its members answer clients, such as `https://10.0.0.1:2379`. Plain `http` is taken for this host alone.
    pub urls: Vec<String>,
    /// The file with the authorities that its certificates are checked against, as PEM.
    pub authority: Option<PathBuf>,
    /// Who we are to it.
    pub identity: Option<Identity>,
    /// What its certificates must be for, where that is not the host of the URL.
    pub server_name: Option<String>,
    /// What all our keys begin with there.
    pub namespace: String,
    /// How long things may take.
    pub times: Times,
}

/// The files with our certificate and its key, as PEM. They are read again for every connection, so they may be renewed.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Our certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Times {
    /// A request, with everything that is tried for it.
    pub request: Duration,
    /// To reach a member. What it takes to agree on encryption is part of the first request.
    pub connect: Duration,
    /// Between questions whether the other end is still there. etcd hangs up on those who ask more often than every 5 s.
    pub ping_interval: Duration,
    /// To answer such a question.
    pub ping_answer: Duration,
    /// How long a watch may say nothing before it is asked whether it still runs.
    pub watch_silence: Duration,
    /// Between attempts to reach an etcd that is away: from the first, doubling, to the second.
    pub backoff: (Duration, Duration),
    /// Between rounds in which the members of an etcd that has been away for long are asked.
    pub round: Duration,
}

/// Why the options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// No URL was given.
    #[error("no URL of an etcd was given")]
    NoUrl,
    /// A URL that is none.
    #[error("`{url}` is no URL of an etcd: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What is not encrypted does not leave this host.
    #[error("`{0}` is not encrypted and not on this host: use https")]
    Plain(String),
    /// Whom to trust was not said.
    #[error("`{0}` needs an authority to check its certificate against")]
    NoAuthority(String),
    /// An authority or identity that no URL needs.
    #[error("certificates were given, but `{0}` is not encrypted: use https")]
    Unused(String),
    /// The namespace could take keys of others.
    #[error("the namespace `{0}` must end with a slash")]
    Namespace(String),
    /// A file that cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that holds something else.
    #[error("{path} holds no {what} as PEM")]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What was expected in it.
        what: &'static str,
    },
    /// Certificates that do not fit together.
    #[error("the certificates cannot be used: {0}")]
    Certificates(String),
}

impl EtcdOptions {
    /// Those of an etcd at these URLs, with nothing else said.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            urls: urls.into_iter().map(Into::into).collect(),
            authority: None,
            identity: None,
            server_name: None,
            namespace: "/homeostat/".into(),
            times: Times::default(),
        }
    }

    /// How one of the URLs is reached. Reads the files of certificates.
    pub(super) fn endpoint(&self, url: &str) -> Result<Endpoint, OptionsError> {
        let uri = parse(url)?;
        let is_encrypted = uri.scheme_str() == Some("https");
        if !is_encrypted && !is_here(&uri) {
            return Err(OptionsError::Plain(url.into()));
        }
        let times = &self.times;
        let endpoint = Endpoint::from(uri)
            .connect_timeout(times.connect)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(times.ping_interval)
            .keep_alive_timeout(times.ping_answer)
            // etcd hangs up on those who ask while nothing is going on; and then nothing is waited for.
            .keep_alive_while_idle(false);
        if !is_encrypted {
            let unused = self.authority.is_some() || self.identity.is_some();
            return if unused { Err(OptionsError::Unused(url.into())) } else { Ok(endpoint) };
        }
        let refused =
            |error: tonic::transport::Error| OptionsError::Certificates(super::error::innermost(&error));
        endpoint.tls_config(self.tls(url)?).map_err(refused)
    }

    fn tls(&self, url: &str) -> Result<ClientTlsConfig, OptionsError> {
        let authority = self.authority.as_ref().ok_or_else(|| OptionsError::NoAuthority(url.into()))?;
        let tls = ClientTlsConfig::new()
            // Whoever has many handshakes to make is not asked for another one: who waits for it gives up earlier by himself.
            .timeout(self.times.request)
            .ca_certificate(Certificate::from_pem(read(authority, "certificate", "CERTIFICATE-----")?));
        let tls = match &self.server_name {
            Some(name) => tls.domain_name(name),
            None => tls,
        };
        let Some(identity) = &self.identity else { return Ok(tls) };
        let certificate = read(&identity.certificate, "certificate", "CERTIFICATE-----")?;
        let key = read(&identity.key, "private key", "PRIVATE KEY-----")?;
        Ok(tls.identity(tonic::transport::Identity::from_pem(certificate, key)))
    }

    /// Whether they can be used, as far as that can be told without a connection.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        if self.urls.is_empty() {
            return Err(OptionsError::NoUrl);
        }
        if !self.namespace.ends_with('/') {
            return Err(OptionsError::Namespace(self.namespace.clone()));
        }
        self.urls.iter().try_for_each(|url| self.endpoint(url).map(drop))
    }
}

impl Default for Times {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(5),
            connect: Duration::from_secs(2),
            ping_interval: Duration::from_secs(10),
            ping_answer: Duration::from_secs(5),
            watch_silence: Duration::from_secs(60),
            backoff: (Duration::from_millis(50), Duration::from_secs(5)),
            round: Duration::from_millis(800),
        }
    }
}

fn parse(url: &str) -> Result<Uri, OptionsError> {
    // What stands before an @ may be a secret.
    let shown = url.rsplit('@').next().unwrap_or(url);
    let wrong = |why| OptionsError::Url { url: shown.into(), why };
    let uri: Uri = url.parse().map_err(|_| wrong("it cannot be read"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("it must begin with https:// or http://"));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    if uri.port().is_none() {
        return Err(wrong("it names no port, which is usually 2379"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong("nothing may follow the port"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("a user is not named in it"));
    }
    Ok(uri)
}

/// Whether what is sent there does not leave this host.
fn is_here(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read(path: &Path, what: &'static str, mark: &str) -> Result<Vec<u8>, OptionsError> {
    let text = std::fs::read(path).map_err(|source| OptionsError::Read { path: path.into(), source })?;
    // A file without any is taken as an empty list of certificates otherwise, and fails much later.
    let found = text.windows(mark.len()).any(|window| window == mark.as_bytes());
    if found { Ok(text) } else { Err(OptionsError::NotPem { path: path.into(), what }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(options: &EtcdOptions, expect: &str) {
        let error = options.check().expect_err("it cannot be used").to_string();
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn urls_name_a_scheme_a_host_and_a_port() {
        for (url, why) in [
            ("127.0.0.1:2379", "https://"),
            ("localhost:2379", "https://"),
            ("ftp://localhost:2379", "https://"),
            ("http://localhost", "no port"),
            ("http://localhost:2379/x", "nothing may follow"),
            ("http://me:secret@localhost:2379", "a user"),
            ("", "cannot be read"),
        ] {
            refused(&EtcdOptions::new([url]), why);
        }
        refused(&EtcdOptions::new([""; 0]), "no URL");
        for url in ["http://localhost:2379", "http://127.0.0.1:2379/", "http://[::1]:2379"] {
            assert!(EtcdOptions::new([url]).check().is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        let error =
            EtcdOptions::new(["http://me:hunter2@localhost:2379"]).check().expect_err("a user is named");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn nothing_leaves_the_host_in_the_clear() {
        for url in ["http://10.0.0.1:2379", "http://etcd.example.org:2379", "http://[2001:db8::1]:2379"] {
            refused(&EtcdOptions::new(["http://127.0.0.1:2379", url]), "not encrypted");
        }
        refused(&EtcdOptions::new(["https://etcd.example.org:2379"]), "needs an authority");
    }

    #[test]
    fn files_that_hold_no_certificates_are_found_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let url = ["https://127.0.0.1:2379"];
        let with =
            |authority: &Path| EtcdOptions { authority: Some(authority.into()), ..EtcdOptions::new(url) };
        refused(&with(&dir.path().join("missing.pem")), "cannot read");
        refused(&with(&empty), "holds no certificate");
        let broken = dir.path().join("broken.pem");
        std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n").unwrap();
        refused(&with(&broken), "cannot be used");
        refused(
            &EtcdOptions { urls: vec!["http://127.0.0.1:1".into()], ..with(&broken) },
            "is not encrypted",
        );
    }

    #[test]
    fn a_namespace_takes_no_keys_of_others() {
        refused(&EtcdOptions { namespace: "/home".into(), ..EtcdOptions::new(["http://[::1]:1"]) }, "slash");
    }
}
