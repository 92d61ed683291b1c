//! Views of the one stream of events: plain lines, a live line on a terminal, JSON lines, the report.
//!
//! Invariant: a view never stops the engine. Each has a bounded queue and a thread; a terminal that is stuck loses lines
//! and is told how many, a file loses none.

mod json;
mod lines;
mod live;
pub(crate) mod report;
mod writer;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use homeostat_engine::host::Output;
use homeostat_engine::{Cause, Event, EventKind};
use homeostat_model::suggest::printable;
use homeostat_model::{ResourceId, SourceMap};
use tokio::sync::watch;

pub(crate) use json::{event_to_json, time_text};
use lines::Lines;
pub(crate) use lines::{describe_change, push_diff, totals_text};
pub(crate) use live::Live;
use writer::{Full, Writer};

use crate::engine::EventSink;
use crate::terminal::{Paint, Terminal};

/// The views of one run, as the engine feeds them.
pub(crate) struct Views {
    /// Changes that somebody else made and that were repaired.
    hands: watch::Sender<u64>,
    lines: Option<(Lines, Writer)>,
    events: Option<(Arc<str>, Origins, Writer)>,
    settled: SettledAt,
}

/// The texts that the origins of events lie in: those of the last load.
#[derive(Clone, Default)]
pub(crate) struct Origins(Arc<Mutex<Arc<SourceMap>>>);

impl Origins {
    /// Other texts are being loaded; says which were before.
    pub(crate) fn replace(&self, sources: Arc<SourceMap>) -> Arc<SourceMap> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), sources)
    }

    fn get(&self) -> Arc<SourceMap> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// When everything was last settled.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettledAt(Arc<Mutex<Option<Instant>>>);

impl SettledAt {
    pub(crate) fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// What a run keeps of its views: to follow them, and to end them.
pub(crate) struct Shown {
    /// Changes that somebody else made and that were repaired.
    pub(crate) hands: watch::Receiver<u64>,
    pub(crate) settled: SettledAt,
    /// Where somebody wants to know of it.
    pub(crate) origins: Option<Origins>,
    pub(crate) live: Option<Live>,
    lines: Writer,
    writers: Vec<Writer>,
    /// Where a live line is drawn.
    drawn_on: Option<Terminal>,
}

impl Shown {
    /// Where resources speak to people: among the lines.
    pub(crate) fn output(&self) -> Output {
        let writer = self.lines.clone();
        Arc::new(move |text| {
            let lines = text.lines().map(|line| format!("{}\n", printable(line)));
            writer.text(lines.collect());
        })
    }

    /// Waits until what was said is written, if that ends; says whether nothing failed of that. Where a live line was drawn,
    /// `last` stays in its place.
    pub(crate) fn finish(self, last: Option<&str>) -> bool {
        if let Some(terminal) = &self.drawn_on {
            terminal.say_aside(None);
            self.lines.text(last.map(|last| format!("{last}\n")).unwrap_or_default());
        }
        let mut is_written = true;
        for writer in self.writers {
            is_written &= writer.finish();
        }
        is_written
    }
}

/// Starts the views that were asked for.
pub(crate) fn start(terminal: &Terminal, host: &str, events: Option<&Path>) -> io::Result<(Views, Shown)> {
    let to_stdout = events.is_some_and(|path| path.as_os_str() == "-");
    let draws = !to_stdout && !terminal.is_quiet() && Terminal::width_out().is_some();
    let (name, stream, paint): (_, Box<dyn io::Write + Send>, Paint) = if to_stdout {
        ("standard error", Box::new(io::stderr()), terminal.paint_err())
    } else {
        (STDOUT, Box::new(io::stdout()), terminal.paint_out())
    };
    let line_writer = Writer::start(name.to_owned(), stream, Full::Drop(lines::dropped))?;
    let event_writer = match events {
        None => None,
        Some(_) if to_stdout => {
            let full = Full::Drop(json::dropped);
            Some(Writer::start(STDOUT.to_owned(), Box::new(io::stdout()), full)?)
        }
        Some(path) => {
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            Some(Writer::start(path.display().to_string(), Box::new(file), Full::Wait)?)
        }
    };
    let live = draws.then(|| Live::new(line_writer.clone(), paint));
    if draws {
        let writer = line_writer.clone();
        terminal.say_aside(Some(Box::new(move |text| writer.text(text))));
    }
    let settled = SettledAt::default();
    let origins = Origins::default();
    let all_lines = line_writer.clone();
    let mut writers = vec![line_writer.clone()];
    writers.extend(event_writer.clone());
    let lines = Lines { paint, quiet: terminal.is_quiet(), verbose: terminal.is_verbose() };
    let (hands, hands_seen) = watch::channel(0);
    let views = Views {
        hands,
        lines: Some((lines, line_writer)),
        events: event_writer.map(|writer| (host.into(), origins.clone(), writer)),
        settled: settled.clone(),
    };
    let drawn_on = draws.then(|| terminal.clone());
    let origins = views.events.is_some().then_some(origins);
    Ok((views, Shown { hands: hands_seen, settled, origins, live, lines: all_lines, writers, drawn_on }))
}

const STDOUT: &str = "standard output";

/// Kinds whose wakes are what they wait for, and not that somebody changed what they keep.
const DRIVEN: [&str; 6] = ["exec", "kv", "msg", "print", "test", "timer"];

/// Whether somebody else changed what was in order, and it was put in order again.
fn is_repair(event: &Event) -> bool {
    let keeps = |id: &ResourceId| !DRIVEN.contains(&id.kind.as_str());
    event.cause == Cause::Wake
        && matches!(event.kind, EventKind::Changed(_))
        && event.id.as_ref().is_some_and(keeps)
}

impl EventSink for Views {
    fn emit(&mut self, events: &[Event]) {
        if events.iter().any(|event| matches!(event.kind, EventKind::Settled(_))) {
            self.settled.set_now();
        }
        let by_hand = events.iter().filter(|event| is_repair(event)).count();
        if by_hand > 0 {
            self.hands.send_modify(|hands| *hands += by_hand as u64);
        }
        if let Some((lines, writer)) = &self.lines {
            let mut text = String::new();
            for event in events {
                lines.push(event, &mut text);
            }
            writer.text(text);
        }
        if let Some((host, origins, writer)) = &self.events {
            let sources = origins.get();
            let mut text = String::new();
            for event in events {
                text.push_str(&event_to_json(event, host, &sources).to_string());
                text.push('\n');
            }
            writer.text(text);
        }
    }
}
