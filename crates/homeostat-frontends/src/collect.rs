//! Collects of a catalog by itself: what is wrong with them, and what they make of the catalog's own exports.

use std::collections::BTreeSet;

use homeostat_model::catalog::CollectDecl;
pub(crate) use homeostat_model::collect::is_jail;
use homeostat_model::collect::{admit, runs_code};
use homeostat_model::{Catalog, Diagnostic, ResourceDecl, Stage, codes, hosts};

/// The resources that this catalog exports and itself collects: without a cluster, the pool is this host's. Where two
/// collects make different things of one export, both come, for whoever adds them to report the conflict.
pub(crate) fn own_exports(catalog: &Catalog, hostname: &str) -> (Vec<ResourceDecl>, Vec<Diagnostic>) {
    let mut taken: Vec<ResourceDecl> = Vec::new();
    let mut diagnostics = Vec::new();
    // What is offered to others and applied here as well is here already.
    let shared = catalog.resources.iter().filter(|resource| !resource.meta.export.is_empty());
    let here: BTreeSet<_> = shared.map(|resource| &resource.id).collect();
    for export in &catalog.exports {
        if here.contains(&export.resource.id) {
            continue;
        }
        let hosts = export.hosts.iter().map(|host| &**host);
        if !(export.hosts.is_empty() || hosts::any_matches(hosts, hostname)) {
            continue;
        }
        // More than two would only say again that they conflict, and could be very many.
        let mut found = 0;
        for collect in catalog.collects.iter() {
            match admit(collect, hostname, &export.resource) {
                Ok(Some(resource)) => {
                    found += 1;
                    taken.push(resource);
                }
                Ok(None) => {}
                Err(diagnostic) => {
                    found += 1;
                    diagnostics.push(*diagnostic);
                }
            }
            if found == 2 {
                break;
            }
        }
    }
    (taken, diagnostics)
}

/// What is wrong with a collect by itself.
pub(crate) fn check(collect: &CollectDecl) -> Option<Diagnostic> {
    if !(runs_code(collect.kind.as_str()) && collect.from.is_empty()) {
        return None;
    }
    let message =
        format!("`{}` runs code, so it is collected only from hosts that `from` names", collect.kind);
    Some(
        Diagnostic::warning(codes::MISSING_KEY, Stage::Catalog, message)
            .at(collect.origin)
            .saying("collects nothing"),
    )
}
