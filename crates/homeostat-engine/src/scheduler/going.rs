//! How vertices go: at once, when what runs for them has ended, or when they are in order or undone.

use std::collections::BTreeSet;

use super::load::Staged;
use super::state::{Leaving, Standing};
use super::{Command, Scheduler, Subject};
use crate::event::EventKind;
use crate::graph::Claims;
use crate::journal::Record;
use crate::resource::{Causes, Claim, Drift};

impl<R: Subject, D: Drift> Scheduler<R, D> {
    /// A vertex goes: at once, or when what runs for it has ended.
    pub(super) fn retire(&mut self, at: u32) {
        self.uncount(at);
        if self.state(at).phase.is_in_flight() {
            self.batch_no_longer_expects(at);
            self.state_mut(at).leaving = Leaving::Now;
            self.release_waiters(at);
        } else {
            self.call_back(at);
            self.drop_vertex(at);
        }
    }

    /// What is no longer declared is for the directory that it lies in to look at: it may purge what nobody declares.
    pub(super) fn tell_directories(&mut self, claims_before: &[(u32, Claims)]) {
        let mut directories: BTreeSet<u32> = BTreeSet::new();
        for (at, before) in claims_before {
            let after = self.graph.claims_mut().of(*at);
            for claim in before.provides.iter().filter(|claim| !after.provides.contains(claim)) {
                if let Claim::Path(path) = claim {
                    directories.extend(self.graph.claims_mut().providers_above(path));
                }
            }
        }
        for directory in directories {
            self.wake(directory, Causes::DECLARED);
        }
    }

    /// A vertex that nothing runs for leaves the graph.
    pub(super) fn drop_vertex(&mut self, at: u32) {
        self.release_permits(at);
        self.end_announcements(at);
        self.forget_owed(at);
        self.forget_elsewhere(at);
        self.uncount(at);
        self.set_former(at, None);
        self.commands.push(Command::Disarm(self.graph.key(at)));
        self.event(Some(at), Causes::none(), None, EventKind::Removed);
        let waiters = std::mem::take(&mut self.graph.at_mut(at).data.waiters);
        let claimed = matches!(self.state(at).leaving, Leaving::WhenDone | Leaving::WhenUndone);
        self.graph.remove(at);
        if claimed {
            // Its claims made edges, and kept out others.
            self.graph.settle_edges([]).expect("what is left of a graph without a cycle has none");
        }
        let mut edges_before = self.graph.changed_edges();
        self.graph.keep();
        edges_before.retain(|(from, to, _)| self.graph.is_used(*from) && self.graph.is_used(*to));
        self.follow_edges(&edges_before, &[]);
        for waiter in waiters {
            if self.graph.is_used(waiter) && self.state(waiter).waiting_on == Some(at) {
                self.state_mut(waiter).waiting_on = None;
                self.advance(waiter);
            }
        }
    }

    pub(super) fn remember_going(&mut self, staged: &Staged) {
        let declared = staged.added.iter().chain(&staged.changed).chain(&staged.realized);
        for at in declared.copied() {
            let key = self.graph.key(at);
            match self.state(at).leaving {
                Leaving::WhenDone | Leaving::WhenUndone => self.going.insert(key),
                Leaving::No | Leaving::Now => !self.going.is_empty() && self.going.remove(&key),
            };
        }
    }

    /// Nobody can declare those anew that are on their way out: whoever gave up tries again with each load.
    pub(super) fn retry_going(&mut self) {
        let mut going = std::mem::take(&mut self.going);
        going.retain(|key| self.graph.resolve(*key).is_some());
        for key in &going {
            let Some(at) = self.graph.resolve(*key) else { continue };
            if matches!(self.state(at).standing, Standing::Failed(_)) && !self.state(at).dirty {
                self.wake(at, Causes::ASKED);
            }
        }
        self.going = going;
    }

    /// A vertex that was kept only until it was in order, or undone, goes.
    pub(super) fn leave_if_wanted(&mut self, at: u32) {
        match self.state(at).leaving {
            Leaving::No | Leaving::Now => {}
            // In a dry run nothing was undone: what would be stays to be seen. So does what only reports.
            Leaving::WhenDone | Leaving::WhenUndone if self.policy.noop => {}
            Leaving::WhenUndone if self.state(at).standing == Standing::Reported => {}
            Leaving::WhenDone => self.drop_vertex(at),
            Leaving::WhenUndone => {
                let id = self.graph.at(at).id.clone();
                self.commands.push(Command::Record(None, vec![Record::ForgetUndo(id)]));
                self.drop_vertex(at);
            }
        }
    }
}
