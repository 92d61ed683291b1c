//! How this host stands, in a few numbers, for the others.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use homeostat_cluster::presence::Summary;
use homeostat_engine::Outcome;
use homeostat_model::suggest::printable;
use homeostat_model::{Catalog, Digest, ResourceDecl, ResourceId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::shared::Facts;
use crate::engine::{EngineHandle, VertexStatus};

/// Things that are not in order which a summary names.
const WHY_MAX: usize = 3;
/// How long a summary holds, at least.
const SUMMARIES: Duration = Duration::from_secs(1);

/// A digest over what a catalog declares, in hexadecimal.
pub(super) fn digest(catalog: &Catalog) -> String {
    let mut all: Vec<(&ResourceId, Digest)> =
        catalog.resources.iter().map(|decl| (&decl.id, ResourceDecl::digest(decl))).collect();
    all.sort();
    format!("{:x}", Digest::of(&all))
}

/// Keeps the summary of this host up to date until nobody wants it any more.
pub(super) async fn summarize(
    engine: EngineHandle,
    mut facts: watch::Receiver<Facts>,
    summary: watch::Sender<Summary>,
) {
    let mut progress = engine.progress();
    let mut since: Option<(u64, Instant)> = None;
    loop {
        // A release is told of when it is loaded: what is known of progress after that is of that release.
        let facts_now = facts.borrow_and_update().clone();
        let now = progress.borrow_and_update().clone();
        // An agent that nothing was released for keeps nobody waiting.
        let has_nothing =
            now.totals.resources == 0 && facts_now.release.as_ref().is_some_and(|release| release.runs == 0);
        let settled = now.settled || has_nothing;
        since = settled.then(|| since.unwrap_or_else(|| (now_ms(), Instant::now())));
        let totals = now.totals;
        let mut why: Vec<String> = if now.settled && totals.failed + totals.blocked + totals.waiting > 0 {
            engine.status().await.iter().filter_map(trouble).take(WHY_MAX).collect()
        } else {
            Vec::new()
        };
        let release = facts_now.release;
        if let Some(waits) = release.as_ref().and_then(|release| release.waits.as_ref()) {
            why.insert(0, printable(waits).into_owned());
        }
        let new = Summary {
            settled,
            since_ms: since.map(|(ms, _)| ms),
            settled_for_ms: None,
            settled_at: since.map(|(_, at)| at),
            resources: totals.resources,
            failed: totals.failed,
            blocked: totals.blocked,
            waiting: totals.waiting,
            left_out: facts_now.left_out_count,
            catalog: facts_now.catalog,
            deploy: release.as_ref().map(|release| release.runs),
            deploy_failed: release.as_ref().and_then(|release| release.failed),
            tainted: release.as_ref().is_some_and(|release| release.tainted),
            why,
        };
        summary.send_if_modified(|summary| {
            let is_news = *summary != new;
            *summary = new;
            is_news
        });
        let changed = tokio::select! {
            changed = progress.changed() => changed.is_ok(),
            changed = facts.changed() => changed.is_ok(),
        };
        if !changed {
            return;
        }
        // Of what changes often, the last is said.
        let next = Instant::now() + SUMMARIES;
        while let Ok(changed) = tokio::time::timeout_at(next, facts.changed()).await {
            if changed.is_err() {
                return;
            }
        }
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// What is not in order with a resource.
pub(super) fn trouble(status: &VertexStatus) -> Option<String> {
    let id = &status.id;
    match status.outcome {
        Outcome::Failed => Some(format!("{id}: {}", printable(status.error.as_deref().unwrap_or("failed")))),
        Outcome::Blocked => {
            let by: Vec<String> = status.blocked_by.iter().map(ToString::to_string).collect();
            Some(format!("{id}: blocked by {}", by.join(", ")))
        }
        Outcome::Waiting => Some(format!(
            "{id}: waiting for {}",
            printable(status.waiting_on.as_deref().unwrap_or("something"))
        )),
        Outcome::Pending
        | Outcome::Unchanged
        | Outcome::Changed
        | Outcome::WouldChange
        | Outcome::Skipped => None,
    }
}
