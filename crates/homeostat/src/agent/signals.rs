//! What an agent is asked for: by signals, or by whoever runs it in a process of its own.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// ^C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    Reload,
}

/// Where it is asked from.
pub(crate) enum Signals {
    /// Signals to this process.
    Process { interrupt: Signal, terminate: Signal, hangup: Signal },
    /// Somebody in this process, who has a signal of his own for everybody.
    Given(mpsc::Receiver<Asked>),
}

impl Signals {
    /// Those to this process.
    pub(crate) fn of_process() -> io::Result<Self> {
        Ok(Self::Process {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Asked {
        match self {
            Self::Process { interrupt, terminate, hangup } => tokio::select! {
                _ = interrupt.recv() => Asked::Interrupt,
                _ = terminate.recv() => Asked::Terminate,
                _ = hangup.recv() => Asked::Reload,
            },
            Self::Given(asked) => match asked.recv().await {
                Some(asked) => asked,
                None => pending().await,
            },
        }
    }
}
