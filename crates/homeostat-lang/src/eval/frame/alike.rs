//! Which includes of a block cannot but make the same: of one class, with the same types, and with arguments that are literals or
//! variables of that block.

use std::sync::Arc;

use crate::ast::{ExprKind, StatementId};
use crate::infer::InstanceId;

/// What an include says.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Alike {
    /// The frame that has the class.
    definition: u64,
    class: StatementId,
    instance: InstanceId,
    given: Vec<Plain>,
}

/// An argument that says the same wherever it stands in a block.
#[derive(PartialEq, Eq, Hash)]
enum Plain {
    Default,
    Bool(bool),
    Int(i64),
    Str(Arc<str>),
    Variable(Arc<str>),
}

impl Alike {
    /// `None` if an argument is too much to be compared as it is written. An argument that is `None` is what its declaration
    /// says.
    pub(super) fn new<'a>(
        definition: u64,
        class: StatementId,
        instance: InstanceId,
        arguments: impl Iterator<Item = Option<&'a ExprKind>>,
    ) -> Option<Self> {
        let given = arguments.map(|argument| match argument {
            None => Some(Plain::Default),
            Some(ExprKind::Bool(value)) => Some(Plain::Bool(*value)),
            Some(ExprKind::Int(value)) => Some(Plain::Int(*value)),
            Some(ExprKind::Str(value)) => Some(Plain::Str(value.clone())),
            Some(ExprKind::Variable(name)) => Some(Plain::Variable(name.clone())),
            Some(_) => None,
        });
        Some(Self { definition, class, instance, given: given.collect::<Option<_>>()? })
    }
}
