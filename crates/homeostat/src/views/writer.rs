//! A thread that writes, behind a bounded queue.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

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
    /// The last line of a terminal, rewritten in place; empty is none.
    Status(String),
    Finish(SyncSender<()>),
}

/// Hands text to the thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    full: Full,
    dropped: Arc<AtomicUsize>,
}

impl Writer {
    pub(super) fn start(stream: Box<dyn Write + Send>, full: Full) -> io::Result<Self> {
        let (queue, messages) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = dropped.clone();
        std::thread::Builder::new()
            .name("view".into())
            .spawn(move || write_all(stream, &messages, full, &counted))?;
        Ok(Self { queue, full, dropped })
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

    /// Replaces the last line of a terminal. One that finds no place is superseded by the next.
    pub(super) fn status(&self, line: String) {
        self.queue.try_send(Message::Status(line)).ok();
    }

    /// Waits until everything is written; for a stream that may be stuck, not for ever.
    pub(super) fn finish(self) {
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
    }
}

/// Runs until all writers are gone or the stream is.
fn write_all(
    mut stream: Box<dyn Write + Send>,
    messages: &Receiver<Message>,
    full: Full,
    dropped: &AtomicUsize,
) {
    let mut status = String::new();
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
                // What came meanwhile goes in the same write.
                while let Ok(next) = messages.try_recv() {
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
            Message::Status(line) => {
                let shown = replace_status(&mut *stream, &status, &line);
                status = line;
                shown
            }
            Message::Finish(done) => {
                let shown = replace_status(&mut *stream, &status, "");
                status.clear();
                done.send(()).ok();
                shown
            }
        };
        if let Err(error) = written {
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!("cannot write: {error}");
            }
            return;
        }
    }
}

const CLEAR_LINE: &str = "\r\u{1b}[2K";

fn over_status(stream: &mut dyn Write, text: &str, status: &str) -> io::Result<()> {
    if status.is_empty() {
        stream.write_all(text.as_bytes())?;
    } else {
        stream.write_all(format!("{CLEAR_LINE}{text}{status}").as_bytes())?;
    }
    stream.flush()
}

fn replace_status(stream: &mut dyn Write, old: &str, new: &str) -> io::Result<()> {
    if !(old.is_empty() && new.is_empty()) {
        stream.write_all(format!("{CLEAR_LINE}{new}").as_bytes())?;
    }
    stream.flush()
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
        let writer = Writer::start(Box::new(Stuck(written.clone(), stuck, false)), full).unwrap();
        let all = WAITING_MAX * 3;
        for _ in 0..all {
            writer.text("line\n".into());
        }
        go.send(()).unwrap();
        // The queue empties, then the count is said with the next line.
        while writer.queue.try_send(Message::Status(String::new())).is_err() {
            std::thread::yield_now();
        }
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
    fn a_file_loses_nothing() {
        let written = Shared::default();
        let writer = Writer::start(Box::new(written.clone()), Full::Wait).unwrap();
        for number in 0..WAITING_MAX * 3 {
            writer.text(format!("{number}\n"));
        }
        writer.finish();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), WAITING_MAX * 3);
    }
}
