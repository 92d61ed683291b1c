//! An event as a JSON line.

use std::time::{Duration, SystemTime};

use homeostat_engine::{Event, EventKind};
use homeostat_model::SourceMap;
use serde_json::{Map, Value as Json, json};

/// `2026-11-20T07:00:00.000Z`
pub(crate) fn time_text(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// The one form of events, wherever they are shown to programs.
pub(crate) fn event_to_json(event: &Event, host: &str, sources: &SourceMap) -> Json {
    let mut out = json!({
        "time": time_text(event.time),
        "host": host,
        "id": event.id.as_ref().map(|id| format!("{}[{}]", id.kind, id.name)),
        "event": event.kind.as_str(),
        "origin": event.origin.and_then(|origin| sources.place(origin)),
        "cause": event.cause.as_str(),
        "severity": event.severity.as_str(),
        "duration_us": event.duration.map(micros),
    });
    if let (Json::Object(out), Json::Object(brought)) = (&mut out, brought(&event.kind)) {
        out.extend(brought);
    }
    out
}

/// What the event itself says.
fn brought(kind: &EventKind) -> Json {
    match kind {
        EventKind::Loaded { resources, added, changed, removed } => {
            json!({ "resources": resources, "added": added, "changed": changed, "removed": removed })
        }
        EventKind::Changed(changes) | EventKind::WouldChange(changes) => json!({ "changes": changes }),
        EventKind::DriftEnded { lasted } => json!({ "lasted_us": micros(*lasted) }),
        EventKind::Failed { error, attempt, retry_in } => json!({
            "error": &**error,
            "attempt": attempt,
            "retry_in_us": retry_in.map(micros),
        }),
        EventKind::Blocked { by } => json!({ "blocked_by": by }),
        EventKind::Waiting { on } => json!({ "waiting_on": &**on }),
        EventKind::Flapping { repairs, window } => {
            json!({ "repairs": repairs, "window_us": micros(*window) })
        }
        EventKind::Settled(totals) => json!({ "totals": totals }),
        EventKind::Note(text) => json!({ "text": &**text }),
        EventKind::Refreshed
        | EventKind::WouldRefresh
        | EventKind::Recovered
        | EventKind::Calm
        | EventKind::Removed => Json::Object(Map::new()),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The line that stands for lines that a slow reader did not get.
pub(super) fn dropped(lines: usize) -> String {
    let line = json!({
        "time": time_text(SystemTime::now()),
        "event": "dropped",
        "events": lines,
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_engine::Cause;
    use homeostat_engine::event::Severity;
    use homeostat_engine::resource::Change;
    use homeostat_model::{ResourceId, Span};

    #[test]
    fn an_event_has_its_common_fields_and_what_it_brings() {
        let mut sources = SourceMap::new();
        let site = sources.add("site.yaml", "resources:\n  file:\n  - name: /etc/motd\n");
        let event = Event {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567),
            since_start: Duration::ZERO,
            id: Some(ResourceId::new("file", "/etc/motd")),
            origin: Some(Span::new(site, 23, 30)),
            cause: Cause::Wake,
            severity: Severity::Info,
            duration: Some(Duration::from_micros(812)),
            kind: EventKind::Changed(vec![Change::new("mode", "0600", "0644")]),
        };
        let json = event_to_json(&event, "a", &sources);
        assert_eq!(
            json.to_string(),
            r#"{"time":"1970-01-01T00:20:34.567Z","host":"a","id":"file[/etc/motd]","event":"changed","origin":"site.yaml:3:5","cause":"wake","severity":"info","duration_us":812,"changes":[{"property":"mode","is":"0600","want":"0644"}]}"#
        );
    }
}
