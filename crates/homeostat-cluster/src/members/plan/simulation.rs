//! Members that die and return, learners that are slow, elected ones that die between any two steps: in a model of etcd.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Fitness, HostSeen, MemberSeen, Next, Standing, Step, View, is_done, next, quorum, rests_after};

/// Rounds for which a host that is away is not replaced.
const GRACE: usize = 3;
/// Rounds that a learner gets.
const PATIENCE: usize = 6;
/// Rounds for which a host that did not get on is not asked.
const REST: usize = 2 * PATIENCE;
/// Rounds in which all must be as wanted once nothing happens any more.
const SETTLING: usize = 150;

#[derive(Debug, Clone)]
enum Happens {
    Dies(usize),
    Returns(usize),
    /// The elected one dies after it wrote its step down, before it takes it.
    ElectedDiesBefore,
    /// The elected one dies after it took its step, before anybody is told.
    ElectedDiesAfter,
    /// Learners take longer from now on.
    Slow(usize),
    Wanted(usize),
    Nothing,
}

#[derive(Debug)]
struct Member {
    host: usize,
    standing: Standing,
    /// Rounds that it has been a learner.
    age: usize,
}

struct World {
    zones: usize,
    hosts: usize,
    /// Since which round a host is away.
    away: BTreeMap<usize, usize>,
    members: BTreeMap<u64, Member>,
    next_id: u64,
    step: Option<Step>,
    wanted: usize,
    slowness: usize,
    resting: BTreeMap<usize, usize>,
    /// Hosts whose etcd never comes up.
    broken: BTreeSet<usize>,
    now: usize,
}

impl World {
    fn new(hosts: usize, zones: usize) -> Self {
        let first = Member { host: 0, standing: Standing::Voter, age: 0 };
        Self {
            zones,
            hosts,
            away: BTreeMap::new(),
            members: BTreeMap::from([(1, first)]),
            next_id: 2,
            step: None,
            wanted: 5,
            slowness: 0,
            resting: BTreeMap::new(),
            broken: BTreeSet::new(),
            now: 0,
        }
    }

    fn name(host: usize) -> String {
        format!("h{host:02}")
    }

    fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.standing == Standing::Voter)
    }

    fn has_quorum(&self) -> bool {
        let alive = self.voters().filter(|member| !self.away.contains_key(&member.host)).count();
        alive >= quorum(self.voters().count())
    }

    fn view(&self) -> View {
        let rests = |host: &usize| self.resting.get(host).is_some_and(|until| *until > self.now);
        let fitness = |host: &usize| {
            let member = self.members.values().find(|member| member.host == *host);
            let has_failed = member.is_some_and(|member| self.broken.contains(host) && member.age > 1);
            match self.away.get(host) {
                _ if rests(host) && member.is_none() => Fitness::Resting,
                Some(since) if since + GRACE < self.now => Fitness::Gone,
                Some(_) => Fitness::Away,
                None if has_failed => Fitness::Away,
                None if rests(host) => Fitness::Resting,
                None => Fitness::Fit,
            }
        };
        let seen = |host: usize| {
            let zone = format!("z{}", host % self.zones);
            let is_unable = self.broken.contains(&host);
            (Self::name(host), HostSeen { zone, fitness: fitness(&host), is_unable })
        };
        let members = self.members.iter().map(|(id, member)| MemberSeen {
            id: *id,
            host: Some(Self::name(member.host)),
            standing: member.standing,
            answers: !self.away.contains_key(&member.host),
            is_silent: false,
        });
        View {
            members: members.collect(),
            hosts: (0..self.hosts).map(seen).collect(),
            wanted: self.wanted,
            step: self.step.clone(),
            learner_is_late: self.members.values().any(|member| member.age > PATIENCE),
        }
    }

    /// What etcd does, if it can.
    fn take(&mut self, step: &Step) {
        assert!(self.has_quorum());
        match step {
            Step::Add { host } => {
                let host = (0..self.hosts).find(|at| Self::name(*at) == *host).unwrap();
                let learners = self.members.values().filter(|member| member.standing != Standing::Voter);
                assert_eq!(learners.count(), 0, "one learner at a time");
                assert!(self.members.values().all(|member| member.host != host), "a host is one member");
                self.members.insert(self.next_id, Member { host, standing: Standing::Added, age: 0 });
                self.next_id += 1;
            }
            Step::Promote { id } => {
                let member = self.members.get_mut(id).unwrap();
                // It refuses one that is not there or has not caught up.
                let runs = !self.away.contains_key(&member.host) && !self.broken.contains(&member.host);
                if member.age > self.slowness && runs {
                    *member = Member { standing: Standing::Voter, age: 0, ..*member };
                }
            }
            Step::Remove { id } => {
                let rests = rests_after(step, &self.view()).cloned();
                let gone = self.members.remove(id).unwrap();
                if rests.is_some() {
                    self.resting.insert(gone.host, self.now + REST);
                }
            }
        }
        assert!(self.has_quorum(), "{step:?} cost the quorum");
    }

    fn pass(&mut self) {
        self.now += 1;
        for member in self.members.values_mut() {
            if member.standing != Standing::Voter {
                member.age += 1;
                let has_started =
                    !self.away.contains_key(&member.host) && !self.broken.contains(&member.host);
                if member.standing == Standing::Added && has_started {
                    member.standing = Standing::Learner;
                }
            }
        }
    }

    /// One look of the elected one, if anybody can be that.
    fn round(&mut self, happens: &Happens) {
        match happens {
            // More deaths than a quorum bears are the world's doing: here we look at ours.
            Happens::Dies(host) => {
                let host = host % self.hosts;
                let since = self.now;
                self.away.entry(host).or_insert(since);
                if !self.has_quorum() {
                    self.away.remove(&host);
                }
            }
            Happens::Returns(host) => drop(self.away.remove(&(host % self.hosts))),
            Happens::Slow(rounds) => self.slowness = *rounds,
            Happens::Wanted(size) => self.wanted = *size,
            Happens::ElectedDiesBefore | Happens::ElectedDiesAfter | Happens::Nothing => {}
        }
        let view = self.view();
        if self.step.as_ref().is_some_and(|step| is_done(step, &view.members)) {
            self.step = None;
        }
        assert_eq!(next(&view), next(&view.clone()), "the same view gives the same step");
        if let Next::Take(step) = next(&view) {
            self.step = Some(step.clone());
            if !matches!(happens, Happens::ElectedDiesBefore) {
                self.take(&step);
                if !matches!(happens, Happens::ElectedDiesAfter) {
                    self.step = None;
                }
            }
        }
        self.pass();
    }

    #[track_caller]
    fn is_as_wanted(&self) {
        let alive = self.hosts - self.away.len();
        let possible = self.wanted.min(alive);
        let target = possible - usize::from(possible.is_multiple_of(2));
        assert_eq!(self.members.len(), target.max(1), "{:?}", self.members);
        assert!(self.members.values().all(|member| member.standing == Standing::Voter));
        assert!(self.members.values().all(|member| !self.away.contains_key(&member.host)));
        let in_zone = |zone| self.members.values().filter(|member| member.host % self.zones == zone).count();
        let taken: BTreeSet<_> = self.members.values().map(|member| member.host).collect();
        let room = |zone: usize| {
            let fit = |host: &usize| !taken.contains(host) && !self.away.contains_key(host);
            (0..self.hosts).filter(fit).any(|host| host % self.zones == zone)
        };
        let fullest = (0..self.zones).map(in_zone).max().unwrap_or(0);
        let spread = (0..self.zones).filter(|zone| room(*zone)).all(|zone| in_zone(zone) + 1 >= fullest);
        assert!(spread, "{:?}", self.members);
    }
}

