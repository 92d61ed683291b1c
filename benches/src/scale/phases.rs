//! What is done to the fleet, one after the other, and what must be so after each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use homeostat_cluster::deploys::{Amount, OperatorKey, Rollout};
use homeostat_cluster::presence::LEASE;
use homeostat_cluster::testing::EtcdServer;
use homeostat_cluster::{EtcdOptions, EtcdStore, Identity};
use homeostat_engine::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::certificates::Authority;
use crate::files::{Wanted, appear, missing};
use crate::fleet::Fleet;
use crate::meter::Meter;
use crate::others::{self, Seen, in_order};
use crate::release::{OPERATOR, of_all, of_origin, own, release};
use crate::settings::Settings;
use crate::table::{self, Phase, seconds};

/// Members of the store.
const MEMBERS: usize = 3;
/// Event queues that an agent opens, with room.
const INOTIFIES_EACH: usize = 2;
/// Until what follows from a phase is over: summaries are a second late.
const AFTER: Duration = Duration::from_secs(3);

struct Run<'a> {
    settings: &'a Settings,
    fleet: Fleet,
    etcds: Vec<EtcdServer>,
    store: Arc<dyn Store>,
    key: OperatorKey,
    meter: Meter,
    seen: watch::Receiver<Seen>,
    phases: Vec<Phase>,
    began: Instant,
    wrong: Vec<String>,
    /// The release that runs.
    number: u64,
    /// What `origin` exports.
    offered: String,
    _following: JoinSet<()>,
}

/// All phases, and their table. Says what is not as it must be.
pub(crate) async fn all(settings: &Settings) -> anyhow::Result<Vec<String>> {
    expect_room(settings.agents)?;
    let dir = homeostat_benches::scratch()?;
    let authority = Arc::new(Authority::new(&dir.path().join("certificates"))?);
    let tls = authority.server()?;
    let Some(etcds) = EtcdServer::start_cluster_with_tls(MEMBERS, &tls) else { return Ok(Vec::new()) };
    let urls: Vec<String> = etcds.iter().map(EtcdServer::url).collect();
    let us = authority.sign("observer")?;
    let options = EtcdOptions {
        authority: Some(authority.certificate()),
        identity: Some(Identity { certificate: us.certificate, key: us.key }),
        ..EtcdOptions::new(&urls)
    };
    let store: Arc<dyn Store> = Arc::new(EtcdStore::new(options)?);
    let key = OperatorKey::generate();
    let operator = key.operator(OPERATOR).map_err(anyhow::Error::msg)?;
    let fleet = Fleet::new(dir.path(), settings.agents, &urls, authority, &operator)?;
    let meter = Meter::start(etcds.iter().map(EtcdServer::metrics_port).collect()).await;
    let (tell, seen) = watch::channel(Seen::default());
    let mut following = JoinSet::new();
    following.spawn(others::follow(store.clone(), tell));
    let run = Run {
        settings,
        fleet,
        etcds,
        store,
        key,
        meter,
        seen,
        phases: Vec::new(),
        began: Instant::now(),
        wrong: Vec::new(),
        number: 0,
        offered: String::new(),
        _following: following,
    };
    run.all().await
}

