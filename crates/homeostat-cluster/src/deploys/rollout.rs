//! Whether a host may take a release now. A pure function of the manifest and of what is seen of the hosts: whoever looks comes to the
//! same, and no one is in charge.
//!
//! The hosts that a release is for stand in an order that follows from their names and its number, the same on all of them. A host
//! takes its turn when enough of those before it have the release and are in order with it. Hosts are seen a little late. That
//! a host has got further can only be seen late, not early; so who waits, waits a little too long, and never too short. For the same
//! reason a turn never becomes wrong by coming late: one host looks for all ([`Word`]), and the others heed what it said ([`heed`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_model::hosts;

use super::manifest::{Hash, Manifest, Rollout};
use crate::presence::{Alive, Summary};

/// How a host that follows releases stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostStanding {
    /// The release that runs; 0: none.
    pub runs: u64,
    /// Everything is in order with it.
    pub in_order: bool,
    /// The release that did not do.
    pub failed: Option<u64>,
}

/// The hosts that are alive and follow releases, by name.
pub type Fleet = BTreeMap<Arc<str>, HostStanding>;

/// What a host does about a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is for others.
    NotForUs,
    /// It runs, or did not do here.
    Nothing,
    /// Take it now.
    Take,
    /// Not yet: these have to be in order with it before.
    Wait(Vec<Arc<str>>),
    /// It failed on this host, and nobody else takes it.
    Stopped(Arc<str>),
    /// It runs here, failed on this host, and its operator lets hosts go back.
    GoBack(Arc<str>),
}

/// What whoever looks at all hosts says to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Those who may take it now, in their order.
    pub go: Vec<Arc<str>>,
    /// It failed on this host.
    pub failed_on: Option<Arc<str>>,
    /// It is in order on every host that it is for.
    pub everywhere: bool,
    /// No host that is there is to take it any more: each has it in order, or has got to a later one.
    pub over: bool,
}

/// What a host has heard of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// It may take the release.
    pub go: bool,
    /// The release failed on this host.
    pub failed_on: Option<Arc<str>>,
}

impl HostStanding {
    /// As a summary tells it; none of a host that follows no releases.
    pub fn of(summary: &Summary) -> Option<Self> {
        let in_order = summary.is_converged();
        summary.deploy.map(|runs| Self { runs, in_order, failed: summary.deploy_failed })
    }

    fn has(&self, number: u64) -> bool {
        self.runs == number && self.in_order
    }

    /// It runs or refused a later one.
    fn is_past(&self, number: u64) -> bool {
        self.runs.max(self.failed.unwrap_or_default()) > number
    }
}

/// Those that are alive and follow releases.
pub fn fleet(alive: &Alive) -> Fleet {
    let standing = |(host, seen): (&Arc<str>, &crate::presence::Seen)| {
        HostStanding::of(&seen.summary).map(|standing| (host.clone(), standing))
    };
    alive.iter().filter_map(standing).collect()
}

impl Rollout {
    /// Whether it is for this host.
    pub fn selects(&self, host: &str) -> bool {
        self.hosts.is_empty() || hosts::any_matches(self.hosts.iter().map(String::as_str), host)
    }

    /// Whether hosts look at each other for it: where it waits for some of them, or goes back when it fails on one.
    pub fn is_staged(&self) -> bool {
        self.canary.is_some() || self.max_unavailable.is_some() || self.rollback_on_failure
    }
}

/// The hosts that a release is for, in the order in which they take it; nobody waits for one that has got to a later release.
pub fn order<'a>(manifest: &Manifest, fleet: &'a Fleet) -> Vec<&'a Arc<str>> {
    let mut order = selected(manifest, fleet);
    order.retain(|host| !fleet[*host].is_past(manifest.number));
    order
}

/// All hosts that a release is for, in an order that all know.
fn selected<'a>(manifest: &Manifest, fleet: &'a Fleet) -> Vec<&'a Arc<str>> {
    let place = |host: &str| Hash::of(format!("{}/{}/{host}", manifest.cluster, manifest.number).as_bytes());
    let mut selected: Vec<&Arc<str>> = fleet.keys().filter(|host| manifest.rollout.selects(host)).collect();
    selected.sort_by_cached_key(|host| (place(host), (*host).clone()));
    selected
}

/// Whether everything is in order with a release here, and on every host that it is for.
pub fn is_everywhere(manifest: &Manifest, own: HostStanding, fleet: &Fleet) -> bool {
    own.has(manifest.number) && order(manifest, fleet).iter().all(|host| fleet[*host].has(manifest.number))
}

