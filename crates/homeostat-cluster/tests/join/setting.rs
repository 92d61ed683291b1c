//! What the tests have in common.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use homeostat_cluster::identity::{
    Authority, AuthorityFiles, Certificate, ClusterId, Identity, Key, Operator, Ports, Role,
    SETTINGS_VERSION, Settings,
};
use homeostat_cluster::join::{
    Admission, Admitted, JoinString, MESSAGE_VERSION, NewToken, Refusal, Registrar, Renewal,
};
use homeostat_cluster::tls::Peer;
use homeostat_engine::Store;
use homeostat_engine::store::EmbeddedStore;
use tempfile::TempDir;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A cluster with one host, `first`, and a store of its own.
pub(crate) struct Cluster {
    pub(crate) registrar: Registrar,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) first: Identity,
    /// The operators of the member that decides.
    pub(crate) pinned: Arc<Mutex<(u64, Vec<Operator>)>>,
    _dir: TempDir,
}

impl Cluster {
    pub(crate) async fn new() -> Self {
        Self::with_store(|store| store).await
    }

    /// One whose store does as it does, but for what is put around it.
    pub(crate) async fn with_store(around: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        Self::made(around, true).await
    }

    async fn made(around: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>, is_known: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = around(Arc::new(EmbeddedStore::open(dir.path())));
        let authority = Authority::create(SystemTime::now()).unwrap();
        let first = first(&authority);
        let pinned = Arc::new(Mutex::new((0, Vec::new())));
        let now = pinned.clone();
        let cluster = first.settings.cluster.clone();
        let registrar =
            Registrar::new(store.clone(), cluster, move || Ok(now.lock().unwrap().clone()), authority);
        if is_known {
            registrar.enrol_first(&first).await.unwrap();
        }
        Self { registrar, store, first, pinned, _dir: dir }
    }

    /// One whose store knows nobody yet.
    pub(crate) async fn before_the_first_is_known() -> Self {
        Self::made(|store| store, false).await
    }

    pub(crate) async fn token(&self, uses: u32, role: Role) -> JoinString {
        self.registrar.token(NewToken { ttl: HOUR, uses, role }, SystemTime::now()).await.unwrap()
    }

    /// Lets a host in, with a token of its own.
    pub(crate) async fn join(&self, host: &str, last: u8, role: Role) -> (Key, Admitted) {
        let key = Key::generate().unwrap();
        let asked = admission(&self.token(1, role).await, host, last, &key);
        (key, self.registrar.admit(&asked, SystemTime::now()).await.unwrap())
    }

    pub(crate) async fn renew(&self, who: &Peer, key: &Key) -> Result<(), Refusal> {
        let asked = Renewal { version: MESSAGE_VERSION, request: key.signing_request().unwrap() };
        self.registrar.renew(who, &asked, SystemTime::now()).await.map(drop)
    }

    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let (entries, _) = self.store.range(prefix).await.unwrap();
        entries.into_iter().map(|entry| entry.key.to_string()).collect()
    }
}

/// The first host of a cluster of this authority.
pub(crate) fn first(authority: &Authority) -> Identity {
    let settings = Settings {
        version: SETTINGS_VERSION,
        cluster: ClusterId::random(),
        host: "first".parse().unwrap(),
        listen: address(1),
        ports: Ports::default(),
        member: true,
        members: Vec::new(),
        refused: Vec::new(),
    };
    Identity::first(authority, settings, SystemTime::now()).unwrap()
}

/// An identity of this authority as if it had joined.
pub(crate) fn host(authority: &Authority, name: &str, role: Role, now: SystemTime) -> Identity {
    let first = first(authority);
    let settings =
        Settings { host: name.parse().unwrap(), member: role == Role::Member, ..first.settings.clone() };
    Identity { settings: settings.clone(), ..Identity::first(authority, settings, now).unwrap() }
}

pub(crate) fn address(last: u8) -> IpAddr {
    [127, 0, 0, last].into()
}

pub(crate) fn admission(given: &JoinString, host: &str, last: u8, key: &Key) -> Admission {
    Admission {
        version: MESSAGE_VERSION,
        token: given.token.clone(),
        secret: given.secret.clone(),
        host: host.parse().unwrap(),
        listen: address(last),
        ports: Ports::default(),
        request: key.signing_request().unwrap(),
    }
}

/// Who it is, as its certificate says.
pub(crate) fn peer(certificates: &str) -> Peer {
    let shown = Certificate::all_of(certificates).unwrap().remove(0);
    Peer { host: shown.common_name().unwrap().parse().unwrap(), serial: shown.serial().clone() }
}

pub(crate) fn again(files: &AuthorityFiles) -> Authority {
    Authority::load(files).unwrap()
}
