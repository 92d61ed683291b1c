//! The next change of members: from what is seen, to one step.
//!
//! Pure, so that every order of deaths, returns and elections can be tried without an etcd. It needs no memory: the members as
//! etcd has them are what was done so far, and whoever is elected next goes on from there.
//!
//! Invariants: no step takes the quorum from members that have it; one step at a time; the same view gives the same step.

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// More members only make etcd slower.
pub const SIZE_MAX: usize = 9;
/// How many are wanted when nobody says.
pub const SIZE_DEFAULT: usize = 5;

/// All that a step follows from.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The members as etcd has them.
    pub(crate) members: Vec<MemberSeen>,
    /// The hosts that may be members.
    pub(crate) hosts: BTreeMap<String, HostSeen>,
    /// How many are wanted. An even number means the next smaller odd one.
    pub(crate) wanted: usize,
    /// The step that was last written down.
    pub(crate) step: Option<Step>,
    /// Whether the learner has had all the time that it gets.
    pub(crate) learner_is_late: bool,
}

/// A member as etcd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberSeen {
    pub(crate) id: u64,
    /// None when nobody knows whose it is.
    pub(crate) host: Option<String>,
    pub(crate) standing: Standing,
    /// Whether it answers now.
    pub(crate) answers: bool,
    /// Whether it has not answered for longer than it may.
    pub(crate) is_silent: bool,
}

/// What a member counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was told to start and has not yet.
    Added,
    /// It follows the others, without a vote.
    Learner,
    /// It has a vote.
    Voter,
}

/// A host that may be a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostSeen {
    pub(crate) zone: String,
    pub(crate) fitness: Fitness,
    /// It says itself that its etcd does not run.
    pub(crate) is_unable: bool,
}

/// What a host is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fitness {
    /// Not for anything: away for longer than the grace time, or without its data.
    Gone,
    /// It is away, and may come back.
    Away,
    /// Not to be asked now: it was, and did not get on.
    Resting,
    /// It is there.
    Fit,
}

/// One change of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A host becomes a learner.
    Add {
        /// The host.
        host: String,
    },
    /// A learner gets a vote.
    Promote {
        /// Its number.
        id: u64,
    },
    /// A member or learner goes.
    Remove {
        /// Its number.
        id: u64,
    },
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// This.
    Take(Step),
    /// Something outside must happen first.
    Wait(&'static str),
    /// Nothing: all is as wanted.
    Settled,
}

/// The next step.
pub(crate) fn next(view: &View) -> Next {
    let count = view.voters().count();
    let answering = view.voters().filter(|voter| voter.answers).count();
    if answering < quorum(count) {
        return Next::Wait("too few members answer for any change");
    }
    if let Some(learner) = view.members.iter().find(|member| member.standing != Standing::Voter) {
        return view.with_learner(learner);
    }
    if let Some(gone) = view.voters().find(|voter| view.fitness(voter) == Fitness::Gone) {
        // The only one hands over before it goes, as long as it is there.
        if let Some(heir) = view.candidate().filter(|_| view.needs_heir()) {
            return Next::Take(Step::Add { host: heir.clone() });
        }
        return view.remove(gone, "too few members answer to remove one that is gone");
    }
    if count > view.target(Fitness::Resting) {
        let least = view.voters().max_by_key(|voter| view.dispensable(voter)).expect("there are members");
        return view.remove(least, "too few members answer to remove one that is not needed");
    }
    match view.candidate() {
        Some(host) if count < view.target(Fitness::Fit) || view.spreads_better(&view.hosts[host].zone) => {
            Next::Take(Step::Add { host: host.clone() })
        }
        _ => Next::Settled,
    }
}

/// Whether a step is what etcd has by now.
pub(crate) fn is_done(step: &Step, members: &[MemberSeen]) -> bool {
    let find = |id: u64| members.iter().find(|member| member.id == id);
    match step {
        Step::Add { host } => members.iter().any(|member| member.host.as_ref() == Some(host)),
        Step::Promote { id } => find(*id).is_none_or(|member| member.standing == Standing::Voter),
        Step::Remove { id } => find(*id).is_none(),
    }
}

/// The host that is not to be asked again soon after this step: it was given a place, and did not get on.
pub(crate) fn rests_after<'v>(step: &Step, view: &'v View) -> Option<&'v String> {
    let Step::Remove { id } = step else { return None };
    let member = view.members.iter().find(|member| member.id == *id)?;
    let failed = match member.standing {
        // One that is away, or lost its data, may begin anew when it is back.
        Standing::Voter => member.is_silent,
        Standing::Added | Standing::Learner => view.learner_is_late || view.is_unable(member),
    };
    member.host.as_ref().filter(|_| failed)
}

fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

impl View {
    fn voters(&self) -> impl Iterator<Item = &MemberSeen> {
        self.members.iter().filter(|member| member.standing == Standing::Voter)
    }

    fn is_unable(&self, member: &MemberSeen) -> bool {
        member.host.as_ref().and_then(|host| self.hosts.get(host)).is_some_and(|host| host.is_unable)
    }

    fn fitness(&self, member: &MemberSeen) -> Fitness {
        let host = member.host.as_ref().and_then(|host| self.hosts.get(host));
        // A host that offers itself no longer is to be let go.
        host.filter(|_| !member.is_silent).map_or(Fitness::Gone, |host| host.fitness)
    }

    /// Whether the only voter is to be let go.
    fn needs_heir(&self) -> bool {
        self.voters().count() == 1 && self.voters().all(|voter| self.fitness(voter) == Fitness::Gone)
    }

    fn zone(&self, member: &MemberSeen) -> &str {
        let host = member.host.as_ref().and_then(|host| self.hosts.get(host));
        host.map_or("", |host| &host.zone)
    }

    fn in_zone(&self, zone: &str) -> usize {
        self.voters().filter(|voter| self.zone(voter) == zone).count()
    }

    /// How many members there are to be: odd, and no more than there are hosts for that are at least so fit. For a host that
    /// rests no other one is added, and none is removed for want of it.
    fn target(&self, least: Fitness) -> usize {
        let kept = self.members.iter().filter(|member| self.fitness(member) != Fitness::Gone).count();
        let possible = self.wanted.min(SIZE_MAX).min(kept + self.fresh(least).count());
        possible.saturating_sub(usize::from(possible.is_multiple_of(2))).max(1)
    }

    /// Hosts that are no members, and at least so fit.
    fn fresh(&self, least: Fitness) -> impl Iterator<Item = (&String, &HostSeen)> {
        let is_member = |host: &String| self.members.iter().any(|member| member.host.as_ref() == Some(host));
        self.hosts.iter().filter(move |(name, host)| host.fitness >= least && !is_member(name))
    }

    /// The host to add: the one that was begun with; else one from the zone with the fewest members.
    fn candidate(&self) -> Option<&String> {
        let is_begun = |host: &String| matches!(&self.step, Some(Step::Add { host: begun }) if begun == host);
        let order = |(name, host): &(&String, &HostSeen)| (!is_begun(name), self.in_zone(&host.zone));
        self.fresh(Fitness::Fit).min_by_key(order).map(|(name, _)| name)
    }

    /// Whether a member more in this zone, for one less in the fullest, would spread them better.
    fn spreads_better(&self, zone: &str) -> bool {
        let all_are_well = self.voters().all(|voter| voter.answers && self.fitness(voter) == Fitness::Fit);
        let fullest = self.voters().map(|voter| self.in_zone(self.zone(voter))).max().unwrap_or(0);
        all_are_well && fullest >= self.in_zone(zone) + 2
    }

    /// The greatest goes first: away, in a full zone, last by name.
    fn dispensable<'v>(&'v self, voter: &'v MemberSeen) -> impl Ord + 'v {
        let is_away = self.fitness(voter) < Fitness::Resting || !voter.answers;
        (is_away, self.in_zone(self.zone(voter)), &voter.host, voter.id)
    }

    fn with_learner(&self, learner: &MemberSeen) -> Next {
        let count = self.voters().count();
        let is_fit = self.fitness(learner) == Fitness::Fit;
        let is_wanted =
            count < self.target(Fitness::Fit) || self.needs_heir() || self.spreads_better(self.zone(learner));
        if !is_fit || !is_wanted || self.learner_is_late {
            return Next::Take(Step::Remove { id: learner.id });
        }
        match learner.standing {
            Standing::Added => Next::Wait("the new member has not started yet"),
            // Whoever has a quorum and one more has one of one more.
            Standing::Learner | Standing::Voter => Next::Take(Step::Promote { id: learner.id }),
        }
    }

    /// Removes a voter, if those who are left have a quorum among themselves.
    fn remove(&self, voter: &MemberSeen, otherwise: &'static str) -> Next {
        let left = || self.voters().filter(|other| other.id != voter.id);
        let count = left().count();
        let answering = left().filter(|other| other.answers).count();
        if count >= 1 && answering >= quorum(count) {
            Next::Take(Step::Remove { id: voter.id })
        } else {
            Next::Wait(otherwise)
        }
    }
}
