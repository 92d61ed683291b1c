//! What has to be looked at, the lowest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::arena::Arena;

/// Invariant: whatever is marked as queued is in here, at its height or below. An operation that was raised since is put
/// back at its new height when its turn comes.
#[derive(Default)]
pub(super) struct Queue(BinaryHeap<Reverse<(u32, u32)>>);

impl Queue {
    /// Queues an operation, if it is not.
    pub(super) fn push(&mut self, arena: &mut Arena, index: u32) {
        let operation = arena.get_mut(index);
        if !operation.is_queued {
            operation.is_queued = true;
            self.0.push(Reverse((operation.height, index)));
        }
    }

    /// The lowest; of those of one height, the one with the lowest index.
    pub(super) fn pop(&mut self, arena: &mut Arena) -> Option<u32> {
        while let Some(Reverse((height, index))) = self.0.pop() {
            let Some(operation) = arena.find_mut(index).filter(|operation| operation.is_queued) else {
                continue;
            };
            if operation.height > height {
                self.0.push(Reverse((operation.height, index)));
                continue;
            }
            operation.is_queued = false;
            return Some(index);
        }
        None
    }
}
