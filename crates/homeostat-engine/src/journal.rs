//! What must survive a crash: refreshes that are owed, and what undoes a resource.

use homeostat_model::{Params, ResourceId};

use crate::store::StoreFuture;

/// `sender` is about to change, so `receiver` will have to refresh.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Intent {
    /// Who will refresh.
    pub receiver: ResourceId,
    /// Whose change asks for it.
    pub sender: ResourceId,
}

/// One durable change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A refresh is owed. Recording it twice is no error.
    Owe(Intent),
    /// The refresh was done, or is no longer wanted.
    Clear(Intent),
    /// What undoes a resource; a later one of the same resource does not replace it.
    Undo(ResourceId, Params),
    /// The resource was undone, or no longer asks for it.
    ForgetUndo(ResourceId),
}

/// Everything that was durable at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Refreshes that are owed, in order.
    pub intents: Vec<Intent>,
    /// What undoes resources, in the order of their ids.
    pub undo: Vec<(ResourceId, Params)>,
}

/// Keeps records on disk.
pub trait Journal: Send + Sync + 'static {
    /// What is durable now.
    fn recorded(&self) -> StoreFuture<'_, Recorded>;

    /// Makes all of them durable, in order, together.
    fn record(&self, records: Vec<Record>) -> StoreFuture<'_, ()>;
}
