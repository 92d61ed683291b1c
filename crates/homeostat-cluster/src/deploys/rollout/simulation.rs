//! Rollouts at random: hosts that look for themselves or heed the one that looks for all, late news, and ones that look which end or
//! do not know that they were replaced.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::deploys::Amount;

fn manifest(rollout: Rollout) -> Manifest {
    Manifest {
        cluster: "c1".into(),
        number: 2,
        made_ms: 0,
        author: "ann".into(),
        note: String::new(),
        restores: None,
        inputs: Vec::new(),
        files: Vec::new(),
        rollout,
    }
}

fn amounts() -> impl Strategy<Value = Option<Amount>> {
    prop_oneof![
        Just(None),
        (1..5u32).prop_map(|count| Some(Amount::Hosts(count))),
        (1..=100u32).prop_map(|percent| Some(Amount::Percent(percent))),
    ]
}

proptest! {
    /// Hosts act one after the other on views that may be old. Never are more of them without it or out of order with it, among those
    /// that have begun, than may be, canaries come first, and in the end everybody has it.
    #[test]
    fn a_rollout_keeps_its_bounds_and_comes_to_its_end(
        hosts in 1..20usize,
        canary in amounts(),
        max_unavailable in amounts(),
        moves in proptest::collection::vec((0..20usize, 0..3usize), 0..300),
    ) {
        let manifest = manifest(Rollout { canary, max_unavailable, ..Rollout::default() });
        let names: Vec<Arc<str>> = (0..hosts).map(|at| format!("h{at}").into()).collect();
        let before = HostStanding { runs: 1, in_order: true, failed: None };
        let mut fleet: Fleet = names.iter().map(|name| (name.clone(), before)).collect();
        let mut past = vec![fleet.clone()];
        let rounds = names.iter().cycle().take(hosts * hosts * 3).map(|name| (name.clone(), 0));
        let moves = moves.into_iter().map(|(at, late)| (names[at % hosts].clone(), late)).chain(rounds);
        for (name, late) in moves {
            let own = fleet[&name];
            let seen = &past[past.len().saturating_sub(1 + late)];
            if own.runs == 2 {
                fleet.get_mut(&name).unwrap().in_order = true;
            } else if decide(&manifest, &name, own, seen) == Decision::Take {
                *fleet.get_mut(&name).unwrap() = HostStanding { runs: 2, in_order: false, failed: None };
            }
            past.push(fleet.clone());
            let order = order(&manifest, &fleet);
            let begun = |host: &Arc<str>| fleet[host].runs == 2;
            let under_way = order.iter().filter(|host| begun(host) && !fleet[**host].in_order).count();
            if let Some(most) = max_unavailable {
                prop_assert!(under_way <= most.of(hosts).max(1));
            }
            let canaries = canary.map_or(0, |canary| canary.of(hosts));
            if order[canaries..].iter().any(|host| begun(host)) {
                prop_assert!(order[..canaries].iter().all(|host| begun(host) && fleet[*host].in_order));
            }
        }
        prop_assert!(fleet.values().all(|standing| standing.runs == 2 && standing.in_order));
    }

    /// Once it failed on a host, nobody else takes a staged release, and with the operator's word those who have it go back.
    #[test]
    fn a_failure_stops_a_rollout(hosts in 2..20usize, failed in 0..20usize, had in 0..20usize, back in any::<bool>()) {
        let rollout =
            Rollout { canary: Some(Amount::Hosts(1)), rollback_on_failure: back, ..Rollout::default() };
        let manifest = manifest(rollout);
        let standing = |at: usize| match at {
            at if at == failed % hosts => HostStanding { runs: 1, in_order: true, failed: Some(2) },
            at if at == had % hosts => HostStanding { runs: 2, in_order: true, failed: None },
            _ => HostStanding { runs: 1, in_order: true, failed: None },
        };
        let fleet: Fleet = (0..hosts).map(|at| (format!("h{at}").into(), standing(at))).collect();
        for (name, own) in &fleet {
            let decision = decide(&manifest, name, *own, &fleet);
            match own {
                HostStanding { runs: 2, .. } if back => prop_assert!(matches!(decision, Decision::GoBack(_))),
                HostStanding { runs: 2, .. } | HostStanding { failed: Some(2), .. } => {
                    prop_assert_eq!(decision, Decision::Nothing);
                }
                _ => prop_assert!(matches!(decision, Decision::Stopped(_))),
            }
        }
    }
}