/// What is to be said to the hosts: the same as each of them would [`decide`] with what is seen here. Those who were told to go count as
/// under way, whether they have begun or not.
pub fn word(manifest: &Manifest, fleet: &Fleet, told: &BTreeSet<Arc<str>>) -> Word {
    let (rollout, number) = (&manifest.rollout, manifest.number);
    let (selected, order) = (selected(manifest, fleet), order(manifest, fleet));
    let failed_on =
        selected.iter().find(|host| fleet[**host].failed == Some(number)).map(|host| (*host).clone());
    let everywhere = !order.is_empty() && order.iter().all(|host| fleet[*host].has(number));
    let over = !selected.is_empty() && order.iter().all(|host| fleet[*host].has(number));
    let mut go = Vec::new();
    if failed_on.is_none() {
        let canaries = rollout.canary.map_or(0, |canary| canary.of(order.len()));
        let is_tried = order[..canaries].iter().all(|host| fleet[*host].has(number));
        let most = rollout.max_unavailable.map_or(usize::MAX, |most| most.of(order.len()).max(1));
        let missing = missing(number, &order, fleet, |host| told.contains(host));
        let mut later = missing.iter().filter(|one| one.is_under_way).count();
        for (before, one) in missing.iter().enumerate() {
            later -= usize::from(one.is_under_way);
            let is_its_turn = before + later < most && (is_tried || one.place < canaries);
            if is_its_turn && fleet[one.host].runs != number {
                go.push(one.host.clone());
            }
        }
    }
    Word { go, failed_on, everywhere, over }
}

/// A host that is without a release or not in order with it.
struct Missing<'a> {
    host: &'a Arc<str>,
    /// Where it stands in the order.
    place: usize,
    /// It has begun, or was told to. Those that are later in the order count for who comes before them: that one was not there when it was
    /// its turn.
    is_under_way: bool,
}

fn missing<'a>(
    number: u64,
    order: &[&'a Arc<str>],
    fleet: &Fleet,
    is_told: impl Fn(&Arc<str>) -> bool,
) -> Vec<Missing<'a>> {
    let all = order.iter().enumerate().filter(|(_, host)| !fleet[**host].has(number));
    all.map(|(place, host)| {
        let is_under_way = fleet[*host].runs == number || is_told(host);
        Missing { host, place, is_under_way }
    })
    .collect()
}

/// What the host `us` does about a release in stages, for which another one looks at all hosts.
pub fn heed(manifest: &Manifest, us: &Arc<str>, own: HostStanding, heard: &Heard) -> Decision {
    let (rollout, number) = (&manifest.rollout, manifest.number);
    if !rollout.selects(us) {
        return Decision::NotForUs;
    }
    // What happens here is known here first.
    let failed_on = if own.failed == Some(number) { Some(us) } else { heard.failed_on.as_ref() };
    match failed_on {
        Some(host) if own.runs == number && rollout.rollback_on_failure => Decision::GoBack(host.clone()),
        _ if own.runs == number || own.failed == Some(number) || own.is_past(number) => Decision::Nothing,
        Some(host) => Decision::Stopped(host.clone()),
        None if heard.go => Decision::Take,
        None => Decision::Wait(Vec::new()),
    }
}

/// What the host `us` does about a release. It is among the hosts, as it stands now, also when others do not see it.
pub fn decide(manifest: &Manifest, us: &str, own: HostStanding, fleet: &Fleet) -> Decision {
    let (rollout, number) = (&manifest.rollout, manifest.number);
    if !rollout.selects(us) {
        return Decision::NotForUs;
    }
    let mut fleet = fleet.clone();
    fleet.insert(us.into(), own);
    let (selected, order) = (selected(manifest, &fleet), order(manifest, &fleet));
    let failed = selected.iter().find(|host| fleet[**host].failed == Some(number));
    match failed {
        Some(host) if own.runs == number && rollout.rollback_on_failure => {
            return Decision::GoBack((*host).clone());
        }
        _ if own.runs == number || own.failed == Some(number) || own.is_past(number) => {
            return Decision::Nothing;
        }
        Some(host) if rollout.is_staged() => return Decision::Stopped((*host).clone()),
        _ => {}
    }
    let is_missing = |host: &&&Arc<str>| !fleet[**host].has(number);
    let canaries = rollout.canary.map_or(0, |canary| canary.of(order.len()));
    let is_canary = order[..canaries].iter().any(|host| &***host == us);
    let mut before: Vec<Arc<str>> = Vec::new();
    if !is_canary {
        before.extend(order[..canaries].iter().filter(is_missing).map(|host| (*host).clone()));
    }
    if let Some(most) = rollout.max_unavailable {
        let missing = missing(number, &order, &fleet, |_| false);
        let at = missing.iter().position(|one| **one.host == *us).unwrap_or_default();
        let later = missing.iter().skip(at + 1).filter(|one| one.is_under_way);
        let in_the_way: Vec<_> = missing[..at].iter().chain(later).map(|one| one.host.clone()).collect();
        if in_the_way.len() >= most.of(order.len()).max(1) {
            before.extend(in_the_way);
        }
    }
    before.sort();
    before.dedup();
    if before.is_empty() { Decision::Take } else { Decision::Wait(before) }
}

#[cfg(test)]
mod simulation;
