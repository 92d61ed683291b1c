//! Instances of scopes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Eval;
use crate::ast::StatementId;
use crate::eval::outcome::Outcome;
use crate::infer::InstanceId;
use crate::modules::FileId;
use crate::scope::{Hop, ScopeId};

/// An instance of a scope.
pub(super) struct Frame {
    pub(super) scope: ScopeId,
    pub(super) file: FileId,
    pub(super) instance: InstanceId,
    pub(super) parent: Option<Arc<Frame>>,
    /// The same for the same instance in every evaluation.
    pub(super) key: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    slots: Vec<Option<Outcome>>,
    includes: HashMap<StatementId, Arc<Frame>>,
}

impl Frame {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, slot: u32) -> Option<Outcome> {
        self.inner().slots[slot as usize].clone()
    }

    pub(super) fn set(&self, slot: u32, outcome: Outcome) {
        self.inner().slots[slot as usize] = Some(outcome);
    }

    pub(super) fn include(&self, include: StatementId) -> Option<Arc<Frame>> {
        self.inner().includes.get(&include).cloned()
    }

    pub(super) fn set_include(&self, include: StatementId, frame: Arc<Frame>) {
        self.inner().includes.insert(include, frame);
    }

    /// Lets go of everything it refers to.
    pub(super) fn clear(&self) {
        let inner = std::mem::take(&mut *self.inner());
        drop(inner);
    }
}

/// Puts what tells things apart into one number.
pub(super) fn key(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Eval<'_> {
    /// A new frame. `which` tells it from others of its scope in its parent.
    pub(super) fn frame(
        &self,
        scope: ScopeId,
        instance: InstanceId,
        parent: Option<Arc<Frame>>,
        which: u64,
    ) -> Arc<Frame> {
        let here = self.checked.names.scope(scope);
        let slots = vec![None; here.slots.len()];
        let outer = parent.as_ref().map(|parent| parent.key);
        let frame = Arc::new(Frame {
            scope,
            file: here.file,
            instance,
            key: key((outer, scope, which)),
            parent,
            inner: Mutex::new(Inner { slots, includes: HashMap::new() }),
        });
        self.frames.borrow_mut().push(frame.clone());
        frame
    }

    /// Goes outwards to the frame of a scope.
    fn outwards(&self, from: &Arc<Frame>, scope: ScopeId) -> Arc<Frame> {
        let mut at = from;
        while at.scope != scope {
            match &at.parent {
                Some(parent) => at = parent,
                // Scopes of files are reached from everywhere.
                None => return self.file(self.checked.names.scope(scope).file),
            }
        }
        at.clone()
    }

    /// The frame that a place leads to.
    pub(super) fn follow(&self, from: &Arc<Frame>, hops: &[Hop], scope: ScopeId) -> Arc<Frame> {
        let mut at = from.clone();
        for hop in hops {
            let holder = self.outwards(&at, hop.scope);
            at = self.included(&holder, hop.include);
        }
        self.outwards(&at, scope)
    }
}