#[test]
fn hosts_that_follow_no_releases_hold_up_nobody() {
    let summary = Summary { settled: true, ..Default::default() };
    assert_eq!(HostStanding::of(&summary), None);
    let summary = Summary { deploy: Some(0), ..summary };
    assert!(HostStanding::of(&summary).is_some());
}

fn standings() -> impl Strategy<Value = HostStanding> {
    let failed = prop_oneof![4 => Just(None), 1 => Just(Some(1)), 1 => Just(Some(2))];
    (0..4u64, any::<bool>(), failed).prop_map(|(runs, in_order, failed)| HostStanding {
        runs,
        in_order,
        failed,
    })
}

proptest! {
    /// Whoever looks for all says to each what it would find itself.
    #[test]
    fn the_word_for_all_is_what_each_would_decide(
        standings in proptest::collection::vec(standings(), 1..20),
        canary in amounts(),
        max_unavailable in amounts(),
        rollback_on_failure in any::<bool>(),
    ) {
        let rollout = Rollout { canary, max_unavailable, rollback_on_failure, ..Rollout::default() };
        prop_assume!(rollout.is_staged());
        let manifest = manifest(rollout);
        let names = (0..standings.len()).map(|at| format!("h{at}").into());
        let fleet: Fleet = names.zip(standings).collect();
        let Word { go, failed_on, everywhere, over } = word(&manifest, &fleet, &BTreeSet::new());
        for (name, own) in &fleet {
            let alone = decide(&manifest, name, *own, &fleet);
            let heard = Heard { go: go.contains(name), failed_on: failed_on.clone() };
            match (heed(&manifest, name, *own, &heard), alone) {
                (Decision::Wait(_), Decision::Wait(_)) => {}
                // A host knows its own failure first, others that of the first one.
                (Decision::GoBack(us), Decision::GoBack(_)) if own.failed == Some(2) => prop_assert_eq!(&us, name),
                (led, alone) => prop_assert_eq!(led, alone, "{}", name),
            }
            prop_assert_eq!(everywhere && own.has(2), is_everywhere(&manifest, *own, &fleet));
            prop_assert!(over || !everywhere);
            prop_assert!(!over || own.is_past(2) || own.has(2), "{}", name);
        }
    }
}

/// What may happen next.
#[derive(Debug, Clone)]
enum Move {
    /// A host looks at what it has heard, as late as that.
    Heed { host: usize, late: usize },
    /// A host that hears of nobody looks for itself, at news as old as that.
    Look { host: usize, late: usize },
    /// A host comes to be in order.
    Settle { host: usize },
    /// One that looks for all says its word, from news as old as that; perhaps one that was replaced and does not know it.
    Say { is_deposed: bool, late: usize },
    /// It ends; what it said goes with its lease.
    End,
    /// Another one begins.
    Begin,
    /// A host is gone: nobody sees it any more.
    Vanish { host: usize },
    /// It is back as it went, and perhaps not in order.
    Return { host: usize, in_order: bool },
}

fn moves() -> impl Strategy<Value = Move> {
    let late = 0..4usize;
    prop_oneof![
        6 => (0..20usize, late.clone()).prop_map(|(host, late)| Move::Heed { host, late }),
        1 => (0..20usize, late.clone()).prop_map(|(host, late)| Move::Look { host, late }),
        4 => (0..20usize).prop_map(|host| Move::Settle { host }),
        4 => (any::<bool>(), late).prop_map(|(is_deposed, late)| Move::Say { is_deposed, late }),
        1 => Just(Move::End),
        1 => Just(Move::Begin),
    ]
}

fn moves_of_hosts_that_come_and_go() -> impl Strategy<Value = Move> {
    prop_oneof![
        10 => moves(),
        1 => (0..20usize).prop_map(|host| Move::Vanish { host }),
        2 => (0..20usize, any::<bool>()).prop_map(|(host, in_order)| Move::Return { host, in_order }),
    ]
}

