//! Where operations live, and who uses whom.
//!
//! Invariants: both ends of an edge know each other's place in their lists, so that an edge goes in constant time; an
//! operation is higher than all of its inputs; an operation that nobody uses or holds is a candidate for removal, and is
//! removed at the end of the batch if that is still so.

use smallvec::SmallVec;

use super::Operate;
use crate::eval::Outcome;

/// An operation. Stale ids refer to nothing, even if the place is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    pub(super) index: u32,
    generation: u32,
}

/// What an operation does when an input has changed.
pub(super) enum Work {
    /// Nothing: it stays as it is for ever.
    Constant,
    /// Nothing: another operation, its only input, says what it has. It does not keep that one alive.
    Cell,
    /// This; taken out while it runs.
    Run(Option<Box<dyn Operate>>),
}

pub(super) struct Operation {
    pub(super) height: u32,
    pub(super) is_queued: bool,
    /// Whether it ever reported something, so that its end has to be reported.
    pub(super) reports: bool,
    /// How many keep it: operations that have it as an input, and holds.
    users: u32,
    /// The bytes that nobody else holds of the value.
    pub(super) own_bytes: u32,
    pub(super) outcome: Outcome,
    /// Most have two at most, of either.
    inputs: SmallVec<[Input; 2]>,
    dependents: SmallVec<[Dependent; 2]>,
    pub(super) work: Work,
}

#[derive(Clone, Copy)]
struct Input {
    from: u32,
    /// Where this edge stands among the dependents of `from`.
    place: u32,
}

#[derive(Clone, Copy)]
struct Dependent {
    to: u32,
    /// Where this edge stands among the inputs of `to`.
    place: u32,
}

enum Slot {
    Taken(Box<Operation>),
    Free,
}

#[derive(Default)]
pub(super) struct Arena {
    slots: Vec<Slot>,
    generations: Vec<u32>,
    free: Vec<u32>,
    unused: Vec<u32>,
}

const VACANT: &str = "an index that is followed within a batch is taken";

impl Arena {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn id(&self, index: u32) -> OpId {
        OpId { index, generation: self.generations[index as usize] }
    }

    pub(super) fn is_alive(&self, id: OpId) -> bool {
        self.generations.get(id.index as usize) == Some(&id.generation)
            && matches!(self.slots[id.index as usize], Slot::Taken(_))
    }

    pub(super) fn get(&self, index: u32) -> &Operation {
        match &self.slots[index as usize] {
            Slot::Taken(operation) => operation,
            Slot::Free => panic!("{VACANT}"),
        }
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut Operation {
        match &mut self.slots[index as usize] {
            Slot::Taken(operation) => operation,
            Slot::Free => panic!("{VACANT}"),
        }
    }

    /// If it was not removed meanwhile.
    pub(super) fn find_mut(&mut self, index: u32) -> Option<&mut Operation> {
        match &mut self.slots[index as usize] {
            Slot::Taken(operation) => Some(operation),
            Slot::Free => None,
        }
    }

    pub(super) fn add(&mut self, work: Work, outcome: Outcome, inputs: &[u32]) -> u32 {
        let operation = Operation {
            height: 0,
            is_queued: false,
            reports: false,
            users: 0,
            own_bytes: 0,
            outcome,
            inputs: SmallVec::with_capacity(inputs.len()),
            dependents: SmallVec::new(),
            work,
        };
        let slot = Slot::Taken(Box::new(operation));
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                self.generations.push(0);
                (self.slots.len() - 1) as u32
            }
        };
        self.unused.push(index);
        inputs.iter().for_each(|input| self.connect(*input, index));
        index
    }

    pub(super) fn inputs(&self, index: u32) -> impl ExactSizeIterator<Item = u32> {
        self.get(index).inputs.iter().map(|input| input.from)
    }

    pub(super) fn input(&self, index: u32, at: usize) -> Option<&Operation> {
        self.get(index).inputs.get(at).map(|input| self.get(input.from))
    }

    pub(super) fn dependents(&self, index: u32) -> impl ExactSizeIterator<Item = u32> {
        self.get(index).dependents.iter().map(|dependent| dependent.to)
    }

    /// Adds an input and raises what has to be higher because of it.
    pub(super) fn connect(&mut self, from: u32, to: u32) {
        let place_in_inputs = self.get(to).inputs.len() as u32;
        let is_strong = !matches!(self.get(to).work, Work::Cell);
        let source = self.get_mut(from);
        let place_in_dependents = source.dependents.len() as u32;
        source.dependents.push(Dependent { to, place: place_in_inputs });
        source.users += u32::from(is_strong);
        let height = source.height + 1;
        self.get_mut(to).inputs.push(Input { from, place: place_in_dependents });
        self.raise(to, height);
    }

    /// Removes the last input.
    pub(super) fn disconnect_last(&mut self, to: u32) {
        let operation = self.get_mut(to);
        let is_strong = !matches!(operation.work, Work::Cell);
        let Some(input) = operation.inputs.pop() else { return };
        let source = self.get_mut(input.from);
        source.dependents.swap_remove(input.place as usize);
        if let Some(moved) = source.dependents.get(input.place as usize).copied() {
            self.get_mut(moved.to).inputs[moved.place as usize].place = input.place;
        }
        if is_strong {
            self.release(input.from);
        }
    }

    pub(super) fn hold(&mut self, index: u32) {
        self.get_mut(index).users += 1;
    }

    pub(super) fn release(&mut self, index: u32) {
        let operation = self.get_mut(index);
        operation.users -= 1;
        if operation.users == 0 {
            self.unused.push(index);
        }
    }

    /// An operation that nobody uses.
    pub(super) fn next_unused(&mut self) -> Option<u32> {
        while let Some(index) = self.unused.pop() {
            if matches!(&self.slots[index as usize], Slot::Taken(operation) if operation.users == 0) {
                return Some(index);
            }
        }
        None
    }

    /// Takes an operation out that nobody uses. Cells that it filled stay as they are.
    pub(super) fn remove(&mut self, index: u32) -> Operation {
        while !self.get(index).inputs.is_empty() {
            self.disconnect_last(index);
        }
        let cells: Vec<u32> = self.dependents(index).collect();
        for cell in cells {
            self.get_mut(cell).inputs.clear();
        }
        self.generations[index as usize] = self.generations[index as usize].wrapping_add(1);
        self.free.push(index);
        match std::mem::replace(&mut self.slots[index as usize], Slot::Free) {
            Slot::Taken(operation) => *operation,
            Slot::Free => panic!("{VACANT}"),
        }
    }

    fn raise(&mut self, index: u32, height: u32) {
        let mut low = vec![(index, height)];
        while let Some((index, height)) = low.pop() {
            let operation = self.get_mut(index);
            if operation.height < height {
                operation.height = height;
                low.extend(operation.dependents.iter().map(|dependent| (dependent.to, height + 1)));
            }
        }
    }
}
