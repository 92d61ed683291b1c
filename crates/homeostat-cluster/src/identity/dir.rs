//! The directory of a host's identity, below its prefix.
//!
//! | file | what |
//! |---|---|
//! | `cluster.json` | what we know of the cluster; without it there is no identity here |
//! | `authority.pem` | the authorities that we trust, the newest first |
//! | `authority.key`, `cross.pem` | on members: the newest one's key, and how older ones vouch for it |
//! | `authority.next` | on the member that replaces the authority: the new one, until the store knows it |
//! | `host.key` | our key |
//! | `host.pem`, `server.pem`, `peer.pem` | its certificates, to show as client, as server, and to other stores (members) |
//! | `revoked.pem` | on members: what etcd refuses although it is signed |
//! | `operators/<name>.pub` | whose signatures make a deploy |
//! | `first` | on the host that made the cluster: its store is still to be made |
//! | `operators/number` | the last change of them that was taken |
//! | `etcd/` | the data of our part of the store |
//!
//! Invariants: the directory is 0700 and every file 0600, from the moment that it is there; each is replaced whole. Our key
//! stays the same when certificates are renewed, so any mixture of older and newer files fits together.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use homeostat_engine::durable;

use crate::etcd::{self, EtcdOptions};

use super::authority::{Authority, AuthorityError, AuthorityFiles, Certificates, MEMBER_NAME};
use super::certificate::{Certificate, CertificateError};
use super::key::{Key, KeyError, Secret};
use super::operator::Operator;
use super::settings::{SETTINGS_VERSION, Settings};

/// More than any file here has.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The number of the last change of operators.
const ROSTER: &str = "operators/number";

/// The directory of a host's identity.
#[derive(Debug, Clone)]
pub struct ClusterDir(PathBuf);

/// Who a host is, and whom it trusts.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What it knows of the cluster.
    pub settings: Settings,
    /// The authorities that it trusts, the newest first, as PEM.
    pub trusted: String,
    /// Its certificates.
    pub certificates: Certificates,
    /// Its key, as PEM.
    pub key: Secret,
}

