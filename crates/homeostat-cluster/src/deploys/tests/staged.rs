//! Releases in stages through a store in this process: one host looks at all others, and whoever may not or is gone holds up nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, advance, pause, resume, sleep};

use super::*;
use crate::deploys::lead::Lead;

/// Hosts of one fleet, each with its agent; what they take they are in order with at once.
struct Hosts {
    store: Arc<dyn Store>,
    overheard: Arc<Overheard>,
    key: OperatorKey,
    agents: BTreeMap<&'static str, AbortHandle>,
    tasks: JoinSet<()>,
    _dir: TempDir,
}

impl Hosts {
    fn new() -> Self {
        let (store, dir) = store();
        let overheard = Overheard::new(store.clone());
        let key = OperatorKey::generate();
        Self { store, overheard, key, agents: BTreeMap::new(), tasks: JoinSet::new(), _dir: dir }
    }

    async fn start(&mut self, host: &'static str, may_lead: bool) {
        say(&self.store, host, 0, None).await;
        let listened: Arc<dyn Store> = self.overheard.clone();
        let mut follows = follows_as(&listened, host, &operators(&self.key), may_lead);
        let store = self.store.clone();
        let agent = self.tasks.spawn(async move {
            loop {
                let number = taken(&mut follows).await;
                say(&store, host, number, None).await;
            }
        });
        self.agents.insert(host, agent);
    }

    async fn release(&self, hosts: &[&str]) {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let rollout = Rollout { hosts, max_unavailable: Some(Amount::Hosts(1)), ..Rollout::default() };
        publish(&*self.store, &Terms { rollout, ..terms(&self.key) }, &draft("x")).await.unwrap();
    }

    /// How often somebody began to look at all hosts.
    fn looks(&self) -> usize {
        self.overheard.watched().iter().filter(|prefix| *prefix == keys::HOSTS).count()
    }

    async fn lead(&self) -> Lead {
        loop {
            if let Some(entry) = self.store.get(&keys::rollout_lead(1)).await.unwrap() {
                return Lead::parse(&entry.value).unwrap();
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many have the release.
    async fn until_taken(&self, by: usize) {
        loop {
            let listed = self.store.range(keys::HOSTS).await.unwrap().0;
            let runs = listed.iter().filter_map(|entry| Summary::parse(&entry.value)?.deploy);
            if runs.filter(|runs| *runs == 1).count() >= by {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A host is gone, and its lease with it.
    async fn end(&mut self, host: &str) {
        self.agents.remove(host).unwrap().abort();
        let delete = vec![homeostat_engine::store::Operation::Delete(keys::host(host).into())];
        assert!(matches!(self.store.transaction(vec![], delete).await, Ok(Commit::Done(_))));
    }
}

#[tokio::test]
async fn one_host_looks_for_all_and_another_one_when_it_is_gone() {
    let mut hosts = Hosts::new();
    for host in ["a", "b", "c", "d", "e"] {
        hosts.start(host, true).await;
    }
    hosts.release(&[]).await;
    let first = hosts.lead().await;
    hosts.until_taken(1).await;
    assert_eq!(hosts.looks(), 1);
    hosts.end(&first.host).await;
    hosts.until_taken(4).await;
    assert_eq!(hosts.looks(), 2);
    assert_ne!(hosts.lead().await.host, first.host);
}

#[tokio::test]
async fn hosts_for_which_nobody_may_look_do_so_themselves() {
    let mut hosts = Hosts::new();
    for host in ["a", "b"] {
        hosts.start(host, false).await;
    }
    hosts.release(&[]).await;
    hosts.until_taken(2).await;
    assert_eq!(hosts.looks(), 2);
}

#[tokio::test]
async fn a_host_that_a_release_is_not_for_looks_for_those_that_may_not() {
    let mut hosts = Hosts::new();
    hosts.start("a", true).await;
    for host in ["b1", "b2"] {
        hosts.start(host, false).await;
    }
    hosts.release(&["b*"]).await;
    hosts.until_taken(2).await;
    assert_eq!(hosts.looks(), 1);
    assert_eq!(&*hosts.lead().await.host, "a");
}

#[tokio::test]
async fn a_host_that_has_a_later_release_looks_for_those_that_still_take_the_one_before() {
    let mut hosts = Hosts::new();
    hosts.release(&[]).await;
    hosts.release(&["a"]).await;
    hosts.start("a", true).await;
    for host in ["b1", "b2"] {
        hosts.start(host, false).await;
    }
    hosts.until_taken(2).await;
    assert_eq!(&*hosts.lead().await.host, "a");
    // It looks for each of both.
    assert!(hosts.looks() <= 2, "{}", hosts.looks());
    // When nobody is to take it any more, nobody is looked for.
    while hosts.store.get(&keys::rollout_lead(1)).await.unwrap().is_some() {
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_turn_of_a_host_that_is_gone_goes_to_the_next_one_and_it_waits_for_another() {
    let mut hosts = Hosts::new();
    hosts.start("z", true).await;
    for host in ["a", "b"] {
        say(&hosts.store, host, 0, None).await;
    }
    hosts.release(&["a", "b"]).await;
    let go = |host: &str| keys::rollout_go(host, 1);
    let is_told = async |host: &str| hosts.store.get(&go(host)).await.unwrap().is_some();
    let (first, second) = loop {
        if is_told("a").await {
            break ("a", "b");
        }
        if is_told("b").await {
            break ("b", "a");
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert!(!is_told(second).await);
    let gone = vec![homeostat_engine::store::Operation::Delete(keys::host(first).into())];
    assert!(matches!(hosts.store.transaction(vec![], gone).await, Ok(Commit::Done(_))));
    while is_told(first).await || !is_told(second).await {
        sleep(Duration::from_millis(20)).await;
    }
    // It comes back while the other one is under way, and has its turn after it.
    say(&hosts.store, first, 0, None).await;
    sleep(Duration::from_secs(1)).await;
    assert!(!is_told(first).await);
    say(&hosts.store, second, 1, None).await;
    while !is_told(first).await {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn one_that_says_nothing_any_more_holds_up_nobody() {
    let mut hosts = Hosts::new();
    let hangs = Lead { host: "z".into(), beat: 0, failed_on: None, everywhere: false, over: false };
    hosts.store.put(&keys::rollout_lead(1), &hangs.to_bytes(), None).await.unwrap();
    for host in ["a", "b"] {
        hosts.start(host, true).await;
    }
    hosts.release(&[]).await;
    let begun = Instant::now();
    while hosts.overheard.watched().iter().filter(|key| **key == keys::rollout_lead(1)).count() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(200)).await;
    assert_eq!(hosts.looks(), 0, "after {:?}", begun.elapsed());
    pause();
    advance(Duration::from_secs(60)).await;
    resume();
    hosts.until_taken(2).await;
    assert_eq!(hosts.looks(), 2);
}
