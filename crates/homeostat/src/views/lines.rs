//! One line per change or failure, nothing for what was found in order.

use std::time::Duration;

use homeostat_engine::event::Totals;
use homeostat_engine::resource::Change;
use homeostat_engine::{Event, EventKind};
use homeostat_model::suggest::printable;

use crate::terminal::Paint;

/// How events become lines.
pub(super) struct Lines {
    pub(super) paint: Paint,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
}

impl Lines {
    /// Adds the lines of an event, mostly none or one.
    pub(super) fn push(&self, event: &Event, out: &mut String) {
        let paint = self.paint;
        let id = event.id.as_ref().map(ToString::to_string).unwrap_or_default();
        let line = match &event.kind {
            EventKind::Failed { error, retry_in, .. } => {
                let again =
                    retry_in.map_or_else(String::new, |after| format!(", again in {}", duration_text(after)));
                format!("{} {id}: {}{}", paint.red("failed"), printable(error), paint.dim(&again))
            }
            EventKind::Blocked { by } => {
                let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                format!("{} {id} by {}", paint.red("blocked"), by.join(", "))
            }
            _ if self.quiet => return,
            EventKind::Changed(changes) => {
                return self.push_changes(&paint.green("changed"), &id, event, changes, out);
            }
            EventKind::WouldChange(changes) => {
                return self.push_changes(&paint.yellow("would change"), &id, event, changes, out);
            }
            EventKind::DriftEnded { lasted } => {
                format!("{} {id}, after {}", paint.green("in order again"), duration_text(*lasted))
            }
            EventKind::Refreshed => format!("{} {id}", paint.cyan("refreshed")),
            EventKind::WouldRefresh => format!("{} {id}", paint.yellow("would refresh")),
            EventKind::Recovered => format!("{} {id}", paint.green("recovered")),
            EventKind::Waiting { on } => format!("{} {id} for {}", paint.yellow("waiting"), printable(on)),
            EventKind::Flapping { repairs, window } => format!(
                "{} {id}: repaired {repairs} times in {}, so repairs are slowed down; does something else change it?",
                paint.yellow("flapping"),
                duration_text(*window)
            ),
            EventKind::Calm => format!("{} {id}", paint.green("calm again")),
            EventKind::Removed => format!("{} {id}", paint.cyan("removed")),
            EventKind::Note(text) => format!("{} {}", paint.cyan("note"), printable(text)),
            EventKind::Loaded { resources, added, changed, removed } if self.verbose => {
                let plural = if *resources == 1 { "" } else { "s" };
                format!(
                    "loaded {resources} resource{plural}: {added} added, {changed} changed, {removed} removed"
                )
            }
            EventKind::Settled(totals) if self.verbose => format!("settled: {}", totals_text(totals)),
            EventKind::Loaded { .. } | EventKind::Settled(_) => return,
        };
        out.push_str(&line);
        out.push('\n');
    }

    fn push_changes(&self, word: &str, id: &str, event: &Event, changes: &[Change], out: &mut String) {
        let texts: Vec<String> = changes.iter().map(describe_change).collect();
        let took = event.duration.map_or_else(String::new, |took| format!(" ({})", duration_text(took)));
        let colon = if texts.is_empty() { "" } else { ": " };
        out.push_str(&format!("{word} {id}{colon}{}{}\n", texts.join(", "), self.paint.dim(&took)));
        for diff in changes.iter().filter_map(|change| change.diff.as_deref()) {
            push_diff(diff, self.paint, out);
        }
    }
}

/// `mode 0600 -> 0644`; only the property when a diff follows.
pub(crate) fn describe_change(change: &Change) -> String {
    let property = printable(&change.property);
    match (&change.diff, change.is.as_str(), change.want.as_str()) {
        (Some(_), _, _) | (None, "", "") => property.into_owned(),
        (None, is, want) => format!("{property} {} -> {}", printable(is), printable(want)),
    }
}

/// A unified diff, indented.
pub(crate) fn push_diff(diff: &str, paint: Paint, out: &mut String) {
    for line in diff.lines() {
        let safe = line.split('\t').map(printable).collect::<Vec<_>>().join("\t");
        let painted = match line.as_bytes().first() {
            Some(b'+') => paint.green(&safe),
            Some(b'-') => paint.wrap_removed(&safe),
            Some(b'@') => paint.cyan(&safe),
            _ => safe,
        };
        out.push_str("    ");
        out.push_str(&painted);
        out.push('\n');
    }
}

/// `12 resources, 2 changed, 1 failed`: what there is none of is not said.
pub(crate) fn totals_text(totals: &Totals) -> String {
    let plural = if totals.resources == 1 { "" } else { "s" };
    let mut text = format!("{} resource{plural}", totals.resources);
    for (count, word) in [
        (totals.changed, "changed"),
        (totals.would_change, "would change"),
        (totals.failed, "failed"),
        (totals.blocked, "blocked"),
        (totals.waiting, "waiting"),
        (totals.skipped, "skipped"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text
}

/// Three digits or so, with the unit that fits.
pub(crate) fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

/// The line that stands for lines that a stuck terminal did not get.
pub(super) fn dropped(lines: usize) -> String {
    format!("({lines} lines were not shown, since the terminal was too slow)\n")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use homeostat_engine::Cause;
    use homeostat_engine::event::Severity;
    use homeostat_model::ResourceId;

    fn line(kind: EventKind) -> String {
        let event = Event {
            time: SystemTime::UNIX_EPOCH,
            since_start: Duration::ZERO,
            id: Some(ResourceId::new("file", "/a")),
            origin: None,
            cause: Cause::Declared,
            severity: Severity::Info,
            duration: None,
            kind,
        };
        let mut out = String::new();
        Lines { paint: Paint(false), quiet: false, verbose: false }.push(&event, &mut out);
        out
    }

    #[test]
    fn a_change_is_a_line_with_its_diff_below() {
        let mut content = Change::new("content", "", "");
        content.diff = Some("@@ -1 +1 @@\n-old\n+new \u{1b}[31m\n".into());
        let shown = line(EventKind::Changed(vec![content, Change::new("mode", "0600", "0644")]));
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn what_was_in_order_is_not_mentioned() {
        assert_eq!(line(EventKind::Settled(Totals::default())), "");
    }

    #[test]
    fn failures_and_those_they_block_are_named() {
        let failed = EventKind::Failed {
            error: "no space left on device".into(),
            attempt: 1,
            retry_in: Some(Duration::from_millis(1500)),
        };
        assert_eq!(line(failed), "failed file[/a]: no space left on device, again in 1.5 s\n");
        let blocked = EventKind::Blocked { by: vec![ResourceId::new("pkg", "x")] };
        assert_eq!(line(blocked), "blocked file[/a] by pkg[x]\n");
    }
}
