//! `watchcmd`: a command that runs for ever and wakes with each line.

use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Watch;
use homeostat_engine::host::process::Command;
use homeostat_engine::source::CustomWatch;
use tokio::time::Instant;

use super::run::Life;

/// Before it is started again after it ended.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// A wake for each line of the command.
pub(super) fn lines_of(command: Command, life: Arc<Life>) -> Watch {
    Watch::Custom(CustomWatch {
        key: "watchcmd".into(),
        run: Arc::new(move |host, waker| {
            let (command, life) = (command.clone(), life.clone());
            Box::pin(async move {
                let mut backoff = BACKOFF_MIN;
                loop {
                    let started = Instant::now();
                    let ended = {
                        let (life, waker) = (life.clone(), waker.clone());
                        let line = move |_line: &[u8]| {
                            life.ask();
                            waker.wake();
                        };
                        host.processes().follow(command.clone(), line).await
                    };
                    match ended {
                        Ok(finished) => tracing::warn!(exit = %finished.exit, "`watchcmd` ended"),
                        Err(error) => tracing::warn!(%error, "`watchcmd` cannot be run"),
                    }
                    if started.elapsed() >= BACKOFF_MAX {
                        backoff = BACKOFF_MIN;
                    }
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                    // What it would have told meanwhile is not known: guards are asked again, but nothing asks for a run.
                    waker.wake();
                }
            })
        }),
    })
}
