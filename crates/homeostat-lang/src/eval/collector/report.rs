//! What operations tell the collector.

use std::sync::Arc;

use homeostat_model::catalog::{CollectDecl, ExportDecl};
use homeostat_model::{EdgeDecl, KindName, ResourceDecl, ResourceId, SendDecl, Span};

use crate::eval::outcome::Failure;

/// What one operation has to say; it replaces what it said before.
#[derive(Debug, Clone)]
pub enum Report {
    /// It declares this.
    Pieces(Pieces),
    /// It cannot say all that it declares, and nothing may be said as long as that is so. What it would declare as far as that
    /// is known, so that others are not blamed for what it lacks.
    Failed(Failure, Pieces),
    /// It is not there any more.
    Gone,
}

impl Report {
    /// What is declared, and what of it has failed.
    pub(in crate::eval) fn of(failed: Option<Failure>, pieces: Pieces) -> Self {
        match failed {
            Some(failure) => Self::Failed(failure, pieces),
            None => Self::Pieces(pieces),
        }
    }
}

/// Parts of a catalog.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    /// Resources; equal ones of one name are one.
    pub resources: Vec<ResourceDecl>,
    /// Edges; both ends may be declared anywhere.
    pub edges: Vec<EdgeDecl>,
    /// What is sent, in addition to the edge.
    pub sends: Vec<SendDecl>,
    /// What is offered to others.
    pub exports: Vec<ExportDecl>,
    /// What is gathered from others.
    pub collects: Vec<CollectDecl>,
    /// What is not known yet.
    pub unknown: Vec<Unknown>,
}

impl Pieces {
    /// Nothing but that something is not known.
    pub fn unknown(unknown: Unknown) -> Self {
        Self { unknown: vec![unknown], ..Self::default() }
    }
}

/// Something of the catalog that nobody can say before the world has answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// Where it is declared.
    pub place: Span,
    /// Which part.
    pub part: UnknownPart,
    /// Where the question is asked that has no answer yet.
    pub because: Option<Span>,
}

/// A part of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnknownPart {
    /// A parameter of a resource, which is left out of it.
    Param(ResourceId, Arc<str>),
    /// A meta parameter, which is left out.
    Meta(ResourceId, Arc<str>),
    /// The names of resources of a kind; they are left out.
    Names(KindName),
    /// The ends of an edge, which is left out.
    Edge,
    /// Everything that a block declares: whether or how often it is there.
    Block,
    /// Whether something holds that has to.
    Condition,
}

impl Unknown {
    /// The resource of which it is a part.
    pub(super) fn part_of(&self) -> Option<&ResourceId> {
        match &self.part {
            UnknownPart::Param(id, _) | UnknownPart::Meta(id, _) => Some(id),
            UnknownPart::Names(_) | UnknownPart::Edge | UnknownPart::Block | UnknownPart::Condition => None,
        }
    }
}
