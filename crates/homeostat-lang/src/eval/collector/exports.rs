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
    /// Of the last, whether some of it is not known: it may be equal to anything.
    by: Vec<(OpId, ExportDecl, bool)>,
    given: Option<Identity>,
}

type Identity = (Digest, Vec<std::sync::Arc<str>>);

fn identity(export: &ExportDecl) -> Identity {
    (export.resource.digest(), export.hosts.clone())
}

impl Exports {
    pub(super) fn declare(&mut self, op: OpId, export: ExportDecl, is_partial: bool) {
        let id = export.resource.id.clone();
        self.names.entry(id.clone()).or_default().by.push((op, export, is_partial));
        self.touched.insert(id);
    }

    pub(super) fn withdraw(&mut self, op: OpId, id: &ResourceId) {
        let Some(offers) = self.names.get_mut(id) else { return };
        if let Some(at) = offers.by.iter().rposition(|(by, ..)| *by == op) {
            offers.by.remove(at);
            self.touched.insert(id.clone());
        }
    }

    pub(super) fn settle(&mut self) {
        for id in std::mem::take(&mut self.touched) {
            let Some(offers) = self.names.get(&id) else { continue };
            let mut whole =
                offers.by.iter().filter(|(.., is_partial)| !is_partial).map(|(_, export, _)| export);
            let differing = whole.next().and_then(|first| {
                let other = whole.find(|other| identity(other) != identity(first))?;
                Some((first, other))
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
                Some((_, export, _)) => {
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
