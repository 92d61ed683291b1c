//! A thread that writes, behind a bounded queue.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::terminal::Terminal;

/// Texts that wait at most; each is what one step of the engine had to say.
const WAITING_MAX: usize = 1024;
/// How long the end of a run waits for a terminal that is stuck.
const FINISH: Duration = Duration::from_secs(2);

/// What happens when the queue is full.
#[derive(Debug, Clone, Copy)]
pub(super) enum Full {
    /// Lines are dropped; the function makes the line that says how many.
    Drop(fn(usize) -> String),
    /// The engine waits: a file takes everything in the end.
    Wait,
}

enum Message {
    Text(String),
    Status(Status),
    Finish(SyncSender<()>),
}

/// The last line of a terminal, rewritten in place; empty is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    shown: String,
    columns: usize,
}

impl Status {
    /// A line, and how `paint` shows it.
    pub(super) fn new(line: &str, paint: impl FnOnce(&str) -> String) -> Self {
        Self { shown: paint(line), columns: line.width() }
    }

    /// What removes it. A terminal that has become narrower shows it on several lines.
    fn cleared(&self, width: usize) -> String {
        match self.columns.saturating_sub(1) / width.max(1) {
            0 => "\r\u{1b}[2K".to_owned(),
            above => format!("\r\u{1b}[{above}A\u{1b}[J"),
        }
    }
}

/// Hands text to the thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    full: Full,
    dropped: Arc<AtomicUsize>,
    failed: Arc<AtomicBool>,
}

impl Writer {
    /// `name` is what people call the stream.
    pub(super) fn start(name: String, stream: Box<dyn Write + Send>, full: Full) -> io::Result<Self> {
        let (queue, messages) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicUsize::new(0));
        let failed = Arc::new(AtomicBool::new(false));
        let (counted, has_failed) = (dropped.clone(), failed.clone());
        let end = move |error: io::Error| {
            // A reader that went away wants no more.
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!("cannot write to {name}: {error}");
                has_failed.store(true, Ordering::Release);
            }
        };
        std::thread::Builder::new()
            .name("view".into())
            .spawn(move || write_all(stream, &messages, full, &counted, end))?;
        Ok(Self { queue, full, dropped, failed })
    }

    /// Writes whole lines.
    pub(super) fn text(&self, text: String) {
        if text.is_empty() {
            return;
        }
        let message = Message::Text(text);
        match self.full {
            // The thread only ends when its stream does; there is nobody left to tell then.
            Full::Wait => drop(self.queue.send(message)),
            Full::Drop(_) => {
                if let Err(TrySendError::Full(Message::Text(text))) = self.queue.try_send(message) {
                    self.dropped.fetch_add(text.lines().count(), Ordering::Relaxed);
                }
            }
        }
    }

    /// Replaces the last line of a terminal; says whether it found a place.
    pub(super) fn status(&self, status: Status) -> bool {
        self.queue.try_send(Message::Status(status)).is_ok()
    }

    /// Waits until everything is written; for a stream that may be stuck, not for ever. Says whether nothing failed.
    pub(super) fn finish(self) -> bool {
        let (done, waiting) = sync_channel(1);
        match self.full {
            Full::Wait => {
                if self.queue.send(Message::Finish(done)).is_ok() {
                    waiting.recv().ok();
                }
            }
            Full::Drop(_) => {
                if self.queue.try_send(Message::Finish(done)).is_ok() {
                    match waiting.recv_timeout(FINISH) {
                        Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
                    }
                }
            }
        }
        !self.failed.load(Ordering::Acquire)
    }
}

