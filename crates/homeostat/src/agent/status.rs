//! How this host stands, for `homeostat status`.

use std::sync::Arc;

use homeostat_cluster::exchange::Standing;
use homeostat_cluster::presence::Contact;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::cluster::{Cluster, own_part};
use super::shared::{Facts, Shared, cut_off};
use super::summary::trouble;
use crate::engine::EngineHandle;
use crate::place::about::Status;

/// Things that are not in order which a status names.
const TROUBLES_MAX: usize = 100;

/// What tells it, for as long as it is asked.
pub(super) fn teller(
    host: Arc<str>,
    engine: &EngineHandle,
    shared: Option<&Shared>,
    cluster: Option<&Arc<Cluster>>,
) -> Status {
    let engine = engine.clone();
    let views = shared.map(Shared::views);
    let seen = cluster.and_then(|cluster| cluster.seen());
    let cluster = cluster.cloned();
    Arc::new(move || {
        let (host, engine, views, seen) = (host.clone(), engine.clone(), views.clone(), seen.clone());
        let certificates = cluster.as_ref().and_then(|cluster| cluster.trouble());
        Box::pin(async move {
            let progress = engine.progress().borrow().clone();
            let totals = progress.totals;
            let in_order = progress.settled && totals.failed + totals.blocked + totals.waiting == 0;
            let troubles: Vec<String> = if in_order {
                Vec::new()
            } else {
                engine.status().await.iter().filter_map(trouble).take(TROUBLES_MAX).collect()
            };
            json!({
                "host": host,
                "settled": progress.settled,
                "converged": in_order,
                "totals": totals,
                "not_in_order": troubles,
                "certificates": certificates,
                "store": seen.map(|seen| own_part(&seen.borrow(), &host)),
                "exchange": views.map(|views| exchange(&views)),
            })
        })
    })
}

fn exchange(
    (facts, standing, contact): &(
        watch::Receiver<Facts>,
        watch::Receiver<Standing>,
        watch::Receiver<Contact>,
    ),
) -> Json {
    let cut_off = cut_off(&contact.borrow(), &standing.borrow());
    let facts = facts.borrow().clone();
    json!({
        "cut_off": cut_off,
        "collected": facts.collected,
        "left_out": facts.left_out,
        "release": facts.release,
    })
}
