//! One member on the loopback address, and what may be wrong with its etcd.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use homeostat_cluster::members::{
    self, Candidacy, Condition, LoneError, MembersConfig, Membership, ProgramError,
};
use homeostat_cluster::testing::skip;
use homeostat_cluster::{EtcdOptions, EtcdStore};
use tempfile::TempDir;
use tokio::time::timeout;

use super::authority::{Authority, candidacy, options, times};

const PATIENCE: Duration = Duration::from_secs(60);

/// A host that may be the first member, with certificates for it and for `others`.
pub(crate) struct Lone {
    pub(crate) dir: TempDir,
    pub(crate) authority: Authority,
    pub(crate) candidacy: Candidacy,
}

impl Lone {
    /// None where etcd is not installed.
    pub(crate) fn new(others: &[&str]) -> Option<Self> {
        if std::process::Command::new("etcd").arg("--version").output().is_err() {
            skip("etcd is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new(dir.path());
        others.iter().chain(&["a"]).for_each(|host| authority.sign(host, "127.0.0.1"));
        let free: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<_> = free.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let candidacy = candidacy(dir.path(), "a", "127.0.0.1", (ports[0], ports[1]));
        Some(Self { dir, authority, candidacy })
    }

    pub(crate) fn options(&self, host: &str) -> EtcdOptions {
        options(self.dir.path(), host, &self.candidacy.server.client_urls)
    }

    pub(crate) fn store(&self, host: &str) -> EtcdStore {
        EtcdStore::new(self.options(host)).unwrap()
    }

    fn cluster_dir(&self) -> PathBuf {
        self.dir.path().join("cluster")
    }

    /// A client of its own, which is not bound to what ours asks.
    pub(crate) async fn raw(&self, host: &str) -> Client {
        let EtcdOptions { urls, authority, identity, server_name, .. } = self.options(host);
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        let identity = identity.unwrap();
        let mut tls = TlsOptions::new()
            .ca_certificate(Certificate::from_pem(read(authority.unwrap())))
            .identity(Identity::from_pem(read(identity.certificate), read(identity.key)));
        if let Some(name) = server_name {
            tls = tls.domain_name(name);
        }
        Client::connect(urls, Some(ConnectOptions::new().with_tls(tls))).await.unwrap()
    }

    pub(crate) async fn begin(&self) -> Result<(), LoneError> {
        let begun = members::begin("a", &self.cluster_dir(), &self.candidacy, &self.options("a")).await?;
        begun.stop().await;
        Ok(())
    }

    pub(crate) fn start(&self) -> Membership {
        let candidacy = Some(self.candidacy.clone());
        let config = MembersConfig { host: "a".into(), dir: self.cluster_dir(), candidacy, times: times() };
        Membership::start(config, Arc::new(self.store("a")), None).unwrap()
    }

    /// Sets it up, and starts it; returns when it runs.
    pub(crate) async fn run(&self) -> Membership {
        self.begin().await.unwrap();
        let mut membership = self.start();
        until(&mut membership, |condition| *condition == Condition::Running).await;
        membership
    }
}

async fn until(membership: &mut Membership, is_so: impl FnMut(&Condition) -> bool) -> Condition {
    let condition = timeout(PATIENCE, membership.condition.wait_for(is_so)).await;
    condition.unwrap_or_else(|_| panic!("not in time")).unwrap().clone()
}

/// A program that says it is this etcd, and then does this.
pub(crate) fn pretend(dir: &Path, version: &str, then: &str) -> PathBuf {
    let path = dir.join(format!("etcd-{version}"));
    let text =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && echo 'etcd Version: {version}' && exit 0\n{then}\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn an_etcd_that_is_missing_too_old_or_ends_at_once_is_said_and_recovered_from() {
    let Some(mut lone) = Lone::new(&[]) else { return };
    lone.begin().await.unwrap();
    let dir = lone.dir.path().to_owned();
    lone.candidacy.server.program = dir.join("none");
    let mut membership = lone.start();
    until(&mut membership, |condition| {
        matches!(condition, Condition::Unusable(ProgramError::Missing { .. }))
    })
    .await;
    membership.stop().await;

    lone.candidacy.server.program = pretend(&dir, "3.3.25", "");
    let mut membership = lone.start();
    let old = Condition::Unusable(ProgramError::TooOld { found: "3.3.25".into() });
    until(&mut membership, |condition| *condition == old).await;
    membership.stop().await;

    lone.candidacy.server.program = pretend(&dir, "3.5.1", "echo 'the disk is on fire' >&2; exit 3");
    let mut membership = lone.start();
    let failing = until(
        &mut membership,
        |condition| matches!(condition, Condition::Failing { exits, .. } if *exits >= 3),
    );
    let Condition::Failing { why, .. } = failing.await else { unreachable!() };
    assert!(why.contains("the disk is on fire") && why.contains('3'), "{why}");
    membership.stop().await;

    lone.candidacy.server.program = "etcd".into();
    let mut membership = lone.start();
    until(&mut membership, |condition| *condition == Condition::Running).await;
    membership.stop().await;
}

#[tokio::test]
async fn a_first_member_is_begun_once() {
    let Some(lone) = Lone::new(&[]) else { return };
    lone.begin().await.unwrap();
    assert!(matches!(lone.begin().await, Err(LoneError::HasData(_))));
    assert!(!members::RECOVER_WARNING.is_empty());
    let empty = lone.dir.path().join("empty");
    let nothing = members::recover("a", &empty, &lone.candidacy, &lone.options("a")).await;
    assert!(matches!(nothing, Err(LoneError::NoData(_))));
}
