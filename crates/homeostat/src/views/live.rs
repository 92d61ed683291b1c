//! The last line of a terminal: what runs now, and how everything stands.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::lines::totals_text;
use super::writer::Writer;
use crate::engine::Progress;
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

    /// Follows the engine until it is gone.
    pub(crate) async fn follow(self, mut progress: watch::Receiver<Progress>) {
        loop {
            let line = line(&progress.borrow_and_update(), usize::from(self.width));
            self.writer.status(self.paint.dim(&line));
            sleep(BETWEEN).await;
            if progress.changed().await.is_err() {
                return;
            }
        }
    }
}

fn line(progress: &Progress, width: usize) -> String {
    let mut line = if progress.settled {
        format!("settled: {}", totals_text(&progress.totals))
    } else {
        let totals = &progress.totals;
        let settled = totals.unchanged
            + totals.changed
            + totals.failed
            + totals.blocked
            + totals.waiting
            + totals.would_change
            + totals.skipped;
        format!("{settled} settled of {}", totals_text(totals))
    };
    let mut names = progress.running.iter().map(ToString::to_string);
    let named: Vec<String> = names.by_ref().take(NAMED_MAX).collect();
    if !named.is_empty() {
        line.push_str(" | running: ");
        line.push_str(&named.join(", "));
        let more = names.count();
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
    use homeostat_model::ResourceId;

    #[test]
    fn the_line_fits_the_terminal() {
        let progress = Progress {
            settled: false,
            activity: 1,
            totals: Totals { resources: 9, unchanged: 3, changed: 1, ..Totals::default() },
            running: ["a", "b", "c", "d"].map(|name| ResourceId::new("exec", name)).to_vec(),
        };
        assert_eq!(
            line(&progress, 200),
            "4 settled of 9 resources, 1 changed | running: exec[a], exec[b], exec[c] and 1 more"
        );
        assert_eq!(line(&progress, 10), "4 settled");
    }
}