/// A fleet with whoever looks for it.
struct Play {
    manifest: Manifest,
    hosts: usize,
    /// Those that are seen.
    fleet: Fleet,
    /// Those that nobody sees.
    away: Fleet,
    past: Vec<Fleet>,
    /// Who is told to go, as it was after each move; that of nobody is empty.
    told: Vec<BTreeSet<Arc<str>>>,
    is_led: bool,
}

impl Play {
    fn new(hosts: usize, manifest: Manifest) -> Self {
        let before = HostStanding { runs: 1, in_order: true, failed: None };
        let fleet: Fleet = (0..hosts).map(|at| (format!("h{at}").into(), before)).collect();
        let (past, told) = (vec![fleet.clone()], vec![BTreeSet::new()]);
        Self { manifest, hosts, fleet, away: Fleet::new(), past, told, is_led: false }
    }

    fn name(&self, host: usize) -> Arc<str> {
        format!("h{}", host % self.hosts).into()
    }

    fn seen(&self, late: usize) -> &Fleet {
        &self.past[self.past.len().saturating_sub(1 + late)]
    }

    fn told(&self) -> &BTreeSet<Arc<str>> {
        self.told.last().unwrap()
    }

    /// Those that are seen, and have begun and are not in order, or were told to begin.
    fn under_way(&self) -> usize {
        let is_under_way = |(name, standing): &(&Arc<str>, &HostStanding)| {
            !standing.has(2) && (standing.runs == 2 || self.told().contains(*name))
        };
        self.fleet.iter().filter(is_under_way).count()
    }

    fn play(&mut self, next: &Move) {
        let mut told = self.told().clone();
        let mut begins = None;
        match next {
            Move::Heed { host, late } => {
                let name = self.name(*host);
                let heard = &self.told[self.told.len().saturating_sub(1 + late)];
                let heard = Heard { go: heard.contains(&name), failed_on: None };
                let own = self.fleet.get(&name);
                begins = own
                    .filter(|own| heed(&self.manifest, &name, **own, &heard) == Decision::Take)
                    .map(|_| name);
            }
            Move::Look { host, late } => {
                let name = self.name(*host);
                let own = self.fleet.get(&name);
                let takes = |own: &&HostStanding| {
                    decide(&self.manifest, &name, **own, self.seen(*late)) == Decision::Take
                };
                begins = own.filter(takes).is_some().then_some(name);
            }
            Move::Settle { host } => {
                let name = self.name(*host);
                let own = self.fleet.get_mut(&name).or(self.away.get_mut(&name));
                own.unwrap().in_order = true;
            }
            Move::Say { is_deposed, late } if self.is_led || *is_deposed => {
                let seen = self.seen(*late).clone();
                told.retain(|host| *is_deposed || seen.contains_key(host));
                told.extend(word(&self.manifest, &seen, &told).go);
            }
            Move::End => {
                self.is_led = false;
                told.clear();
            }
            Move::Begin => self.is_led = true,
            Move::Vanish { host } => self.away.extend(self.fleet.remove_entry(&self.name(*host))),
            Move::Return { host, in_order } => {
                let back = self.away.remove_entry(&self.name(*host));
                let back = back.map(|(name, own)| (name, HostStanding { in_order: *in_order, ..own }));
                self.fleet.extend(back);
            }
            Move::Say { .. } => {}
        }
        if let Some(name) = begins {
            self.fleet.insert(name, HostStanding { runs: 2, in_order: false, failed: None });
        }
        self.told.push(told);
        self.past.push(self.fleet.clone());
    }
}

/// In the end: one that looks for all and ends now and then, and hosts that settle.
fn rounds(hosts: usize) -> impl Iterator<Item = Move> {
    (0..hosts * 2).flat_map(move |round| {
        let ends = (round % 3 == 0).then_some(Move::End);
        let each = (0..hosts).flat_map(|host| [Move::Settle { host }, Move::Heed { host, late: 0 }]);
        ends.into_iter().chain([Move::Begin, Move::Say { is_deposed: false, late: 0 }]).chain(each)
    })
}

