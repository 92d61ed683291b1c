//! A real etcd for tests: started by them on free ports of this host, and killed at their end.
//!
//! For the tests of this crate, and with the feature `testing` for those of others.
#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

pub mod network;
pub mod records;

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than a start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A member of an etcd of its own.
pub struct EtcdServer {
    dir: TempDir,
    name: String,
    client_port: u16,
    peer_port: u16,
    metrics_port: u16,
    /// All members, as etcd wants to know them.
    members: String,
    tls: Option<ServerTls>,
    child: Option<Child>,
}

/// The files of a server that speaks to those alone whom it knows.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// Whose certificates are trusted.
    pub authority: PathBuf,
    /// The certificate of the server.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Says that a test cannot run on this machine, and has it counted by whoever named a file for that.
pub fn skip(why: &str) {
    use std::io::Write;
    eprintln!("skipped: {why}");
    if let Some(file) = std::env::var_os("HOMEOSTAT_SKIPPED") {
        let file = File::options().append(true).create(true).open(file);
        // In one piece, since others write too.
        file.and_then(|mut file| file.write_all(format!("{why}\n").as_bytes())).unwrap();
    }
}

/// Whether there is an etcd; a test that cannot run without is counted.
pub fn etcd_is_installed() -> bool {
    let asked = Command::new("etcd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if asked.is_err() {
        skip("etcd is not installed");
    }
    asked.is_ok()
}

/// Names an etcd of another series than that on the path, for tests of both at once.
pub const ANOTHER_ETCD: &str = "HOMEOSTAT_ANOTHER_ETCD";

/// The etcd on the path and that other one, the older first; a test that cannot run without is counted.
pub fn two_series() -> Option<(PathBuf, PathBuf)> {
    if !etcd_is_installed() {
        return None;
    }
    let Some(other) = std::env::var_os(ANOTHER_ETCD) else {
        skip(&format!("{ANOTHER_ETCD} names no etcd of another series"));
        return None;
    };
    let mut both = [PathBuf::from("etcd"), other.into()].map(|program| (series(&program), program));
    both.sort();
    let [(first, older), (second, newer)] = both;
    assert_ne!(first, second, "{ANOTHER_ETCD} names an etcd of the same series as the one on the path");
    Some((older, newer))
}

fn series(program: &Path) -> (u32, u32) {
    let said = Command::new(program).arg("--version").output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    let version = said.lines().find_map(|line| line.strip_prefix("etcd Version: ")).unwrap();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

impl EtcdServer {
    /// One member alone; none if etcd is not installed.
    pub fn start() -> Option<Self> {
        Self::start_cluster(1).map(|mut members| members.remove(0))
    }

    /// One member alone, with mutual TLS.
    pub fn start_with_tls(tls: ServerTls) -> Option<Self> {
        let mut server = Self::prepare(1)?.remove(0);
        server.tls = Some(tls);
        server.start_again();
        Some(server)
    }

    /// Several members.
    pub fn start_cluster(size: usize) -> Option<Vec<Self>> {
        Some(Self::start_all(Self::prepare(size)?))
    }

    /// Several members, with mutual TLS for their clients.
    pub fn start_cluster_with_tls(size: usize, tls: &ServerTls) -> Option<Vec<Self>> {
        let mut servers = Self::prepare(size)?;
        servers.iter_mut().for_each(|server| server.tls = Some(tls.clone()));
        Some(Self::start_all(servers))
    }

    /// Starts members, again if they ran before: none alone would be ready.
    pub fn start_all(mut servers: Vec<Self>) -> Vec<Self> {
        servers.iter_mut().for_each(Self::launch);
        servers.iter().for_each(Self::wait_until_ready);
        servers
    }

    fn prepare(size: usize) -> Option<Vec<Self>> {
        etcd_is_installed().then_some(())?;
        // All at once, so that no port is given twice.
        let free: Vec<_> = (0..size * 3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = free.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let names: Vec<String> = (1..=size).map(|at| format!("m{at}")).collect();
        let named = names.iter().zip(&ports[size..size * 2]);
        let members: Vec<_> = named.map(|(name, port)| format!("{name}=http://127.0.0.1:{port}")).collect();
        let members = members.join(",");
        let servers = names.into_iter().enumerate().map(|(at, name)| Self {
            dir: tempfile::Builder::new().prefix("homeostat-etcd-").tempdir().unwrap(),
            name,
            client_port: ports[at],
            peer_port: ports[size + at],
            metrics_port: ports[size * 2 + at],
            members: members.clone(),
            tls: None,
            child: None,
        });
        Some(servers.collect())
    }

    /// Where clients are answered.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.client_port)
    }

    /// The port where clients are answered.
    pub fn port(&self) -> u16 {
        self.client_port
    }

    /// The port of this host where its metrics are, for everybody.
    pub fn metrics_port(&self) -> u16 {
        self.metrics_port
    }

    /// Starts it again, with what it has on disk.
    pub fn start_again(&mut self) {
        self.launch();
        self.wait_until_ready();
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Removes what it has on disk; it must not run.
    pub fn wipe(&self) {
        assert!(self.child.is_none(), "it runs");
        std::fs::remove_dir_all(self.data()).unwrap();
    }

    /// Makes it stop answering, with its connections open.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn launch(&mut self) {
        self.kill();
        let log = File::create(self.log()).unwrap();
        let peers = format!("http://127.0.0.1:{}", self.peer_port);
        let metrics = format!("http://127.0.0.1:{}", self.metrics_port);
        let mut command = Command::new("etcd");
        command
            .args(["--name", &self.name, "--data-dir", path(&self.data())])
            .args(["--listen-client-urls", &self.url(), "--advertise-client-urls", &self.url()])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &self.members])
            .args(["--listen-metrics-urls", &metrics])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(tls) = &self.tls {
            command.args(["--client-cert-auth", "--trusted-ca-file", path(&tls.authority)]).args([
                "--cert-file",
                path(&tls.certificate),
                "--key-file",
                path(&tls.key),
            ]);
        }
        self.child = Some(command.spawn().unwrap());
    }

    #[allow(clippy::disallowed_methods, reason = "nothing tells when another process is ready")]
    fn wait_until_ready(&self) {
        let start = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            if log.contains("ready to serve client requests") {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "etcd does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl std::fmt::Debug for EtcdServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EtcdServer").field(&self.url()).finish()
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