/// What is wrong with the directory.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// A file that cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that holds something else.
    #[error("{path} cannot be understood: {why}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl ClusterDir {
    /// That of a prefix.
    pub fn below(prefix: &Path) -> Self {
        Self(prefix.join("cluster"))
    }

    /// Whether an identity is there.
    pub fn has_identity(&self) -> bool {
        self.file("cluster.json").exists()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// One of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The identity; none if there is none.
    pub fn load(&self) -> Result<Option<Identity>, DirError> {
        let Some(settings) = self.settings()? else { return Ok(None) };
        Ok(Some(Identity {
            settings,
            trusted: self.read("authority.pem")?,
            certificates: Certificates {
                host: self.read("host.pem")?,
                server: self.read("server.pem")?,
                peer: self.read_if_there("peer.pem")?,
            },
            key: Secret::new(self.read("host.key")?),
        }))
    }

    /// What we know of the cluster; none if there is no identity.
    pub fn settings(&self) -> Result<Option<Settings>, DirError> {
        let Some(text) = self.read_if_there("cluster.json")? else { return Ok(None) };
        let wrong = |why: String| DirError::Form { path: self.file("cluster.json"), why };
        let settings: Settings = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if settings.version != SETTINGS_VERSION {
            return Err(wrong(format!("its form is {}, and this is {SETTINGS_VERSION}", settings.version)));
        }
        Ok(Some(settings))
    }

    /// The authority, on members.
    pub fn authority(&self) -> Result<Option<Authority>, DirError> {
        let Some(key) = self.read_if_there("authority.key")? else { return Ok(None) };
        let files = AuthorityFiles {
            trusted: self.read("authority.pem")?,
            cross: self.read_if_there("cross.pem")?.unwrap_or_default(),
            key: Secret::new(key),
        };
        let wrong = |error: AuthorityError| DirError::Form {
            path: self.file("authority.key"),
            why: error.to_string(),
        };
        Authority::load(&files).map(Some).map_err(wrong)
    }

    /// Whose signatures make a deploy, in the order of their names.
    pub fn operators(&self) -> Result<Vec<Operator>, DirError> {
        let dir = self.file("operators");
        let cannot = |source| DirError::File { path: dir.clone(), source };
        let mut found = Vec::new();
        for entry in
            if dir.exists() { Some(fs::read_dir(&dir).map_err(cannot)?) } else { None }.into_iter().flatten()
        {
            let name = PathBuf::from("operators").join(entry.map_err(cannot)?.file_name());
            if name.extension().is_some_and(|extension| extension == "pub") {
                let line = self.read(&name.to_string_lossy())?;
                let wrong =
                    |why: &str| DirError::Form { path: self.file(&name.to_string_lossy()), why: why.into() };
                found.push(Operator::try_from(line).map_err(wrong)?);
            }
        }
        found.sort();
        Ok(found)
    }

    /// The number of the last change of operators that was taken.
    pub fn roster_number(&self) -> Result<u64, DirError> {
        let Some(text) = self.read_if_there(ROSTER)? else { return Ok(0) };
        let wrong = |_| DirError::Form { path: self.file(ROSTER), why: "it is no number".into() };
        text.trim().parse().map_err(wrong)
    }

    /// Both: who counts, after the change with that number.
    pub fn pinned(&self) -> Result<(u64, Vec<Operator>), DirError> {
        Ok((self.roster_number()?, self.operators()?))
    }

    /// Pins these operators and no others, after the change with this number: all of it or nothing.
    pub fn pin_operators(&self, operators: &[Operator], number: u64) -> Result<(), DirError> {
        self.make()?;
        let (new, place) = (self.file("operators.new"), self.file("operators"));
        let write = || {
            durable::remove_dir_lazily(&new)?;
            durable::make_dir(&new)?;
            for operator in operators {
                let line = String::from(operator.clone()) + "\n";
                durable::write(&new.join(format!("{}.pub", operator.name())), line.as_bytes())?;
            }
            durable::write(&self.file("operators.new/number"), format!("{number}\n").as_bytes())?;
            durable::replace_dir(&new, &place)
        };
        write().map_err(|source| self.cannot("operators", source))
    }

    /// The key of an identity that is still to come: the same one when a join is tried again.
    pub fn key_to_join(&self) -> Result<Key, DirError> {
        self.make()?;
        let wrong = |error: KeyError| DirError::Form { path: self.file("host.key"), why: error.to_string() };
        if let Some(text) = self.read_if_there("host.key")? {
            return Key::from_pem(&Secret::new(text)).map_err(wrong);
        }
        let key = Key::generate().map_err(wrong)?;
        self.write("host.key", key.pem().reveal())?;
        Ok(key)
    }

    /// Writes a new identity; that it is there is written last.
    pub fn create(
        &self,
        identity: &Identity,
        authority: Option<&AuthorityFiles>,
        operators: &[Operator],
    ) -> Result<(), DirError> {
        self.make()?;
        self.write("host.key", identity.key.reveal())?;
        durable::make_dir(&self.file("operators")).map_err(|source| self.cannot("operators", source))?;
        for operator in operators {
            let line = String::from(operator.clone()) + "\n";
            self.write(&format!("operators/{}.pub", operator.name()), &line)?;
        }
        self.save_certificates(&identity.certificates, &identity.trusted, authority)?;
        self.save_settings(&identity.settings)
    }

    /// Writes what a renewal brought. The authority's key comes after the certificate that it belongs to.
    pub fn save_certificates(
        &self,
        certificates: &Certificates,
        trusted: &str,
        authority: Option<&AuthorityFiles>,
    ) -> Result<(), DirError> {
        match authority {
            Some(files) => self.save_authority(files)?,
            None => self.write("authority.pem", trusted)?,
        }
        self.write("server.pem", &certificates.server)?;
        if let Some(peer) = &certificates.peer {
            self.write("peer.pem", peer)?;
        }
        self.write("host.pem", &certificates.host)
    }

    /// Writes an authority; killed in between, the older one goes on.
    pub fn save_authority(&self, files: &AuthorityFiles) -> Result<(), DirError> {
        self.write("cross.pem", &files.cross)?;
        self.write("authority.pem", &files.trusted)?;
        self.write("authority.key", files.key.reveal())
    }

    /// Keeps an authority that the store is about to be told of, whatever happens in between; none: no longer.
    pub fn save_next_authority(&self, files: Option<&AuthorityFiles>) -> Result<(), DirError> {
        let name = "authority.next";
        match files {
            Some(files) => {
                let text = serde_json::to_string(files).expect("an authority is plain data");
                self.write(name, &text)
            }
            None => durable::remove(&self.file(name)).map_err(|source| self.cannot(name, source)),
        }
    }

    /// The authority that the store was about to be told of.
    pub fn next_authority(&self) -> Result<Option<Authority>, DirError> {
        let Some(text) = self.read_if_there("authority.next")? else { return Ok(None) };
        let wrong = |why: String| DirError::Form { path: self.file("authority.next"), why };
        let files: AuthorityFiles = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Authority::load(&files).map(Some).map_err(|error| wrong(error.to_string()))
    }

    /// Writes what we know of the cluster.
    pub fn save_settings(&self, settings: &Settings) -> Result<(), DirError> {
        let text = serde_json::to_string_pretty(settings).expect("settings are plain data");
        self.write("cluster.json", &(text + "\n"))
    }

    /// Writes what etcd refuses although it is signed.
    pub fn save_revocations(&self, list: &str) -> Result<(), DirError> {
        self.write("revoked.pem", list)
    }

    /// Notes that this host is to make the store of its cluster, or that it has.
    pub fn set_first(&self, is_first: bool) -> Result<(), DirError> {
        match is_first {
            true => self.write("first", "the store of this cluster is still to be made\n"),
            false => durable::remove(&self.file("first")).map_err(|source| self.cannot("first", source)),
        }
    }

    /// Whether this host is to make the store of its cluster.
    pub fn is_first(&self) -> bool {
        self.file("first").exists()
    }

    /// How the cluster's own store is reached as this host. Only members are taken for it, whatever their addresses.
    pub fn store_options(&self, urls: impl IntoIterator<Item = String>) -> EtcdOptions {
        let identity = etcd::Identity { certificate: self.file("host.pem"), key: self.file("host.key") };
        EtcdOptions {
            authority: Some(self.file("authority.pem")),
            identity: Some(identity),
            server_name: Some(MEMBER_NAME.into()),
            ..EtcdOptions::new(urls)
        }
    }

    /// Removes the identity: first that it is there, then the rest.
    pub fn remove(&self) -> Result<(), DirError> {
        durable::remove(&self.file("cluster.json")).map_err(|source| self.cannot("cluster.json", source))?;
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.cannot("", error)),
            _ => Ok(()),
        }
    }

    fn make(&self) -> Result<(), DirError> {
        durable::make_dir(&self.0).map_err(|source| self.cannot("", source))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), DirError> {
        durable::write(&self.file(name), text.as_bytes()).map_err(|source| self.cannot(name, source))
    }

    fn read(&self, name: &str) -> Result<String, DirError> {
        self.read_if_there(name)?.ok_or_else(|| self.cannot(name, io::ErrorKind::NotFound.into()))
    }

    fn read_if_there(&self, name: &str) -> Result<Option<String>, DirError> {
        use io::Read;
        let path = self.file(name);
        let read = || -> io::Result<String> {
            let mut text = String::new();
            fs::File::open(&path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
            Ok(text)
        };
        match read() {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.cannot(name, error)),
        }
    }

    fn cannot(&self, name: &str, source: io::Error) -> DirError {
        DirError::File { path: self.file(name), source }
    }
}