proptest! {
    /// However late turns come, and whoever gives them: the bounds hold, and once somebody looks, everybody gets it.
    #[test]
    fn a_rollout_that_one_host_looks_after_keeps_its_bounds_and_comes_to_its_end(
        hosts in 1..20usize,
        canary in amounts(),
        max_unavailable in amounts(),
        moves in proptest::collection::vec(moves(), 0..400),
    ) {
        let rollout = Rollout { canary, max_unavailable, ..Rollout::default() };
        prop_assume!(rollout.is_staged());
        let manifest = manifest(rollout);
        let mut play = Play::new(hosts, manifest);
        for next in moves.into_iter().chain(rounds(hosts)) {
            play.play(&next);
            let order = order(&play.manifest, &play.fleet);
            let begun = |host: &Arc<str>| play.fleet[host].runs == 2;
            let under_way = order.iter().filter(|host| begun(host) && !play.fleet[**host].in_order).count();
            if let Some(most) = max_unavailable {
                prop_assert!(under_way <= most.of(hosts).max(1));
            }
            let canaries = canary.map_or(0, |canary| canary.of(hosts));
            if order[canaries..].iter().any(|host| begun(host)) {
                prop_assert!(order[..canaries].iter().all(|host| begun(host) && play.fleet[*host].in_order));
            }
        }
        prop_assert!(play.fleet.values().all(|standing| standing.runs == 2 && standing.in_order));
    }
}

proptest! {
    /// Hosts that are gone in the middle and come back take their turn then: nobody new is given one while as many as may be are under
    /// way, wherever they stand in the order, and in the end everybody has it.
    #[test]
    fn a_rollout_with_hosts_that_come_and_go_keeps_its_bounds_and_comes_to_its_end(
        hosts in 1..20usize,
        canary in amounts(),
        max_unavailable in amounts(),
        moves in proptest::collection::vec(moves_of_hosts_that_come_and_go(), 0..400),
    ) {
        let rollout = Rollout { canary, max_unavailable, ..Rollout::default() };
        prop_assume!(rollout.is_staged());
        let mut play = Play::new(hosts, manifest(rollout));
        let back = (0..hosts).map(|host| Move::Return { host, in_order: true });
        for next in moves.into_iter().chain(back).chain(rounds(hosts)) {
            // News that are late let two begin that do not know of each other.
            let next = match next {
                Move::Heed { host, .. } => Move::Heed { host, late: 0 },
                Move::Look { .. } if play.is_led => continue,
                Move::Look { host, .. } => Move::Look { host, late: 0 },
                Move::Say { .. } => Move::Say { is_deposed: false, late: 0 },
                other => other,
            };
            let (told, runs) = (play.told().len(), play.fleet.values().filter(|own| own.runs == 2).count());
            play.play(&next);
            let has_begun = matches!(next, Move::Look { .. })
                && play.fleet.values().filter(|own| own.runs == 2).count() > runs;
            if let Some(most) = max_unavailable
                && (play.told().len() > told || has_begun)
            {
                prop_assert!(play.under_way() <= most.of(play.fleet.len()).max(1), "{next:?}");
            }
        }
        prop_assert!(play.fleet.len() == hosts && play.fleet.values().all(|own| own.has(2)));
    }
}

#[test]
fn a_host_that_does_not_do_with_a_release_stops_it_or_goes_back_before_anybody_looks() {
    let us: Arc<str> = "a".into();
    let staged = |rollback_on_failure| {
        manifest(Rollout { canary: Some(Amount::Hosts(1)), rollback_on_failure, ..Rollout::default() })
    };
    let nothing = Heard::default();
    let failed = HostStanding { runs: 2, in_order: false, failed: Some(2) };
    assert_eq!(heed(&staged(true), &us, failed, &nothing), Decision::GoBack(us.clone()));
    assert_eq!(heed(&staged(false), &us, failed, &nothing), Decision::Nothing);
    // Who was told to go and then hears of a failure stays.
    let before = HostStanding { runs: 1, in_order: true, failed: None };
    let heard = Heard { go: true, failed_on: Some("b".into()) };
    assert_eq!(heed(&staged(false), &us, before, &heard), Decision::Stopped("b".into()));
}
