//! All that is desired of one host.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::digest::Digest;
use crate::meta::Meta;
use crate::name::ResourceId;
use crate::params::Params;
use crate::span::Span;

/// One declared resource.
#[derive(Debug, Clone)]
pub struct ResourceDecl {
    /// Kind and name.
    pub id: ResourceId,
    /// What it should be.
    pub params: Params,
    /// How the engine should treat it.
    pub meta: Arc<Meta>,
    /// Where it was declared.
    pub origin: Option<Span>,
    /// Where the parameters were, in their order; empty when nobody knows.
    pub param_spans: Vec<Span>,
    /// The arguments that led to it, the innermost first.
    pub given_at: Arc<[Span]>,
}

impl ResourceDecl {
    /// A resource with default meta parameters, from nowhere in particular.
    pub fn new(id: ResourceId, params: Params) -> Self {
        let (meta, given_at) = (Meta::shared_default(), Arc::default());
        Self { id, params, meta, origin: None, param_spans: Vec::new(), given_at }
    }

    /// Over parameters and meta: equal when nothing of what it should be has changed, wherever it stands in its text.
    pub fn digest(&self) -> Digest {
        Digest::of(&Desired { params: &self.params, meta: &self.meta })
    }

    /// Where a parameter was declared, or else the resource.
    pub fn span_of(&self, param: &str) -> Option<Span> {
        let position = self.params.iter().position(|(name, _)| &**name == param);
        position.and_then(|at| self.param_spans.get(at).copied()).or(self.origin)
    }
}

struct Desired<'a> {
    params: &'a Params,
    meta: &'a Meta,
}

impl Hash for Desired<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.params.hash(state);
        self.meta.hash(state);
    }
}

/// `from` comes before `to`; with `notify`, a change of `from` refreshes `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeDecl {
    /// Done first.
    pub from: ResourceId,
    /// Started after it.
    pub to: ResourceId,
    /// Whether a change refreshes.
    pub notify: bool,
    /// What the user calls it.
    pub label: Option<Arc<str>>,
    /// Where it was declared.
    pub origin: Option<Span>,
}

impl EdgeDecl {
    /// An edge that only orders.
    pub fn before(from: ResourceId, to: ResourceId) -> Self {
        Self { from, to, notify: false, label: None, origin: None }
    }

    /// An edge that refreshes too.
    pub fn notify(from: ResourceId, to: ResourceId) -> Self {
        Self { notify: true, ..Self::before(from, to) }
    }
}

/// A value that one resource produces becomes a parameter of another. It orders them like an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendDecl {
    /// Who produces it.
    pub from: ResourceId,
    /// Under which key.
    pub key: Arc<str>,
    /// Who gets it.
    pub to: ResourceId,
    /// As which parameter.
    pub param: Arc<str>,
    /// Where it was declared.
    pub origin: Option<Span>,
}

/// A resource offered to other hosts.
#[derive(Debug, Clone)]
pub struct ExportDecl {
    /// What is offered.
    pub resource: ResourceDecl,
    /// To whom; empty means everybody.
    pub hosts: Vec<Arc<str>>,
}

/// Gathers the exported resources of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CollectDecl {
    /// Which kind.
    pub kind: crate::name::KindName,
    /// Only the resource of that name.
    pub name: Option<Arc<str>>,
    /// The directory that collected files go below.
    pub pattern: Option<Arc<str>>,
    /// The hosts whose exports are trusted; empty means all.
    pub from: Vec<Arc<str>>,
    /// Parameters that stand in the place of the exporter's.
    pub params: Params,
    /// Meta parameters that stand in the place of the exporter's.
    pub meta: Params,
    /// Where it was declared.
    pub origin: Option<Span>,
}

impl CollectDecl {
    /// Gathers all of a kind that anybody exports, as it is.
    pub fn of_kind(kind: crate::name::KindName) -> Self {
        Self {
            kind,
            name: None,
            pattern: None,
            from: Vec::new(),
            params: Params::new(),
            meta: Params::new(),
            origin: None,
        }
    }
}

/// Everything that a text desires of one host.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// What people call it.
    pub name: Option<Arc<str>>,
    /// Every id once.
    pub resources: Vec<ResourceDecl>,
    /// Every pair of ends once.
    pub edges: Vec<EdgeDecl>,
    /// Every receiving parameter once.
    pub sends: Vec<SendDecl>,
    /// What is offered to others.
    pub exports: Vec<ExportDecl>,
    /// What is gathered from others.
    pub collects: Vec<CollectDecl>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn a_digest_follows_parameters_and_meta_and_not_the_place() {
        let params: Params = [("content", Value::from("a"))].into_iter().collect();
        let one = ResourceDecl::new(ResourceId::new("file", "/a"), params);
        let mut moved = one.clone();
        moved.origin = Some(Span::start_of(crate::span::SourceId(0)));
        assert_eq!(one.digest(), moved.digest());
        let mut other = one.clone();
        other.params.set("content", Value::from("b"));
        assert_ne!(one.digest(), other.digest());
        let mut quiet = one.clone();
        quiet.meta = Arc::new(Meta { noop: true, ..Meta::default() });
        assert_ne!(one.digest(), quiet.digest());
    }
}
