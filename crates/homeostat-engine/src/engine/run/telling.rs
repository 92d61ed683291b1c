//! What is told of the graph: events, progress, how every resource stands.

use tokio::time::Instant;

use super::GraphTask;
use crate::engine::{Progress, VertexStatus};
use crate::event::{Cause, Event, EventKind, Severity};

/// Resources in a load after which it is worth giving memory back.
const LARGE_LOAD: usize = 10_000;

impl GraphTask {
    pub(super) fn note(&mut self, text: String) {
        let event = Event {
            time: self.tools.host.clock().now(),
            since_start: self.started.elapsed(),
            id: None,
            origin: None,
            cause: Cause::Engine,
            severity: Severity::Info,
            duration: None,
            kind: EventKind::Note(text.into()),
        };
        self.sink.emit(&[event]);
    }

    pub(super) fn keep_changes(&mut self, events: &[Event]) {
        let Some(changes) = &mut self.changes else { return };
        for event in events {
            match (&event.id, &event.kind) {
                (Some(id), EventKind::Changed(new) | EventKind::WouldChange(new)) => {
                    changes.insert(id.clone(), new.clone());
                }
                (Some(id), EventKind::Removed) => {
                    changes.remove(id);
                }
                _ => {}
            }
        }
    }

    pub(super) fn tell_progress(&mut self) {
        let settled = self.loaded && self.scheduler.is_settled();
        self.progress.send_if_modified(|progress| {
            let news = progress.settled != settled;
            let active_at =
                if progress.activity == self.activity { progress.active_at } else { Some(Instant::now()) };
            *progress = Progress {
                settled,
                activity: self.activity,
                active_at,
                totals: self.scheduler.totals(),
                in_flight: self.scheduler.in_flight(),
            };
            news
        });
        if settled && std::mem::take(&mut self.loaded_lately) >= LARGE_LOAD {
            (self.give_back)();
        }
    }

    pub(super) fn status(&self) -> Vec<VertexStatus> {
        let points = self.scheduler.standpoints();
        let mut all: Vec<VertexStatus> = points.into_iter().map(VertexStatus::from).collect();
        for status in &mut all {
            let kept = self.changes.as_ref().and_then(|changes| changes.get(&status.id));
            status.changes = kept.cloned().unwrap_or_default();
        }
        all
    }
}
