//! The report of a run, and the same form for a plan.

use std::time::{Duration, SystemTime};

use homeostat_engine::Outcome;
use homeostat_engine::event::Totals;
use serde_json::{Value as Json, json};

use super::json::time_text;
use crate::engine::{Planned, VertexStatus};

/// How a run ended, or stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunResult {
    Converged,
    Failed,
    Interrupted,
    Timeout,
}

impl RunResult {
    fn as_str(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Timeout => "timeout",
        }
    }
}

/// What a report says about the run as a whole.
pub(crate) struct RunFacts<'a> {
    pub(crate) host: &'a str,
    pub(crate) inputs: &'a [String],
    pub(crate) result: RunResult,
    pub(crate) started: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) converged_after: Option<Duration>,
    /// From the start of the run to the start of the engine, from which resources count.
    pub(crate) engine_after: Duration,
}

/// The report.
pub(crate) fn report(facts: &RunFacts<'_>, statuses: &[VertexStatus]) -> Json {
    let resources: Vec<Json> = statuses.iter().map(|status| resource(status, facts.engine_after)).collect();
    whole(facts, statuses.iter().map(|status| status.outcome), resources)
}

/// The report of a plan: with what would change, and what cannot be known yet.
pub(crate) fn plan_report(facts: &RunFacts<'_>, planned: &[Planned]) -> Json {
    let resources: Vec<Json> = planned
        .iter()
        .map(|planned| {
            let mut json = resource(&planned.status, facts.engine_after);
            json["would_refresh"] = planned.would_refresh.into();
            if let Some(first) = planned.unknown_until.first() {
                json["unknown_until"] = json!(first);
            }
            json
        })
        .collect();
    whole(facts, planned.iter().map(|planned| planned.status.outcome), resources)
}

fn whole(facts: &RunFacts<'_>, outcomes: impl Iterator<Item = Outcome>, resources: Vec<Json>) -> Json {
    let mut totals = Totals::default();
    for outcome in outcomes {
        totals.count(reported(outcome));
    }
    json!({
        "version": 1,
        "host": facts.host,
        "inputs": facts.inputs,
        "result": facts.result.as_str(),
        "started": time_text(facts.started),
        "duration_ms": millis(facts.duration),
        "converged_after_ms": facts.converged_after.map(millis),
        "totals": totals,
        "resources": resources,
    })
}

fn resource(status: &VertexStatus, engine_after: Duration) -> Json {
    let since_start = |at: Option<Duration>| at.map(|at| millis(at + engine_after));
    let mut json = json!({
        "id": status.id,
        "kind": status.id.kind.as_str(),
        "name": &*status.id.name,
        "outcome": reported(status.outcome),
        "changes": status.changes,
        "checks": status.checks,
        "applies": status.applies,
        "refreshes": status.refreshes,
        "started_ms": since_start(status.started),
        "ended_ms": since_start(status.ended),
        "error": status.error.as_deref(),
        "blocked_by": status.blocked_by,
    });
    if let Some(what) = &status.waiting_on {
        json["waiting_on"] = (**what).into();
    }
    json
}

/// What a run that was cut short had not come to is waiting: the report knows no other word for it.
fn reported(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Pending => Outcome::Waiting,
        other => other,
    }
}

/// Milliseconds with the precision that is worth reading.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_engine::resource::Change;
    use homeostat_model::ResourceId;

    #[test]
    fn a_report_counts_and_names_everything() {
        let status = VertexStatus {
            id: ResourceId::new("file", "/etc/motd"),
            outcome: Outcome::Changed,
            changes: vec![Change::new("mode", "0600", "0644")],
            checks: 2,
            applies: 1,
            refreshes: 0,
            started: Some(Duration::from_micros(1200)),
            ended: Some(Duration::from_micros(1900)),
            error: None,
            blocked_by: Vec::new(),
            waiting_on: None,
        };
        let facts = RunFacts {
            host: "a",
            inputs: &["site.yaml".into()],
            result: RunResult::Converged,
            started: SystemTime::UNIX_EPOCH,
            duration: Duration::from_micros(12_300),
            converged_after: Some(Duration::from_micros(7_100)),
            engine_after: Duration::ZERO,
        };
        let json = report(&facts, &[status]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
    }
}
