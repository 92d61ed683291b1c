//! What is offered to other hosts, by its name.
//!
//! One name may stand for several forms of a resource, each offered to hosts of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use homeostat_model::catalog::ExportDecl;
use homeostat_model::{CatalogDelta, Digest, ResourceId, codes};

use crate::eval::flow::OpId;
use crate::eval::outcome::Failure;

#[derive(Default)]
pub(super) struct Exports {
    names: HashMap<ResourceId, Offers>,
    touched: BTreeSet<ResourceId>,
    changed: BTreeSet<ResourceId>,
    /// Names that are offered twice to the same host, differently.
    pub(super) conflicts: BTreeMap<ResourceId, Failure>,
}

#[derive(Default)]
struct Offers {
    /// Of the last, whether some of it is not known: it may be equal to anything.
    by: Vec<(OpId, ExportDecl, bool)>,
    /// The forms that were given last; none where nothing was.
    given: Vec<Identity>,
}

type Identity = (Digest, Vec<Arc<str>>);

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
            match contradiction(&offers.whole()) {
                Some((first, other)) => {
                    let message = format!("`{id}` is exported twice to the same host, differently");
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
            let whole = offers.whole();
            let forms = match whole.is_empty() {
                true => forms(offers.by.iter().map(|(_, export, _)| export)),
                false => forms(whole),
            };
            let wanted: Vec<Identity> = forms.iter().map(identity).collect();
            if offers.given != wanted {
                if !offers.given.is_empty() {
                    delta.remove_exports.push(id.clone());
                }
                delta.set_exports.extend(forms);
                offers.given = wanted;
            }
            if offers.by.is_empty() {
                self.names.remove(&id);
            }
        }
    }
}

impl Offers {
    /// Those that are known as a whole.
    fn whole(&self) -> Vec<&ExportDecl> {
        self.by.iter().filter(|(.., is_partial)| !is_partial).map(|(_, export, _)| export).collect()
    }
}

/// Two that offer the same host something else.
fn contradiction<'a>(whole: &[&'a ExportDecl]) -> Option<(&'a ExportDecl, &'a ExportDecl)> {
    let mut offered: HashMap<Option<&Arc<str>>, (Digest, &'a ExportDecl)> = HashMap::new();
    for export in whole.iter().copied() {
        let digest = export.resource.digest();
        let everybody = export.hosts.is_empty().then_some(None);
        for host in everybody.into_iter().chain(export.hosts.iter().map(Some)) {
            let (first, by) = *offered.entry(host).or_insert((digest, export));
            if first != digest {
                return Some((by, export));
            }
        }
    }
    None
}

/// Equal ones are one, offered to the hosts of all of them. In the order of their places.
pub(in crate::eval) fn forms<'a>(exports: impl IntoIterator<Item = &'a ExportDecl>) -> Vec<ExportDecl> {
    let mut exports: Vec<&ExportDecl> = exports.into_iter().collect();
    exports.sort_by_cached_key(|export| (export.resource.origin, export.resource.digest()));
    let mut forms: Vec<(Digest, ExportDecl)> = Vec::new();
    for export in exports {
        let digest = export.resource.digest();
        match forms.iter_mut().find(|(known, _)| *known == digest) {
            None => forms.push((digest, export.clone())),
            Some((_, form)) if form.hosts.is_empty() || export.hosts.is_empty() => form.hosts.clear(),
            Some((_, form)) => form.hosts.extend(export.hosts.iter().cloned()),
        }
    }
    let sorted = |(_, mut form): (Digest, ExportDecl)| {
        form.hosts.sort();
        form.hosts.dedup();
        form
    };
    forms.into_iter().map(sorted).collect()
}
