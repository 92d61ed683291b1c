//! Coming to rest, and what must hold then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homeostat_model::ResourceId;

use super::super::state::Leaving;
use super::text::{ABSENT, Text, id};
use super::world::World;
use crate::event::Outcome;

impl World {
    /// Lets everything end well, and then so much time pass that whatever is polled or slowed down comes to its end.
    pub(super) fn run_out(&mut self) {
        self.settle();
        let end = self.now + Duration::from_secs(200);
        while self.scheduler.next_deadline().is_some_and(|next| next <= end) {
            self.pass_time();
            self.settle();
        }
    }

    fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.jobs.is_empty() {
                self.end_job(0, false);
            } else if !self.wakes.is_empty() {
                self.deliver_wakes();
            } else if self.scheduler.is_settled() && self.everybody_fine() {
                return;
            } else if self.scheduler.next_deadline().is_some() {
                self.pass_time();
            } else {
                break;
            }
        }
        let standpoints = self.scheduler.standpoints();
        panic!("it does not come to rest: {standpoints:#?}");
    }

    fn everybody_fine(&self) -> bool {
        let points = self.scheduler.standpoints();
        let given_up = points.iter().any(|point| point.outcome == Outcome::Failed && self.gave_up(&point.id))
            || self.text.resources.values().any(|desired| desired.hidden);
        points.iter().all(|point| match point.outcome {
            Outcome::Changed | Outcome::Unchanged | Outcome::WouldChange | Outcome::Skipped => true,
            Outcome::Failed => self.gave_up(&point.id),
            Outcome::Blocked | Outcome::Waiting => given_up,
            Outcome::Pending => false,
        })
    }

    /// Whether a resource has a bound on its retries and may have used it up.
    fn gave_up(&self, wanted: &ResourceId) -> bool {
        let declared = self.text.of(wanted).or_else(|| self.lingering.get(wanted));
        let undone = || {
            let vertex = self.scheduler.graph.at(self.scheduler.graph.find(wanted)?);
            Some(vertex.data.leaving == Leaving::WhenUndone && vertex.data.meta.retry_given)
        };
        let bounded = declared.is_some_and(|desired| desired.retry.is_some()) || undone() == Some(true);
        bounded || self.unsupported.contains(wanted)
    }

    /// The naive serial engine: one after the other, predecessors first, with nothing going wrong.
    pub(super) fn oracle(&self) -> BTreeMap<ResourceId, i64> {
        let mut numbers: BTreeMap<u8, i64> = BTreeMap::new();
        while numbers.len() < self.text.resources.len() {
            for (number, desired) in &self.text.resources {
                let received = self.text.sends.get(number).map(|from| numbers.get(from).copied());
                match received {
                    Some(None) => {}
                    Some(Some(value)) => {
                        numbers.insert(*number, desired.want + 100 * value);
                    }
                    None => {
                        numbers.insert(*number, desired.want);
                    }
                }
            }
        }
        numbers.into_iter().map(|(number, value)| (id(number), value)).collect()
    }

    /// What must hold when everything has come to rest.
    pub(super) fn assert_at_rest(&self) {
        let oracle = self.oracle();
        let given_up: BTreeSet<ResourceId> = self
            .scheduler
            .standpoints()
            .into_iter()
            .filter(|point| matches!(point.outcome, Outcome::Failed | Outcome::Blocked | Outcome::Waiting))
            .map(|point| point.id)
            .collect();
        for (number, desired) in &self.text.resources {
            let quiet = desired.noop || desired.hidden || self.policy.noop;
            // One that is hidden sends nothing, and one that gave up may have sent something else before.
            let silent = |from: u8| self.text.resources[&from].hidden || given_up.contains(&id(from));
            let unclear = self.text.senders(*number).any(silent);
            if !quiet && !unclear && !given_up.contains(&id(*number)) {
                assert_eq!(
                    self.system.get(&id(*number)),
                    oracle.get(&id(*number)),
                    "{} is not as declared",
                    id(*number)
                );
            }
            if !desired.hidden && !given_up.contains(&id(*number)) {
                let watched = self.watched.contains_key(&id(*number));
                assert_eq!(watched, !desired.poll, "{} is watched or not", id(*number));
                assert!(!self.failing.contains(&id(*number)), "nobody says that {} recovered", id(*number));
            }
        }
        for (receiver, senders) in &self.unanswered {
            // Whoever failed half-way tells its receivers when it is in order, and not before.
            let open: BTreeSet<_> = senders.difference(&given_up).collect();
            assert!(
                open.is_empty() || given_up.contains(receiver),
                "{receiver} was not refreshed for {open:?}"
            );
        }
        self.assert_books_closed(&given_up);
    }

    fn assert_books_closed(&self, given_up: &BTreeSet<ResourceId>) {
        assert!(self.jobs.is_empty() && self.wakes.is_empty());
        let staying = self
            .scheduler
            .graph
            .iter()
            .filter(|(_, vertex)| vertex.data.leaving == Leaving::No || !given_up.contains(&vertex.id))
            // What would be undone, if it did not only report, stays to be seen.
            .filter(|(_, vertex)| vertex.data.leaving == Leaving::No || !vertex.data.meta.noop);
        let staying: Vec<String> = staying.map(|(_, vertex)| vertex.id.to_string()).collect();
        assert_eq!(staying.len(), self.text.resources.len(), "{staying:?} are there");
        for (id, number) in &self.undone {
            let is = self.system.get(id).copied().unwrap_or(ABSENT);
            let held_up = self.policy.noop || given_up.contains(id);
            assert!(is == *number || held_up, "{id} is not undone");
        }
        for (id, undo) in self.durable_undo.iter().filter(|_| !self.policy.noop) {
            let only_reports = undo.former.meta.noop && self.scheduler.graph.find(id).is_some();
            assert!(
                only_reports
                    || given_up.contains(id)
                    || self.text.of(id).is_some_and(|desired| desired.reverse),
                "what undoes {id} is not forgotten"
            );
        }
        for intent in &self.durable {
            // A sender that only reports stays to be seen, and with it what it meant to change.
            let sender = self.scheduler.graph.find(&intent.sender);
            let there = self.text.of(&intent.receiver).is_some() && sender.is_some();
            let gave_up = [&intent.receiver, &intent.sender].iter().any(|id| given_up.contains(id));
            let stuck = gave_up || self.policy.noop;
            let hidden = self.text.of(&intent.receiver).is_some_and(|receiver| receiver.hidden);
            assert!(there || stuck || hidden, "{intent:?} is kept for ever");
        }
        assert!(self.flapping.is_empty(), "nobody says that {:?} are calm", self.flapping);
        self.scheduler.assert_idle();
    }

    /// Hands the whole text over once more: nobody may be touched, but for those that go and gave up.
    pub(super) fn assert_reload_touches_nobody(&mut self) {
        let before = self.checked.len();
        let text = self.text.clone();
        assert!(self.load(text));
        let stays = |id: &&ResourceId| self.text.of(id).is_some();
        let touched: Vec<&ResourceId> = self.checked[before..].iter().filter(stays).collect();
        assert!(touched.is_empty(), "an unchanged text made {touched:?} be checked");
        assert_eq!(self.jobs.len(), self.checked.len() - before);
    }

    /// Starts everything and lets it end well.
    pub(super) fn start(&mut self, text: Text) {
        assert!(self.load(text), "the text is refused");
        self.run_out();
        self.assert_at_rest();
    }
}
