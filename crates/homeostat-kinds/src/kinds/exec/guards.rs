//! Guards: what must hold before a command runs.

use homeostat_engine::host::FileError;
use homeostat_engine::host::process::Command;
use homeostat_engine::{AbsPath, Failure, Host};

use super::drift::ExecDrift;
use super::run::cannot_run;

/// All guards of a command, in the order in which they are asked.
pub(super) struct Guards {
    pub(super) creates: Option<AbsPath>,
    pub(super) mtimes: Vec<AbsPath>,
    pub(super) if_command: Option<Command>,
    pub(super) equals: Option<Equals>,
    pub(super) nif_command: Option<Command>,
}

/// What `ifcmd` says when there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Equals {
    Output(String),
    Stdout(String),
}

/// The guard that keeps the command from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holds;

impl Guards {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.creates.is_none() && !self.have_commands()
    }

    /// Whether any of them is a command.
    pub(super) fn have_commands(&self) -> bool {
        self.if_command.is_some() || self.nif_command.is_some()
    }

    /// The paths that are looked at.
    pub(super) fn paths(&self) -> impl Iterator<Item = &AbsPath> {
        self.creates.iter().chain(&self.mtimes)
    }

    /// Asks all of them: why the command may run, or that it must not.
    pub(super) async fn ask(&self, host: &Host) -> Result<Result<ExecDrift, Holds>, Failure> {
        let mut why = ExecDrift::Allowed("the guards let it run".into());
        if let Some(creates) = &self.creates {
            match self.unmade(host, creates)? {
                Some(reason) => why = reason,
                None => return Ok(Err(Holds)),
            }
        }
        if let Some(command) = &self.if_command
            && !self.lets_run(host, command).await?
        {
            return Ok(Err(Holds));
        }
        if let Some(command) = &self.nif_command {
            let asked = host.processes().run(command.clone()).await;
            let asked = asked.map_err(|error| cannot_run("nifcmd", &error))?;
            if asked.exit.success() {
                return Ok(Err(Holds));
            }
        }
        Ok(Ok(why))
    }

    async fn lets_run(&self, host: &Host, command: &Command) -> Result<bool, Failure> {
        let asked = host.processes().run(command.clone()).await;
        let asked = asked.map_err(|error| cannot_run("ifcmd", &error))?;
        if !asked.exit.success() {
            return Ok(false);
        }
        Ok(match &self.equals {
            None => true,
            Some(Equals::Output(text)) => asked.output.text().trim() != text,
            Some(Equals::Stdout(text)) => asked.stdout.text().trim() != text,
        })
    }

    /// Why what the command creates has to be made, if it has.
    fn unmade(&self, host: &Host, creates: &AbsPath) -> Result<Option<ExecDrift>, Failure> {
        let failed = |error: FileError| Failure::from_error(&error);
        let Some(made) = host.files().stat(creates).map_err(failed)? else {
            return Ok(Some(ExecDrift::Missing(creates.clone())));
        };
        for path in &self.mtimes {
            let source = host.files().stat_source(path).map_err(failed)?;
            if source.is_some_and(|source| source.mtime > made.mtime) {
                return Ok(Some(ExecDrift::Older { made: creates.clone(), newer: path.clone() }));
            }
        }
        Ok(None)
    }
}
