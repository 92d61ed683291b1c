//! The core of the evaluation: operations that depend on each other, of which only those are computed again that have to be.
//!
//! Every operation has a height above all of its inputs. A batch of answers marks the operations that asked; then the lowest
//! marked operation runs, and marks its dependents if what it has is not what it had, until none is marked. So each
//! operation runs at most once per batch, with inputs that belong together, and a batch costs what it touches.
//!
//! An operation can add others while it runs: it decides what there is. What it adds may be lower than itself, since it
//! reaches into what is around it; that then runs first, and is no concern of anything that ran before. An operation that is
//! nobody's input and that nobody holds goes at the end of the batch, and with it what only it used; its questions to the
//! world end.
//!
//! The core knows nothing of programs: see [`Operate`] for what it asks of an operation. It does nothing by itself either:
//! questions to the world are left to be taken ([`Flow::take_askings`]), answers are brought ([`Flow::answer`]).

mod arena;
mod queue;
mod step;
mod subscriptions;
#[cfg(test)]
mod tests;

pub use arena::OpId;
pub use step::Step;
pub use subscriptions::{Asking, SubscriptionId};

use homeostat_model::{Span, codes};

use super::Outcome;
use super::collector::Report;
use super::outcome::Failure;
use crate::Value;
use crate::functions::Answer;
use arena::{Arena, Operation, Work};
use queue::Queue;
use subscriptions::Subscriptions;

/// What an operation does.
pub trait Operate: Send {
    /// Computes what it has from its inputs. Called when one of them, or an answer, has changed.
    fn run(&mut self, step: &mut Step<'_>) -> Outcome;

    /// What to let go when the operation goes.
    fn holds(&self) -> Vec<OpId> {
        Vec::new()
    }

    /// Where in the text it makes a value, if it does.
    fn place(&self) -> Option<Span> {
        None
    }

    /// Whether it gives the same for the same inputs and does nothing else, so that it is computed once if they are constant.
    fn is_pure(&self) -> bool {
        false
    }
}

/// A program that asks for more is refused: functions that call each other twice, and loops in loops, can ask for any number. An
/// operation takes some 200 to 400 bytes with all that belongs to it, so this is about a GiB.
pub(in crate::eval) const OPERATIONS_MAX: usize = 3_000_000;

/// What the values of a program may take together, besides what they share.
const VALUES_BYTES_MAX: usize = 1 << 30;

/// Values up to this size are counted and never refused: as many as there may be operations take no more than the bound.
const SMALL_BYTES: usize = 256;

/// Operations and what they have.
#[derive(Default)]
pub struct Flow {
    arena: Arena,
    queue: Queue,
    subscriptions: Subscriptions,
    reports: Vec<(OpId, Report)>,
    /// Operations that ran since the start.
    runs: u64,
    /// What the values of all operations take.
    bytes: usize,
}

impl Flow {
    /// Something that never changes.
    pub fn constant(&mut self, outcome: impl Into<Outcome>) -> OpId {
        let index = self.arena.add(Work::Constant, outcome.into(), &[]);
        self.arena.id(index)
    }

    /// What another operation says that it is, and that one is there before it.
    pub(super) fn cell(&mut self, owner: OpId, outcome: Outcome) -> OpId {
        let inputs: &[u32] = if self.arena.is_alive(owner) { &[owner.index] } else { &[] };
        let index = self.arena.add(Work::Cell, outcome, inputs);
        self.arena.id(index)
    }

    /// An operation on others. It runs in this batch, or at once where everything about it is constant.
    pub fn add(&mut self, operate: impl Operate + 'static, inputs: &[OpId]) -> OpId {
        let places: Option<Vec<u32>> =
            inputs.iter().map(|id| self.arena.is_alive(*id).then_some(id.index)).collect();
        let Some(places) = places else { return self.constant(Outcome::Unknown(None)) };
        let is_constant = |index: &u32| matches!(self.arena.get(*index).work, Work::Constant);
        let folds = operate.is_pure() && places.iter().all(is_constant);
        let index = self.arena.add(Work::Run(Some(Box::new(operate))), Outcome::Unknown(None), &places);
        if folds {
            self.run_one(index);
            let operation = self.arena.get_mut(index);
            operation.work = Work::Constant;
            while self.arena.inputs(index).len() > 0 {
                self.arena.disconnect_last(index);
            }
        } else {
            self.queue.push(&mut self.arena, index);
        }
        self.arena.id(index)
    }

