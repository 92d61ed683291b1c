//! The one place that writes to standard output and standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;

use crate::cli::{ColorWhen, LogFormat, OutputArgs};

/// Where text goes and whether it may be coloured there.
#[derive(Clone)]
pub(crate) struct Terminal {
    /// What keeps text apart from a line that is rewritten in place, while there is such a line.
    aside: Arc<Mutex<Option<Aside>>>,
    color_out: bool,
    color_err: bool,
    level: LevelFilter,
    log_format: LogFormat,
    quiet: bool,
    verbose: bool,
}

/// Takes text that would otherwise go to standard error.
pub(crate) type Aside = Box<dyn Fn(String) + Send>;

impl Terminal {
    pub(crate) fn new(args: &OutputArgs) -> Self {
        let allowed = |terminal: bool| match args.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                    || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                terminal && !unwanted
            }
        };
        let level = match (args.quiet, args.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::WARN,
            (false, 1) => LevelFilter::INFO,
            (false, 2) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        };
        Self {
            aside: Arc::default(),
            color_out: allowed(io::stdout().is_terminal()),
            color_err: allowed(io::stderr().is_terminal()),
            level,
            log_format: args.log_format,
            quiet: args.quiet,
            verbose: args.verbose > 0,
        }
    }

    /// One whose text beside the results goes to somebody in this process.
    pub(crate) fn told_to(args: &OutputArgs, aside: Aside) -> Self {
        Self { aside: Arc::new(Mutex::new(Some(aside))), ..Self::new(args) }
    }

    /// Whether standard output may be coloured.
    pub(crate) fn paint_out(&self) -> Paint {
        Paint(self.color_out)
    }

    /// Whether standard error may be coloured.
    pub(crate) fn paint_err(&self) -> Paint {
        Paint(self.color_err)
    }

    /// Whether only failures should be shown.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether more than changes and failures should be shown.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether a person looks at standard output, and how wide it is.
    pub(crate) fn width_out() -> Option<u16> {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return None;
        }
        let width = rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| size.ws_col);
        Some(if width == 0 { 80 } else { width })
    }

    /// Sends log lines to standard error.
    pub(crate) fn start_logs(&self) {
        let builder = tracing_subscriber::fmt()
            .with_max_level(self.level)
            .with_writer({
                let terminal = self.clone();
                move || LogLine(terminal.clone())
            })
            .with_ansi(self.color_err);
        let started = match self.log_format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
        // Whoever calls the library twice in one process keeps the first.
        started.ok();
    }

    /// Writes a result. A reader that went away, as `head` does, wants no more and is no error.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        self.print_on(text).map(drop)
    }

    /// Writes a part of a result that goes on, and says whether somebody still reads.
    pub(crate) fn print_on(&self, text: &str) -> io::Result<bool> {
        match write_all(&mut io::stdout().lock(), text) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(cannot_print(&error)),
        }
    }

    /// Says something beside the result. Nobody can be told when this fails.
    pub(crate) fn say(&self, text: &str) {
        match &*self.aside.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(aside) => aside(text.to_owned()),
            None => drop(write_all(&mut io::stderr().lock(), text)),
        }
    }

    /// From now on, what is said goes elsewhere, if it would go to the same terminal as results; with none, no longer.
    pub(crate) fn say_aside(&self, aside: Option<Aside>) {
        if io::stderr().is_terminal() {
            *self.aside.lock().unwrap_or_else(PoisonError::into_inner) = aside;
        }
    }

    /// Says an error in one line.
    pub(crate) fn complain(&self, message: &str) {
        let paint = self.paint_err();
        self.say(&format!("{}{} {message}\n", paint.red("error"), paint.bold(":")));
    }
}

/// Where log lines go, each in one piece.
struct LogLine(Terminal);

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.say(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The error of a result that cannot be written.
pub(crate) fn cannot_print(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}

fn write_all(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Colours text, or does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    pub(crate) fn wrap_removed(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }
}
