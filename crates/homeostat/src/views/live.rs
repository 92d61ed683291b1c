//! The last line of a terminal: what runs now, and how everything stands.

use std::time::Duration;

use homeostat_model::ResourceId;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use unicode_width::UnicodeWidthChar;

use super::lines::totals_text;
use super::writer::{Status, Writer};
use crate::engine::{EngineHandle, Progress};
use crate::terminal::{Paint, Terminal};

/// A person reads no faster than this.
const BETWEEN: Duration = Duration::from_millis(100);
const NAMED_MAX: usize = 3;

/// Draws the line whenever something has changed, and rests when nothing does.
pub(crate) struct Live {
    writer: Writer,
    paint: Paint,
}

impl Live {
    pub(super) fn new(writer: Writer, paint: Paint) -> Self {
        Self { writer, paint }
    }

    /// Follows the engine for as long as it lives.
    pub(crate) async fn follow(self, engine: EngineHandle) {
        let mut progress = engine.progress();
        let mut resizes = signal(SignalKind::window_change()).ok();
        let mut shown = None;
        loop {
            let now = progress.borrow_and_update().clone();
            let running = if now.settled { Vec::new() } else { engine.running(NAMED_MAX).await };
            let width = Terminal::width_out().map_or(usize::MAX, usize::from);
            let line = fit(&line(&now, &running), width.saturating_sub(1));
            let next = Some((line, width));
            if shown != next
                && let Some((line, _)) = &next
                && self.writer.status(Status::new(line, |line| self.paint.dim(line)))
            {
                shown = next;
            }
            sleep(BETWEEN).await;
            if !now.settled {
                continue;
            }
            // What is settled changes only when it no longer is.
            tokio::select! {
                changed = progress.changed() => if changed.is_err() { return },
                () = resized(&mut resizes) => {}
            }
        }
    }
}

async fn resized(resizes: &mut Option<Signal>) {
    match resizes {
        Some(resizes) => drop(resizes.recv().await),
        None => std::future::pending().await,
    }
}

/// As much as fits so many columns.
fn fit(line: &str, columns: usize) -> String {
    let mut left = columns;
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = if fits { left - width } else { 0 };
        fits
    };
    line.chars().take_while(fits).collect()
}

fn line(progress: &Progress, running: &[ResourceId]) -> String {
    let totals = &progress.totals;
    let mut line = if progress.settled {
        format!("settled: {}", totals_text(totals))
    } else {
        let settled = totals.unchanged
            + totals.changed
            + totals.failed
            + totals.blocked
            + totals.waiting
            + totals.would_change
            + totals.skipped;
        format!("{settled} settled of {}", totals_text(totals))
    };
    let named: Vec<String> = running.iter().map(ToString::to_string).collect();
    if !named.is_empty() {
        line.push_str(" | running: ");
        line.push_str(&named.join(", "));
        let more = progress.in_flight.saturating_sub(named.len());
        if more > 0 {
            line.push_str(&format!(" and {more} more"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_engine::event::Totals;

    #[test]
    fn the_line_fits_the_terminal() {
        let progress = Progress {
            settled: false,
            activity: 1,
            totals: Totals { resources: 9, unchanged: 3, changed: 1, ..Totals::default() },
            in_flight: 4,
            ..Progress::default()
        };
        let running = ["a", "b", "c"].map(|name| ResourceId::new("exec", name));
        let line = line(&progress, &running);
        assert_eq!(
            line,
            "4 settled of 9 resources, 1 changed | running: exec[a], exec[b], exec[c] and 1 more"
        );
        assert_eq!(fit(&line, 200), line);
        assert_eq!(fit(&line, 9), "4 settled");
        assert_eq!(fit(&line, 0), "");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(fit("exec[日本語]", 8), "exec[日");
        assert_eq!(fit("exec[日本語]", 9), "exec[日本");
    }
}