impl Run<'_> {
    async fn all(mut self) -> anyhow::Result<Vec<String>> {
        println!(
            "{} agents, {MEMBERS} members of the store, collecting from {:?}",
            self.settings.agents, self.settings.collect
        );
        self.start().await?;
        self.idle().await;
        self.change().await?;
        self.deploy("release, all at once", Rollout::default()).await?;
        let tenths = Rollout { max_unavailable: Some(Amount::Percent(10)), ..Rollout::default() };
        self.deploy("release, a tenth at a time", tenths).await?;
        self.outage().await?;
        self.restart().await?;
        self.power().await?;
        self.fleet.stop()?;
        table::print(&self.phases, self.settings.agents);
        println!("resident: {} KiB per agent, all of this program", resident_kib() / self.settings.agents);
        if !self.wrong.is_empty() {
            self.wrong.extend(self.fleet.said());
        }
        Ok(self.wrong)
    }

    /// Everything starts: what is released is there, and nothing of it on any host.
    async fn start(&mut self) -> anyhow::Result<()> {
        self.offer("first")?;
        self.release(Rollout::default()).await?;
        self.meter.take().await;
        let since = Instant::now();
        let cpu = processor();
        self.fleet.start()?;
        let took = self.all_files(since).await;
        self.end("start, to all files", took, cpu, since).await;
        let took =
            in_order(&mut self.seen, &self.fleet.hosts, self.number, since, self.settings.within).await;
        sleep(AFTER).await;
        self.end("start, seen in order", took, cpu, since).await;
        Ok(())
    }

    async fn idle(&mut self) {
        let (since, cpu) = (Instant::now(), processor());
        sleep(self.settings.idle).await;
        self.end("nothing happens", Vec::new(), cpu, since).await;
    }

    async fn change(&mut self) -> anyhow::Result<()> {
        let (since, cpu) = (Instant::now(), processor());
        self.offer("second")?;
        let took = self.all_files(since).await;
        sleep(AFTER).await;
        self.end("one export changes", took, cpu, since).await;
        Ok(())
    }

    async fn deploy(&mut self, name: &'static str, rollout: Rollout) -> anyhow::Result<()> {
        let (since, cpu) = (Instant::now(), processor());
        self.release(rollout).await?;
        let took = self.all_files(since).await;
        in_order(&mut self.seen, &self.fleet.hosts, self.number, since, self.settings.within).await;
        sleep(AFTER).await;
        self.end(name, took, cpu, since).await;
        Ok(())
    }

    /// The store goes; files are repaired meanwhile and an export changes; it comes back.
    async fn outage(&mut self) -> anyhow::Result<()> {
        let gone_before = self.seen.borrow().gone.len();
        let (since, cpu) = (Instant::now(), processor());
        self.etcds.iter_mut().for_each(EtcdServer::kill);
        for host in &self.fleet.hosts {
            std::fs::remove_file(self.fleet.root(host).join("own/release"))?;
        }
        let took = self.all_files(since).await;
        self.end("the store is away: repair", took, cpu, since).await;
        let before = self.offered.clone();
        self.offer("third")?;
        sleep(self.settings.away.saturating_sub(since.elapsed())).await;
        let after = std::mem::replace(&mut self.offered, before);
        self.nothing_vanished("while the store was away");
        self.offered = after;
        self.end("the store is away", Vec::new(), cpu, since).await;
        let cpu = processor();
        self.etcds = EtcdServer::start_all(std::mem::take(&mut self.etcds));
        let since = Instant::now();
        let took = self.all_files(since).await;
        // By then each lease was either kept or is over.
        sleep(LEASE + AFTER).await;
        self.end("the store is back", took, cpu, since).await;
        self.all_alive("after the store was away", gone_before, self.began);
        Ok(())
    }

    /// All of them end in order, and start at once.
    async fn restart(&mut self) -> anyhow::Result<()> {
        self.fleet.stop()?;
        self.meter.take().await;
        let (since, cpu) = (Instant::now(), processor());
        let gone_before = self.seen.borrow().gone.len();
        self.fleet.start()?;
        self.again("restart, seen in order", since, cpu).await;
        self.all_alive("after a restart", gone_before, since);
        Ok(())
    }

    /// All of them end without a word, and start at once.
    async fn power(&mut self) -> anyhow::Result<()> {
        let gone_before = self.seen.borrow().gone.len();
        self.fleet.kill();
        self.meter.take().await;
        let (since, cpu) = (Instant::now(), processor());
        self.fleet.start()?;
        self.again("power cut, seen in order", since, cpu).await;
        // The leases of before end without taking anything along.
        sleep(LEASE).await;
        self.all_alive("after a power cut", gone_before, since);
        Ok(())
    }

    async fn again(&mut self, name: &'static str, since: Instant, cpu: Duration) {
        let took =
            in_order(&mut self.seen, &self.fleet.hosts, self.number, since, self.settings.within).await;
        self.nothing_vanished(name);
        sleep(AFTER).await;
        self.end(name, took, cpu, since).await;
    }

    async fn release(&mut self, rollout: Rollout) -> anyhow::Result<()> {
        self.number += 1;
        release(&*self.store, &self.key, self.number, self.settings.collect, rollout).await
    }

    fn offer(&mut self, content: &str) -> anyhow::Result<()> {
        self.offered = content.to_owned();
        self.fleet.offer(content)
    }

    /// What a host must have now.
    fn wanted(&self, host: &str) -> Vec<Wanted> {
        let (fleet, collect) = (&self.fleet, self.settings.collect);
        [own(fleet, host, self.number), of_origin(fleet, host, &self.offered), of_all(fleet, host, collect)]
            .concat()
    }

    async fn all_files(&self, since: Instant) -> Vec<Option<Duration>> {
        appear(&self.fleet, since, self.settings.within, |host| self.wanted(host)).await
    }

    fn nothing_vanished(&mut self, when: &str) {
        let missing = missing(&self.fleet, |host| self.wanted(host));
        if let Some(first) = missing.first() {
            self.wrong.push(format!(
                "{when}, {} files were not there, such as {}",
                missing.len(),
                first.display()
            ));
        }
    }

    /// No host was taken for gone that had spoken since then.
    fn all_alive(&mut self, when: &str, gone_before: usize, spoken_since: Instant) {
        let lost = self.seen.borrow().gone[gone_before..].iter().filter(|at| **at >= spoken_since).count();
        println!("leases lost {when}: {lost}");
        if lost > 0 {
            self.wrong.push(format!("{when}, {lost} leases were lost"));
        }
    }

    /// A phase is over, for what the etcds count as well.
    async fn end(&mut self, name: &'static str, took: Vec<Option<Duration>>, cpu: Duration, since: Instant) {
        let late = took.iter().filter(|took| took.is_none()).count();
        if late > 0 {
            self.wrong.push(format!(
                "{name}: {late} hosts did not converge within {}",
                seconds(self.settings.within)
            ));
        }
        let phase = Phase {
            name,
            took,
            counted: self.meter.take().await,
            lasted: since.elapsed(),
            cpu: processor().saturating_sub(cpu),
        };
        eprintln!("{}: {}", phase.name, seconds(phase.lasted));
        self.phases.push(phase);
    }
}

/// The kernel gives a user only so many.
fn expect_room(agents: usize) -> anyhow::Result<()> {
    let limit = "/proc/sys/fs/inotify/max_user_instances";
    let allowed = std::fs::read_to_string(limit).with_context(|| limit.to_owned())?;
    let (allowed, needed) = (allowed.trim().parse::<usize>()?, agents * INOTIFIES_EACH);
    anyhow::ensure!(
        allowed >= needed,
        "{agents} agents need up to {needed} inotify instances, and {allowed} are allowed: sysctl fs.inotify.max_user_instances={}",
        needed + allowed
    );
    Ok(())
}

/// Processor time of this process, in hundredths of a second.
fn processor() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold anything.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident_kib() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
