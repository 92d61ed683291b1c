//! The last line of a terminal: what runs now, and how everything stands.

use std::time::Duration;

use homeostat_model::ResourceId;
use tokio::time::sleep;

use super::lines::totals_text;
use super::writer::Writer;
use crate::engine::{EngineHandle, Progress};
use crate::terminal::Paint;

/// A person reads no faster than this.
const BETWEEN: Duration = Duration::from_millis(100);
const NAMED_MAX: usize = 3;

/// Draws the line whenever something has changed, and rests when nothing does.
pub(crate) struct Live {
    writer: Writer,
    width: u16,
    paint: Paint,
}

impl Live {
    pub(super) fn new(writer: Writer, width: u16, paint: Paint) -> Self {
        Self { writer, width, paint }
    }

    /// Follows the engine for as long as it lives.
    pub(crate) async fn follow(self, engine: EngineHandle) {
        let mut progress = engine.progress();
        loop {
            let now = progress.borrow_and_update().clone();
            let running = if now.settled { Vec::new() } else { engine.running(NAMED_MAX).await };
            let line = line(&now, &running, usize::from(self.width));
            self.writer.status(self.paint.dim(&line));
            sleep(BETWEEN).await;
            // What is settled changes only when it no longer is.
            if now.settled && progress.changed().await.is_err() {
                return;
            }
        }
    }
}

fn line(progress: &Progress, running: &[ResourceId], width: usize) -> String {
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
    line.chars().take(width.saturating_sub(1)).collect()
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
        };
        let running = ["a", "b", "c"].map(|name| ResourceId::new("exec", name));
        assert_eq!(
            line(&progress, &running, 200),
            "4 settled of 9 resources, 1 changed | running: exec[a], exec[b], exec[c] and 1 more"
        );
        assert_eq!(line(&progress, &running, 10), "4 settled");
    }
}