impl Identity {
    /// The identity of the first host of a new cluster.
    pub fn first(authority: &Authority, settings: Settings, now: SystemTime) -> Result<Self, AuthorityError> {
        let key = Key::generate()?;
        let requested = key.signing_request()?.key()?;
        let issued = authority.issue(&requested, &settings.subject(), now)?;
        Ok(Self { settings, trusted: authority.trusted(), certificates: issued.certificates, key: key.pem() })
    }

    /// The same identity with new certificates.
    pub fn renewed(authority: &Authority, of: &Self, now: SystemTime) -> Result<Self, AuthorityError> {
        let requested = Key::from_pem(&of.key)?.signing_request()?.key()?;
        let issued = authority.issue(&requested, &of.settings.subject(), now)?;
        let (settings, key) = (of.settings.clone(), of.key.clone());
        Ok(Self { settings, trusted: authority.trusted(), certificates: issued.certificates, key })
    }

    /// The certificate that says who we are.
    pub fn certificate(&self) -> Result<Certificate, CertificateError> {
        Certificate::all_of(&self.certificates.host).map(|mut all| all.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::identity::{ClusterId, Ports};

    fn first(authority: &Authority) -> Identity {
        let settings = Settings {
            version: SETTINGS_VERSION,
            cluster: ClusterId::random(),
            host: "a".parse().unwrap(),
            listen: [127, 0, 0, 1].into(),
            ports: Ports::default(),
            member: true,
            members: Vec::new(),
            refused: Vec::new(),
        };
        Identity::first(authority, settings, SystemTime::now()).unwrap()
    }

    #[test]
    fn an_identity_reads_back_and_is_closed_to_others() {
        let place = tempfile::tempdir().unwrap();
        let dir = ClusterDir::below(place.path());
        assert!(dir.load().unwrap().is_none());
        let authority = Authority::create(SystemTime::now()).unwrap();
        let identity = first(&authority);
        let operator = Operator::new("ann", [1; 32]).unwrap();
        dir.create(&identity, Some(&authority.files()), std::slice::from_ref(&operator)).unwrap();

        let read = dir.load().unwrap().unwrap();
        assert_eq!(read.settings, identity.settings);
        assert_eq!((read.certificates, read.key), (identity.certificates, identity.key));
        assert_eq!(dir.authority().unwrap().unwrap().fingerprint(), authority.fingerprint());
        assert_eq!(dir.operators().unwrap(), std::slice::from_ref(&operator));
        let other = Operator::new("bob", [2; 32]).unwrap();
        dir.pin_operators(std::slice::from_ref(&other), 3).unwrap();
        dir.pin_operators(&[operator.clone(), other.clone()], 4).unwrap();
        dir.pin_operators(std::slice::from_ref(&other), 5).unwrap();
        assert_eq!((dir.operators().unwrap(), dir.roster_number().unwrap()), (vec![other], 5));
        assert!(!dir.file("operators.new").exists());

        let mut open = vec![dir.path().to_owned()];
        while let Some(path) = open.pop() {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            if path.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                assert_eq!(mode, 0o600, "{}", path.display());
            }
        }
        dir.remove().unwrap();
        assert!(!dir.path().exists());
    }

    #[test]
    fn a_join_that_is_tried_again_has_the_same_key() {
        let place = tempfile::tempdir().unwrap();
        let dir = ClusterDir::below(place.path());
        let key = dir.key_to_join().unwrap().fingerprint();
        assert_eq!(dir.key_to_join().unwrap().fingerprint(), key);
        assert!(!dir.has_identity());
    }

    #[test]
    fn settings_of_another_form_are_not_guessed_at() {
        let place = tempfile::tempdir().unwrap();
        let dir = ClusterDir::below(place.path());
        dir.create(&first(&Authority::create(SystemTime::now()).unwrap()), None, &[]).unwrap();
        let text = fs::read_to_string(dir.file("cluster.json")).unwrap();
        for other in
            [text.replace(r#""version": 1"#, r#""version": 2"#), text.replace("listen", "other"), "{".into()]
        {
            fs::write(dir.file("cluster.json"), other).unwrap();
            assert!(dir.load().is_err());
        }
    }
}
