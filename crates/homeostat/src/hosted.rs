//! Agents in a process of somebody else's, such as a program that measures what hundreds of them do to a store.
//!
//! Each is what `homeostat run` or `homeostat agent` is, by the same arguments: a thread with a runtime, a prefix, a connection to
//! the store and an engine of its own. Signals to the process are not for them.

use std::ffi::OsString;
use std::io;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use clap::Parser;
use tokio::sync::{mpsc, oneshot};

use crate::agent::{Asked, Signals};
use crate::cli::Cli;
use crate::commands;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// An agent that runs until it is stopped or killed. One that is dropped is killed.
pub struct Hosted {
    asks: mpsc::Sender<Asked>,
    /// Kills it when it is gone.
    life: oneshot::Sender<()>,
    thread: JoinHandle<anyhow::Result<Exit>>,
}

/// Starts an agent by a command line, the name of the program included. What it says to people beside its results goes to `told`.
pub fn start(
    args: impl IntoIterator<Item = OsString>,
    told: impl Fn(String) + Send + 'static,
) -> anyhow::Result<Hosted> {
    let Cli { output, command } = Cli::try_parse_from(args)?;
    let terminal = Terminal::told_to(&output, Box::new(told));
    let prepared = commands::prepare(command, &terminal)?;
    let (asks, asked) = mpsc::channel(1);
    let (life, lives) = oneshot::channel::<()>();
    let keep = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(async {
            tokio::select! {
                exit = prepared.keep(Signals::Given(asked), &terminal) => exit,
                _ = lives => Ok(Exit::Terminated),
            }
        });
        // Whatever still runs ends here, as it would with the process.
        runtime.shutdown_background();
        ended
    };
    let thread = thread::Builder::new().name("agent".to_owned()).spawn(keep);
    Ok(Hosted { asks, life, thread: thread.context("cannot start a thread")? })
}

impl Hosted {
    /// Asks it to end in order, as SIGTERM does. [`Self::ended`] waits for that.
    pub fn stop(&self) {
        // One that was asked before, or has ended, need not be asked.
        self.asks.try_send(Asked::Terminate).ok();
    }

    /// Waits until it has ended; says whether everything was in order then.
    pub fn ended(self) -> anyhow::Result<bool> {
        let exit = self.thread.join().map_err(|_| io::Error::other("the agent panicked"))??;
        Ok(exit == Exit::Done)
    }

    /// Ends it without a word to anybody, as a loss of power does.
    pub fn kill(self) {
        drop(self.life);
        // Of one that is killed nobody asks how it ended.
        drop(self.thread.join());
    }
}
