//! What is offered to other hosts, by its name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use homeostat_model::catalog::ExportDecl;
use homeostat_model::{CatalogDelta, Digest, ResourceId, codes};

use crate::eval::flow::OpId;
use crate::eval::outcome::Failure;

#[derive(Default)]
pub(super) struct Exports {
    names: HashMap<ResourceId, Offers>,
    touched: BTreeSet<ResourceId>,
    changed: BTreeSet<ResourceId>,
    /// Names that are offered twice, differently.
    pub(super) conflicts: BTreeMap<ResourceId, Failure>,
}

#[derive(Default)]
struct Offers {
    by: Vec<(OpId, ExportDecl)>,
    given: Option<Identity>,
}

type Identity = (Digest, Vec<std::sync::Arc<str>>);

fn identity(export: &ExportDecl) -> Identity {
    (export.resource.digest(), export.hosts.clone())
}

impl Exports {
    pub(super) fn declare(&mut self, op: OpId, export: ExportDecl) {
        let id = export.resource.id.clone();
        self.names.entry(id.clone()).or_default().by.push((op, export));
        self.touched.insert(id);
    }

    pub(super) fn withdraw(&mut self, op: OpId, id: &ResourceId) {
        let Some(offers) = self.names.get_mut(id) else { return };
        if let Some(at) = offers.by.iter().rposition(|(by, _)| *by == op) {
            offers.by.remove(at);
            self.touched.insert(id.clone());
        }
    }

    pub(super) fn settle(&mut self) {
        for id in std::mem::take(&mut self.touched) {
            let Some(offers) = self.names.get(&id) else { continue };
            let first = offers.by.first();
            let differing = first.and_then(|(_, first)| {
                let other = offers.by.iter().find(|(_, other)| identity(other) != identity(first));
                other.map(|(_, other)| (first, other))
            });
            match differing {
                Some((first, other)) => {
                    let message = format!("`{id}` is exported twice, differently");
                    let failure = Failure::new(codes::DUPLICATE_RESOURCE, message).at(other.resource.origin);
                    let failure = match first.resource.origin {
                        Some(place) => failure.because(place, "exported here first"),
                        None => failure,
                    };
                    self.conflicts.insert(id.clone(), failure)
                }
                None => self.conflicts.remove(&id),
            };
            self.changed.insert(id);
        }
    }

    pub(super) fn give(&mut self, delta: &mut CatalogDelta) {
        for id in std::mem::take(&mut self.changed) {
            let Some(offers) = self.names.get_mut(&id) else { continue };
            match offers.by.first() {
                Some((_, export)) => {
                    let wanted = Some(identity(export));
                    if offers.given != wanted {
                        offers.given = wanted;
                        delta.set_exports.push(export.clone());
                    }
                }
                None => {
                    if offers.given.is_some() {
                        delta.remove_exports.push(id.clone());
                    }
                    self.names.remove(&id);
                }
            }
        }
    }
}
