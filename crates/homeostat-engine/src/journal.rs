//! What must survive a crash: refreshes that are owed, what undoes a resource, what was done once after something of another host,
//! and how often what other hosts refer to has changed.

use std::sync::Arc;

use homeostat_model::{Digest, Meta, Params, ResourceId};

use crate::store::StoreFuture;

/// `sender` is about to change, so `receiver` will have to refresh.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Intent {
    /// Who will refresh.
    pub receiver: ResourceId,
    /// Whose change asks for it.
    pub sender: ResourceId,
}

/// How a resource that can be undone was declared last: undoing it follows that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Former {
    /// How it was treated.
    pub meta: Arc<Meta>,
    /// Of those that are undone as well, the nearest that came before it; in order.
    pub after: Vec<ResourceId>,
}

impl Former {
    /// How undoing it is treated. What is hidden now was applied before all the same.
    pub fn meta_to_undo(&self) -> Arc<Meta> {
        if !self.meta.hidden && !self.meta.realize {
            return self.meta.clone();
        }
        Arc::new(Meta { hidden: false, realize: false, ..(*self.meta).clone() })
    }
}

/// What undoes a resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Undo {
    /// What it was before.
    pub params: Params,
    /// How it was declared last.
    pub former: Former,
}

/// One durable change.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A refresh is owed. Recording it twice is no error.
    Owe(Intent),
    /// The refresh was done, or is no longer wanted.
    Clear(Intent),
    /// What undoes a resource. Of a later one of the same resource, only how it is declared counts.
    Undo(ResourceId, Undo),
    /// A resource that can be undone is declared differently. Of one that cannot be, it says nothing.
    Former(ResourceId, Former),
    /// The resource was undone, or no longer asks for it.
    ForgetUndo(ResourceId),
    /// A resource that comes after something of another host was in order, declared like this.
    Done(ResourceId, Digest),
    /// The resource is gone.
    ForgetDone(ResourceId),
    /// A resource that other hosts refer to has changed so often, or is about to have.
    Count(ResourceId, u64),
    /// No other host refers to the resource.
    ForgetCount(ResourceId),
}

/// Everything that was durable at the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// Refreshes that are owed, in order.
    pub intents: Vec<Intent>,
    /// What undoes resources, in the order of their ids.
    pub undo: Vec<(ResourceId, Undo)>,
    /// What was in order after something of another host, with how it was declared.
    pub done: Vec<(ResourceId, Digest)>,
    /// How often what other hosts refer to has changed.
    pub counts: Vec<(ResourceId, u64)>,
}

/// Keeps records on disk.
pub trait Journal: Send + Sync + 'static {
    /// What is durable now.
    fn recorded(&self) -> StoreFuture<'_, Recorded>;

    /// Makes all of them durable, in order, together.
    fn record(&self, records: Vec<Record>) -> StoreFuture<'_, ()>;
}
