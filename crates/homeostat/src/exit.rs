//! Exit codes, and how an error becomes one.

use std::process::ExitCode;

use homeostat_model::suggest::printable;

use crate::terminal::Terminal;

/// How a command ends; the codes are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, in order, nothing to change.
    Done,
    /// Something failed, was blocked, would change, or is not in order.
    NotInOrder,
    /// Bad usage or bad input; nothing was touched.
    Refused,
    /// A check of a plan failed.
    CheckFailed,
    /// `--max-runtime` was reached.
    Timeout,
    /// ^C.
    Interrupted,
    /// SIGTERM before everything was settled.
    Terminated,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::NotInOrder => 1,
            Exit::Refused => 2,
            Exit::CheckFailed => 3,
            Exit::Timeout => 124,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        })
    }
}

/// What was asked for cannot be done and nothing was touched.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

/// A refusal as an error.
pub(crate) fn refused(message: impl Into<String>) -> anyhow::Error {
    Refusal(message.into()).into()
}

/// Says what went wrong, each cause once.
pub(crate) fn report(error: &anyhow::Error, terminal: &Terminal) -> Exit {
    let text: Vec<String> = error.chain().map(|cause| printable(&cause.to_string()).into_owned()).collect();
    terminal.complain(&text.join(": "));
    if error.chain().any(|cause| cause.is::<Refusal>()) { Exit::Refused } else { Exit::NotInOrder }
}
