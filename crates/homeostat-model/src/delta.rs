//! What changed of a catalog.

use crate::catalog::{CollectDecl, EdgeDecl, ExportDecl, ResourceDecl, SendDecl};
use crate::name::ResourceId;

/// A change of the catalog that a front end gave last. Removing what is not there is no error, so that a delta can be sent
/// twice. An edge or a send goes with either of its ends.
#[derive(Debug, Clone, Default)]
pub struct CatalogDelta {
    /// Resources that are new or different.
    pub set: Vec<ResourceDecl>,
    /// Resources that go.
    pub remove: Vec<ResourceId>,
    /// Edges that are new or differ in `notify`.
    pub set_edges: Vec<EdgeDecl>,
    /// Edges that go.
    pub remove_edges: Vec<(ResourceId, ResourceId)>,
    /// Sends that are new. A parameter has one sender: a second one replaces the first.
    pub set_sends: Vec<SendDecl>,
    /// Sends that go, by receiver and its parameter.
    pub remove_sends: Vec<(ResourceId, std::sync::Arc<str>)>,
    /// Exports that are new or different: all forms in which a name is offered. They come after what is withdrawn.
    pub set_exports: Vec<ExportDecl>,
    /// Exports that are withdrawn, in all their forms.
    pub remove_exports: Vec<ResourceId>,
    /// All that is collected, if that is not what it was.
    pub collects: Option<Vec<CollectDecl>>,
}

impl CatalogDelta {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
            && self.remove.is_empty()
            && self.set_edges.is_empty()
            && self.remove_edges.is_empty()
            && self.set_sends.is_empty()
            && self.remove_sends.is_empty()
            && self.set_exports.is_empty()
            && self.remove_exports.is_empty()
            && self.collects.is_none()
    }
}
