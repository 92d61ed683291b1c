//! When a command runs, and its run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_engine::host::files::Identity;
use homeostat_engine::host::process::{Command, Finished, ProcessError};
use homeostat_engine::{AbsPath, Causes, Check, Claim, Context, Failure, Host, Obstacle, Outputs};
use homeostat_model::Value;

use super::Exec;
use super::drift::ExecDrift;

/// What a failure tells of standard error.
const STDERR_LINES_MAX: usize = 5;
const STDERR_BYTES_MAX: usize = 500;

/// What a declared command remembers. It begins with its declaration and ends when it is declared differently.
#[derive(Default)]
pub(super) struct Life {
    /// Whether it ran since it was declared.
    ran: AtomicBool,
    /// How often something asked for another run, and how many of these were answered by one that succeeded.
    asked: AtomicU64,
    answered: AtomicU64,
    /// How the watched files stood at the last look.
    files: Mutex<Option<Vec<Option<Identity>>>>,
    /// What the last run sends.
    sent: Mutex<Option<Outputs>>,
}

impl Life {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Something that runs the command again happened.
    pub(super) fn ask(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    fn is_due(&self) -> Option<ExecDrift> {
        if !self.ran.load(Ordering::SeqCst) {
            Some(ExecDrift::Due("not run yet"))
        } else if self.asked.load(Ordering::SeqCst) > self.answered.load(Ordering::SeqCst) {
            Some(ExecDrift::Due("asked to run again"))
        } else {
            None
        }
    }

    /// A run begins: whatever asks from now on asks for another.
    fn begin(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// The run that began with `asked` succeeded.
    fn end(&self, asked: u64, outputs: &Outputs) {
        self.ran.store(true, Ordering::SeqCst);
        self.answered.fetch_max(asked, Ordering::SeqCst);
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(outputs.clone());
    }
}

impl Exec {
    /// Looks whether the command has to run.
    pub(super) async fn look(&self, cx: &Context<'_>) -> Result<Check<ExecDrift>, Failure> {
        if cx.causes.any(Causes::POLL.and(Causes::RECEIVED)) {
            self.life.ask();
        }
        self.compare_files(cx.host)?;
        let due =
            if self.guards.is_empty() { self.life.is_due() } else { self.guards.ask(cx.host).await?.ok() };
        Ok(due.map_or_else(|| Check::Converged(self.sends()), Check::Drifted))
    }

    /// A wake says only that something may have changed: a command without a guard must not run for nothing.
    fn compare_files(&self, host: &Host) -> Result<(), Failure> {
        if self.watch_files.is_empty() {
            return Ok(());
        }
        let looks = self.watch_files.iter().map(|path| host.files().stat_source(path));
        let now: Vec<_> = looks.collect::<Result<_, _>>().map_err(|error| Failure::from_error(&error))?;
        let mut before = self.life.files.lock().unwrap_or_else(PoisonError::into_inner);
        if before.replace(now.clone()).is_some_and(|before| before != now) {
            self.life.ask();
        }
        Ok(())
    }

    /// What it sends as things stand.
    pub(super) fn sends(&self) -> Outputs {
        let sent = self.life.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.clone().unwrap_or_else(|| self.instead.clone())
    }

    /// Runs the command, and what follows it.
    pub(super) async fn run(&self, cx: &Context<'_>) -> Result<Outputs, Failure> {
        let asked = self.life.begin();
        let outputs = self.run_all(cx.host).await?;
        self.life.end(asked, &outputs);
        Ok(outputs)
    }

    async fn run_all(&self, host: &Host) -> Result<Outputs, Failure> {
        let finished = succeed(host, "cmd", &self.command).await?;
        if let Some(command) = &self.done {
            succeed(host, "donecmd", command).await?;
        }
        if let Some(creates) = &self.guards.creates {
            let made = host.files().stat(creates).map_err(|error| Failure::from_error(&error))?;
            if made.is_none() {
                return Err(Failure::permanent(format!(
                    "the command succeeded, but there is still nothing at `{creates}`"
                )));
            }
        }
        let text =
            |captured: &homeostat_engine::host::process::Captured| Value::from(captured.text().as_ref());
        Ok(Outputs::none()
            .with("output", text(&finished.output))
            .with("stdout", text(&finished.stdout))
            .with("stderr", text(&finished.stderr)))
    }
}

async fn succeed(host: &Host, what: &str, command: &Command) -> Result<Finished, Failure> {
    let finished = host.processes().run(command.clone()).await;
    let finished = finished.map_err(|error| cannot_run(what, &error))?;
    if finished.exit.success() {
        return Ok(finished);
    }
    let mut message = format!("`{what}`: {}", finished.exit);
    let said = finished.stderr.last_lines(STDERR_LINES_MAX, STDERR_BYTES_MAX);
    if !said.is_empty() {
        message.push_str(": ");
        message.push_str(&said);
    }
    Err(Failure::transient(message))
}

/// Why a command could not be started as things stand.
pub(super) fn obstacle(host: &Host, what: &str, command: &Command) -> Option<Obstacle> {
    let error = host.processes().could_start(command).err()?;
    let lifted_by = match &error {
        ProcessError::UnknownUser(name) => Some(Claim::User(name.as_str().into())),
        ProcessError::UnknownGroup(name) => Some(Claim::Group(name.as_str().into())),
        ProcessError::NoDirectory(path) => Some(Claim::Path(path.clone())),
        ProcessError::Start { program, .. } => AbsPath::parse(program).ok().map(Claim::Path),
        ProcessError::MayNotEnterRoot(_)
        | ProcessError::MayNotChangeUser
        | ProcessError::Lookup(_)
        | ProcessError::Closed => None,
    };
    Some(Obstacle { failure: cannot_run(what, &error), lifted_by })
}

/// What a command that could not be started means to the scheduler.
pub(in crate::kinds) fn cannot_run(what: &str, error: &ProcessError) -> Failure {
    let failure = match error {
        ProcessError::MayNotEnterRoot(_) | ProcessError::MayNotChangeUser => {
            Failure::unsupported(error.to_string())
        }
        // Any of these may be put right by another resource, or by a package.
        ProcessError::Start { .. }
        | ProcessError::NoDirectory(_)
        | ProcessError::UnknownUser(_)
        | ProcessError::UnknownGroup(_)
        | ProcessError::Lookup(_)
        | ProcessError::Closed => Failure::from_error(error),
    };
    failure.map_message(|text| format!("`{what}`: {text}"))
}
