//! Whose turn it is: those that may be checked, or those that may be applied.
//!
//! Each side goes on for a while. A look for what is missing waits for whoever changes the same directory, and a change waits for those
//! who look: one of each at a time costs a fifth more than all looks and then all changes. But who may be applied is waited for,
//! so nobody waits long for the other side's turn to end.

use std::collections::VecDeque;
use std::time::Duration;

/// How long checks go on while somebody may be applied.
const WAIT_MAX: Duration = Duration::from_millis(20);

/// Something that may be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Vertex(u32),
    Batch(u64),
}

/// What may be started next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Check(u32),
    Apply(Due),
}

/// What may be started, in order.
#[derive(Debug, Default)]
pub(super) struct Turns {
    checks: VecDeque<u32>,
    applies: VecDeque<Due>,
    /// Since when somebody may be applied.
    due_since: Duration,
    /// It is the turn of those that may be applied, until there is none.
    applying: bool,
}

impl Turns {
    pub(super) fn add_check(&mut self, at: u32) {
        self.checks.push_back(at);
    }

    pub(super) fn add_apply(&mut self, due: Due, now: Duration) {
        if self.applies.is_empty() {
            self.due_since = now;
        }
        self.applies.push_back(due);
    }

    pub(super) fn next(&mut self, now: Duration) -> Option<Next> {
        let waited = now.saturating_sub(self.due_since) >= WAIT_MAX;
        self.applying = !self.applies.is_empty() && (self.applying || waited || self.checks.is_empty());
        if self.applying {
            self.applies.pop_front().map(Next::Apply)
        } else {
            self.checks.pop_front().map(Next::Check)
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.checks.is_empty() && self.applies.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.checks.clear();
        self.applies.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1);

    #[test]
    fn checks_go_first_until_an_apply_has_waited_too_long() {
        let mut turns = Turns::default();
        turns.add_apply(Due::Vertex(1), START);
        (2..5).for_each(|at| turns.add_check(at));
        assert_eq!(turns.next(START), Some(Next::Check(2)));
        assert_eq!(turns.next(START + WAIT_MAX / 2), Some(Next::Check(3)));
        assert_eq!(turns.next(START + WAIT_MAX), Some(Next::Apply(Due::Vertex(1))));
        assert_eq!(turns.next(START + WAIT_MAX), Some(Next::Check(4)));
        assert_eq!(turns.next(START + WAIT_MAX), None);
    }

    #[test]
    fn an_apply_without_checks_does_not_wait() {
        let mut turns = Turns::default();
        turns.add_apply(Due::Batch(1), START);
        assert_eq!(turns.next(START), Some(Next::Apply(Due::Batch(1))));
    }

    #[test]
    fn once_applies_have_their_turn_all_of_them_go() {
        let mut turns = Turns::default();
        turns.add_apply(Due::Vertex(1), START);
        turns.add_apply(Due::Vertex(2), START + WAIT_MAX);
        turns.add_check(3);
        assert_eq!(turns.next(START + WAIT_MAX), Some(Next::Apply(Due::Vertex(1))));
        turns.add_apply(Due::Vertex(4), START + WAIT_MAX);
        assert_eq!(turns.next(START + WAIT_MAX), Some(Next::Apply(Due::Vertex(2))));
        assert_eq!(turns.next(START + WAIT_MAX), Some(Next::Apply(Due::Vertex(4))));
        assert_eq!(turns.next(START + WAIT_MAX), Some(Next::Check(3)));
        assert!(turns.is_empty());
    }
}