#[test]
fn hosts_whose_etcd_never_comes_up_are_tried_now_and_then_and_cost_nobody_a_place() {
    for (hosts, broken) in [(2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (5, 2), (6, 2), (7, 3)] {
        let mut world = World::new(hosts, 1);
        world.broken = (hosts - broken..hosts).collect();
        (0..SETTLING).for_each(|_| world.round(&Happens::Nothing));
        let voters = |world: &World| {
            let voters = world.members.iter().filter(|(_, member)| member.standing == Standing::Voter);
            voters.map(|(id, _)| *id).collect::<Vec<_>>()
        };
        let (before, added) = (voters(&world), world.next_id);
        assert!(before.len() + 1 >= (hosts - broken).min(5), "{hosts} hosts, {broken} broken: {before:?}");
        for _ in 0..10 * REST {
            world.round(&Happens::Nothing);
            assert_eq!(voters(&world), before, "{hosts} hosts, {broken} broken");
        }
        let tries = usize::try_from(world.next_id - added).unwrap();
        assert!(tries <= 10 * broken, "{hosts} hosts, {broken} broken: {tries} tries");
    }
}

fn happening() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..9usize).prop_map(Happens::Dies),
        4 => (0..9usize).prop_map(Happens::Returns),
        2 => Just(Happens::ElectedDiesBefore),
        2 => Just(Happens::ElectedDiesAfter),
        1 => (0..2 * PATIENCE).prop_map(Happens::Slow),
        1 => (1..8usize).prop_map(Happens::Wanted),
        8 => Just(Happens::Nothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_members_end_up_as_wanted_and_never_lose_the_quorum_by_us(
        hosts in 1..9usize,
        zones in 1..4usize,
        history in prop::collection::vec(happening(), 0..80),
    ) {
        let mut world = World::new(hosts, zones);
        for happens in &history {
            world.round(happens);
        }
        world.slowness = 1;
        for _ in 0..SETTLING {
            world.round(&Happens::Nothing);
        }
        world.is_as_wanted();
        let settled = world.members.keys().copied().collect::<Vec<_>>();
        world.round(&Happens::Nothing);
        prop_assert_eq!(settled, world.members.keys().copied().collect::<Vec<_>>());
    }
}
