//! The agents: a directory for each, with its prefix, its file system and its certificate; and the host whose export changes.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use homeostat::hosted::{self, Hosted};
use homeostat_cluster::identity::{ClusterDir, Operator};

use crate::certificates::Authority;

/// The host whose export changes.
pub(crate) const ORIGIN: &str = "origin";
/// The name of the fleet, as it stands in releases.
pub(crate) const FLEET: &str = "scale";
/// Things that agents said which are kept, to tell why something went wrong.
const SAID_MAX: usize = 20;

pub(crate) struct Fleet {
    dir: PathBuf,
    /// Of the store.
    urls: String,
    authority: Arc<Authority>,
    pub(crate) hosts: Vec<String>,
    agents: Vec<Hosted>,
    origin: Option<Hosted>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Fleet {
    /// Makes their directories. Nothing runs yet.
    pub(crate) fn new(
        dir: &Path,
        count: usize,
        urls: &[String],
        authority: Arc<Authority>,
        operator: &Operator,
    ) -> anyhow::Result<Self> {
        let hosts: Vec<String> = (0..count).map(|at| format!("h{at:04}")).collect();
        let fleet = Self {
            dir: dir.into(),
            urls: urls.join(","),
            authority,
            hosts,
            agents: Vec::new(),
            origin: None,
            said: Arc::default(),
        };
        for host in fleet.hosts.iter().map(String::as_str).chain([ORIGIN]) {
            std::fs::create_dir_all(fleet.root(host))?;
            fleet.authority.sign(host)?;
            let prefix = fleet.of(host).join("prefix");
            DirBuilder::new().mode(0o700).create(&prefix)?;
            ClusterDir::below(&prefix).pin_operators(std::slice::from_ref(operator), 0)?;
        }
        Ok(fleet)
    }

    fn of(&self, host: &str) -> PathBuf {
        self.dir.join(host)
    }

    /// What a host takes for its file system.
    pub(crate) fn root(&self, host: &str) -> PathBuf {
        self.of(host).join("root")
    }

    /// Starts all of them, the host `origin` too.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        for at in 0..self.hosts.len() {
            let agent = self.agent(&self.hosts[at], "agent", &["--fleet", FLEET])?;
            self.agents.push(agent);
        }
        let site = self.of(ORIGIN).join("site.yaml");
        let site = site.to_str().context("the directory has a name in UTF-8")?;
        self.origin = Some(self.agent(ORIGIN, "run", &[site])?);
        Ok(())
    }

    fn agent(&self, host: &str, command: &str, more: &[&str]) -> anyhow::Result<Hosted> {
        let of = self.of(host);
        let signed =
            |extension: &str| self.authority.certificate().with_file_name(format!("{host}.{extension}"));
        let mut args: Vec<OsString> = ["homeostat", "--quiet", command].map(OsString::from).to_vec();
        for (flag, value) in [
            ("--hostname", OsString::from(host)),
            ("--prefix", of.join("prefix").into()),
            ("--root", of.join("root").into()),
            ("--etcd", self.urls.clone().into()),
            ("--etcd-ca", self.authority.certificate().into()),
            ("--etcd-cert", signed("pem").into()),
            ("--etcd-key", signed("key").into()),
        ] {
            args.extend([flag.into(), value]);
        }
        args.extend(more.iter().map(OsString::from));
        let (said, name) = (self.said.clone(), host.to_owned());
        hosted::start(args, move |text| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() < SAID_MAX {
                said.push(format!("{name}: {}", text.trim_end()));
            }
        })
    }

    /// Makes the host `origin` export something else.
    pub(crate) fn offer(&self, content: &str) -> anyhow::Result<()> {
        let site = self.of(ORIGIN).join("site.yaml");
        let text = format!(
            "graph: origin\nresources:\n  file:\n  - name: \"@@offered\"\n    path: /offered/{ORIGIN}\n    content: \"{content}\"\n"
        );
        let new = site.with_extension("new");
        std::fs::write(&new, text)?;
        Ok(std::fs::rename(new, site)?)
    }

    /// Ends all of them, in order.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let ended: Vec<Hosted> = self.agents.drain(..).chain(self.origin.take()).collect();
        ended.iter().for_each(Hosted::stop);
        for agent in ended {
            agent.ended()?;
        }
        Ok(())
    }

    /// Ends all of them at once, without a word to anybody.
    pub(crate) fn kill(&mut self) {
        let ended: Vec<Hosted> = self.agents.drain(..).chain(self.origin.take()).collect();
        ended.into_iter().for_each(Hosted::kill);
    }

    /// What they said to people first.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