/// Runs until all writers are gone or the stream is: `end` is told of that before anybody who waits for this is.
fn write_all(
    mut stream: Box<dyn Write + Send>,
    messages: &Receiver<Message>,
    full: Full,
    dropped: &AtomicUsize,
    end: impl Fn(io::Error),
) {
    let mut status = Status::default();
    let mut finished = false;
    let mut waiting = None;
    loop {
        let message = match waiting.take() {
            Some(message) => message,
            None => match messages.recv() {
                Ok(message) => message,
                Err(_) => return,
            },
        };
        let written = match message {
            Message::Text(text) => {
                let mut text = text;
                // What came meanwhile goes in the same write, but no more than waits at most: who is faster must not hold it up.
                for next in messages.try_iter().take(WAITING_MAX) {
                    match next {
                        Message::Text(more) => text.push_str(&more),
                        other => {
                            waiting = Some(other);
                            break;
                        }
                    }
                }
                if let (Full::Drop(line), lost @ 1..) = (full, dropped.swap(0, Ordering::Relaxed)) {
                    text.push_str(&line(lost));
                }
                over_status(&mut *stream, &text, &status)
            }
            // The line of a run that is over is gone for good.
            Message::Status(_) if finished => Ok(()),
            Message::Status(line) => {
                let shown = replace_status(&mut *stream, &status, &line);
                status = line;
                shown
            }
            Message::Finish(done) => {
                let shown = replace_status(&mut *stream, &status, &Status::default());
                status = Status::default();
                finished = true;
                done.send(()).ok();
                shown
            }
        };
        if let Err(error) = written {
            return end(error);
        }
    }
}

fn over_status(stream: &mut dyn Write, text: &str, status: &Status) -> io::Result<()> {
    if status.shown.is_empty() {
        stream.write_all(text.as_bytes())?;
    } else {
        stream.write_all(format!("{}{text}{}", status.cleared(width()), status.shown).as_bytes())?;
    }
    stream.flush()
}

fn replace_status(stream: &mut dyn Write, old: &Status, new: &Status) -> io::Result<()> {
    if !(old.shown.is_empty() && new.shown.is_empty()) {
        stream.write_all(format!("{}{}", old.cleared(width()), new.shown).as_bytes())?;
    }
    stream.flush()
}

/// How wide the terminal is now; only terminals have a status.
fn width() -> usize {
    Terminal::width_out().map_or(usize::MAX, usize::from)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A stream that is stuck until it is told to go on.
    struct Stuck(Shared, Receiver<()>, bool);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.2 {
                self.1.recv().ok();
                self.2 = true;
            }
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_terminal_loses_lines_and_is_told_how_many() {
        let (go, stuck) = channel();
        let written = Shared::default();
        let full = Full::Drop(|lost| format!("{lost} lost\n"));
        let writer =
            Writer::start("stuck".into(), Box::new(Stuck(written.clone(), stuck, false)), full).unwrap();
        let all = WAITING_MAX * 3;
        for _ in 0..all {
            writer.text("line\n".into());
        }
        go.send(()).unwrap();
        // The queue empties, then the count is said with the next line.
        let (done, empty) = sync_channel(1);
        writer.queue.send(Message::Finish(done)).unwrap();
        empty.recv().unwrap();
        writer.text("last\n".into());
        writer.clone().finish();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let shown = text.lines().filter(|line| *line == "line").count();
        let lost: usize =
            text.lines().filter_map(|line| line.strip_suffix(" lost")?.parse::<usize>().ok()).sum();
        assert!(lost > 0, "{text}");
        assert_eq!(shown + lost, all);
    }

    #[test]
    fn a_status_is_removed_from_all_the_lines_that_a_narrower_terminal_shows_it_on() {
        let status = Status::new("日本語日本語", str::to_owned);
        assert_eq!(status.columns, 12);
        assert_eq!(status.cleared(12), "\r\u{1b}[2K");
        assert_eq!(status.cleared(11), "\r\u{1b}[1A\u{1b}[J");
        assert_eq!(status.cleared(5), "\r\u{1b}[2A\u{1b}[J");
        assert_eq!(status.cleared(0), "\r\u{1b}[11A\u{1b}[J");
    }

    #[test]
    fn a_file_loses_nothing() {
        let written = Shared::default();
        let writer = Writer::start("a file".into(), Box::new(written.clone()), Full::Wait).unwrap();
        for number in 0..WAITING_MAX * 3 {
            writer.text(format!("{number}\n"));
        }
        writer.finish();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), WAITING_MAX * 3);
    }
}
