//! One run of an operation: what it sees, and what it may do.

use super::arena::{OpId, Work};
use super::subscriptions::SubscriptionId;
use super::{Flow, Outcome};
use crate::Value;
use crate::eval::collector::Report;
use crate::functions::{Answer, SourceRequest};

/// See [`Operate::run`](super::Operate::run).
pub struct Step<'a> {
    flow: &'a mut Flow,
    index: u32,
    asked: Vec<SubscriptionId>,
}

impl<'a> Step<'a> {
    pub(super) fn new(flow: &'a mut Flow, index: u32) -> Self {
        Self { flow, index, asked: Vec::new() }
    }

    pub(super) fn into_asked(self) -> Vec<SubscriptionId> {
        self.asked
    }

    /// The operation itself.
    pub fn id(&self) -> OpId {
        self.flow.arena.id(self.index)
    }

    /// How many inputs there are.
    pub fn len(&self) -> usize {
        self.flow.arena.inputs(self.index).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What an input has.
    pub fn input(&self, at: usize) -> &Outcome {
        match self.flow.arena.input(self.index, at) {
            Some(operation) => &operation.outcome,
            None => &Outcome::Unknown(None),
        }
    }

    /// The value of an input.
    ///
    /// # Errors
    /// What the input has instead.
    pub fn value(&self, at: usize) -> Result<&Value, Outcome> {
        match self.input(at) {
            Outcome::Value(value) => Ok(value),
            other => Err(other.clone()),
        }
    }

    /// The values of these inputs.
    ///
    /// # Errors
    /// What the first has that has none.
    pub fn values(&self, which: std::ops::Range<usize>) -> Result<Vec<Value>, Outcome> {
        which.map(|at| self.value(at).cloned()).collect()
    }

    /// The values of all inputs.
    ///
    /// # Errors
    /// What the first has that has none.
    pub fn all_values(&self) -> Result<Vec<Value>, Outcome> {
        self.values(0..self.len())
    }

    /// Asks the world. The operation runs again when there is an answer, or another one.
    pub fn ask(&mut self, request: &SourceRequest) -> Option<Answer> {
        self.flow.subscriptions.ask(self.index, request, &mut self.asked)
    }

    /// Tells the collector; the last report counts until the operation goes.
    pub fn report(&mut self, report: Report) {
        self.flow.arena.get_mut(self.index).reports = true;
        let id = self.id();
        self.flow.reports.push((id, report));
    }

    /// The flow, to add operations to it.
    pub fn flow(&mut self) -> &mut Flow {
        self.flow
    }

    /// A cell of this operation, which keeps it. If no input ever changes, what is made of them never does either.
    pub fn cell(&mut self, value: Value) -> OpId {
        let id = self.id();
        let arena = &self.flow.arena;
        let is_constant =
            arena.inputs(self.index).all(|input| matches!(arena.get(input).work, Work::Constant));
        let cell = match is_constant {
            true => self.flow.constant(value),
            false => self.flow.cell(id, value.into()),
        };
        self.flow.hold(cell);
        cell
    }

    /// Says what a cell of this operation has from now on.
    pub fn fill(&mut self, cell: OpId, value: Value) {
        if self.flow.arena.is_alive(cell) {
            self.flow.set(cell.index, value.into());
        }
    }

    /// Gives another operation, which this one keeps below it, other inputs from `from` on. It runs in this batch.
    pub fn rewire(&mut self, to: OpId, from: usize, inputs: &[OpId]) {
        if !self.flow.arena.is_alive(to) {
            return;
        }
        // Those that stay are connected before they are let go, so none of them counts as unused in between.
        let alive: Vec<u32> =
            inputs.iter().filter(|id| self.flow.arena.is_alive(**id)).map(|id| id.index).collect();
        let same = self.flow.arena.inputs(to.index).skip(from).eq(alive.iter().copied());
        if !same {
            while self.flow.arena.inputs(to.index).len() > from {
                self.flow.arena.disconnect_last(to.index);
            }
            alive.iter().for_each(|index| self.flow.arena.connect(*index, to.index));
        }
        self.flow.queue.push(&mut self.flow.arena, to.index);
    }
}