    /// Makes one operation the first input of another, which so far has none.
    pub fn connect(&mut self, from: OpId, to: OpId) {
        if self.arena.is_alive(from) && self.arena.is_alive(to) {
            self.arena.connect(from.index, to.index);
        }
    }

    /// Keeps an operation until it is let go.
    pub fn hold(&mut self, id: OpId) {
        if self.arena.is_alive(id) {
            self.arena.hold(id.index);
        }
    }

    /// Lets an operation go that was held.
    pub fn release(&mut self, id: OpId) {
        if self.arena.is_alive(id) {
            self.arena.release(id.index);
        }
    }

    /// Whether the operation is still there.
    pub fn is_alive(&self, id: OpId) -> bool {
        self.arena.is_alive(id)
    }

    /// What an operation has as of its last run.
    pub fn outcome(&self, id: OpId) -> Option<&Outcome> {
        self.arena.is_alive(id).then(|| &self.arena.get(id.index).outcome)
    }

    /// What an operation has if it will never have anything else.
    pub fn constant_outcome(&self, id: OpId) -> Option<&Outcome> {
        let operation = self.arena.is_alive(id).then(|| self.arena.get(id.index))?;
        matches!(operation.work, Work::Constant).then_some(&operation.outcome)
    }

    /// Whether there are as many operations as there may be.
    pub fn is_full(&self) -> bool {
        self.arena.len() >= OPERATIONS_MAX
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.arena.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many times an operation has run.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Takes an answer. Nothing is computed before [`settle`](Self::settle).
    pub fn answer(&mut self, subscription: SubscriptionId, answer: Answer) {
        for asker in self.subscriptions.answer(subscription, answer) {
            self.queue.push(&mut self.arena, asker);
        }
    }

    /// Computes everything that has to be, and removes what nobody uses.
    pub fn settle(&mut self) {
        while let Some(index) = self.queue.pop(&mut self.arena) {
            self.run_one(index);
        }
        while let Some(index) = self.arena.next_unused() {
            let id = self.arena.id(index);
            let removed = self.arena.remove(index);
            self.bury(id, removed);
        }
    }

    /// What operations have to say since it was last taken; of several reports of one, the last counts.
    pub fn take_reports(&mut self) -> Vec<(OpId, Report)> {
        std::mem::take(&mut self.reports)
    }

    /// What has to be asked of the world, and what not any more.
    pub fn take_askings(&mut self) -> Vec<Asking> {
        self.subscriptions.take()
    }

    fn run_one(&mut self, index: u32) {
        let Work::Run(operate) = &mut self.arena.get_mut(index).work else { return };
        let Some(mut operate) = operate.take() else { return };
        self.runs += 1;
        let mut step = Step::new(self, index);
        let outcome = operate.run(&mut step);
        let asked = step.into_asked();
        self.subscriptions.keep_only(index, &asked);
        let outcome = match operate.place() {
            Some(place) => self.bounded(index, outcome, place),
            None => outcome,
        };
        self.arena.get_mut(index).work = Work::Run(Some(operate));
        self.set(index, outcome);
    }

    /// The same, unless all values together would be too large with it.
    fn bounded(&self, index: u32, outcome: Outcome, place: Span) -> Outcome {
        let own = outcome.value().map_or(0, Value::own_bytes);
        let others = self.bytes - self.arena.get(index).own_bytes as usize;
        if own <= SMALL_BYTES || others + own <= VALUES_BYTES_MAX {
            return outcome;
        }
        let message =
            format!("the values of the program are too large: they take more than {VALUES_BYTES_MAX} bytes");
        Outcome::Failed(Failure::new(codes::TOO_LARGE, message).at(place))
    }

    fn set(&mut self, index: u32, outcome: Outcome) {
        let operation = self.arena.get_mut(index);
        if operation.outcome == outcome {
            return;
        }
        let own = outcome.value().map_or(0, Value::own_bytes);
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        self.bytes = self.bytes - operation.own_bytes as usize + own as usize;
        operation.own_bytes = own;
        operation.outcome = outcome;
        let dependents: Vec<u32> = self.arena.dependents(index).collect();
        for dependent in dependents {
            self.queue.push(&mut self.arena, dependent);
        }
    }

    fn bury(&mut self, id: OpId, removed: Operation) {
        self.subscriptions.keep_only(id.index, &[]);
        self.bytes -= removed.own_bytes as usize;
        if removed.reports {
            self.reports.push((id, Report::Gone));
        }
        if let Work::Run(Some(operate)) = &removed.work {
            operate.holds().into_iter().for_each(|held| self.release(held));
        }
    }
}
