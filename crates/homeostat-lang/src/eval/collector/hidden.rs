//! Resources that may be there although nobody has declared them: what is not known may stand for them.

use std::collections::HashMap;

use homeostat_model::{KindName, ResourceId};

use super::report::{Unknown, UnknownPart};

#[derive(Default)]
pub(super) struct Hidden {
    /// How much of what is not known may stand for resources of any kind.
    any: usize,
    /// And of one kind.
    of_kind: HashMap<KindName, usize>,
}

impl Hidden {
    /// Something could not be read: forever.
    pub(super) fn add_any(&mut self) {
        self.any += 1;
    }

    pub(super) fn add(&mut self, unknown: &[Unknown]) {
        for one in unknown {
            match &one.part {
                UnknownPart::Block => self.any += 1,
                UnknownPart::Names(kind) => *self.of_kind.entry(kind.clone()).or_default() += 1,
                UnknownPart::Param(..)
                | UnknownPart::Meta(..)
                | UnknownPart::Edge
                | UnknownPart::Condition => {}
            }
        }
    }

    pub(super) fn remove(&mut self, unknown: &[Unknown]) {
        for one in unknown {
            match &one.part {
                UnknownPart::Block => self.any -= 1,
                UnknownPart::Names(kind) => {
                    if let Some(count) = self.of_kind.get_mut(kind) {
                        *count -= 1;
                    }
                }
                UnknownPart::Param(..)
                | UnknownPart::Meta(..)
                | UnknownPart::Edge
                | UnknownPart::Condition => {}
            }
        }
    }

    /// Whether a resource may be among them.
    pub(super) fn may_be(&self, id: &ResourceId) -> bool {
        self.any > 0 || self.of_kind.get(&id.kind).is_some_and(|count| *count > 0)
    }
}
