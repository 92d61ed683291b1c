//! Runs a command.
//!
//! Without a guard, a command runs once per start of the agent and whenever its parameters change. Otherwise only a refresh,
//! its `watchcmd`, its `watchfiles`, its `poll` interval or a changed received value runs it again; a change of what comes
//! before it does not. With a guard (`creates`, `ifcmd`, `nifcmd`), every look asks the guards, and the command runs when
//! they let it. Guards always hold, on a refresh too.
//!
//! The environment of a command is `PATH`, `HOME`, `LANG` and what `env` adds; never the agent's. It has no input and no
//! terminal. If it has to be ended, its whole process group gets a signal (`sig`), and is killed five seconds later.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   exec:
//!   - name: unpack
//!     cmd: tar -xf /srv/site.tar -C /srv
//!     creates: /srv/site
//!   - name: reload
//!     cmd: test ! -e /run/web.pid || kill -HUP $(cat /run/web.pid)
//!     shell: /bin/sh
//!     ifcmd: test -e /srv/site
//!     depend: exec[unpack]
//! ```
//!
//! ## Watches
//!
//! The paths `creates`, `mtimes` and `watchfiles`, and what they lead to if they are links; each line that `watchcmd` writes.
//!
//! ## Automatic edges
//!
//! After the files that the command names by absolute paths, the directory that it runs in, and its user and group.
//!
//! ## Sends and receives
//!
//! Sends `output`, `stdout` and `stderr` of the last run. If nothing was run since the guards did not let it, it sends
//! `send_output`, `send_stdout` and `send_stderr`, as far as they are given. Receives any parameter; a changed value makes
//! it a new command.
//!
//! ## Limits
//!
//! Of each output the first MiB and the last 4 KiB are kept. A command that writes to its own `watchfiles` runs again and
//! again, ever more slowly. What a command leaves running in the background is not ended. Links are not followed when
//! `creates` is looked for: a link counts, wherever it leads.

mod command;
mod drift;
mod guards;
mod run;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_engine::host::process::Command;
use homeostat_engine::{
    AbsPath, Applied, Check, Claim, Context, Depth, Failure, Looks, Need, Obstacle, Outputs, ParamError,
    Reach, Resource, Watch,
};
use homeostat_model::codes;
use homeostat_model::schema::{OutputSchema, Type};
use schemars::JsonSchema;
use serde::Deserialize;

use self::drift::ExecDrift;
use self::guards::Guards;
use self::run::Life;
pub(super) use self::run::cannot_run;

/// What is declared of an `exec`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// The command; the name of the resource if it is not given. Without `shell` it is split at white space, and nothing in
    /// it is special; with `args` it is the program alone.
    cmd: String,
    /// The directory to run it in; `/` if it is not given.
    cwd: String,
    /// The shell that runs it, as `SHELL -c CMD`. Without one, no shell is involved.
    shell: String,
    /// The signal that asks the command to end when that is needed; `TERM` if it is not given.
    sig: String,
    /// The arguments of the program `cmd`, taken as they are. Not together with `shell`.
    args: Vec<String>,
    /// Variables that are added to the environment of every command of this resource.
    env: BTreeMap<String, String>,
    /// The user that every command of this resource runs as, by name or number; the agent's if it is not given.
    user: String,
    /// The group that every command of this resource runs as, by name or number; the user's if it is not given.
    group: String,
    /// A command that runs for ever; each line that it writes makes a look necessary, and without a guard runs the command
    /// again. When it ends, it is started again, at first after one second, later after up to a minute.
    watchcmd: String,
    /// The directory that `watchcmd` runs in; `cwd` if it is not given.
    watchcwd: String,
    /// The shell that runs `watchcmd`; without one it is split at white space.
    watchshell: String,
    /// Files whose change runs the command again. Absolute paths.
    watchfiles: Vec<String>,
    /// A guard: the command runs only if this one exits with 0.
    ifcmd: String,
    /// The directory that `ifcmd` runs in; `cwd` if it is not given.
    ifcwd: String,
    /// The shell that runs `ifcmd`; without one it is split at white space.
    ifshell: String,
    /// What `ifcmd` says when there is nothing to do: if its output and errors together are this text, apart from white space
    /// around it, the command does not run.
    ifequals: Option<String>,
    /// The same as `ifequals`, for the standard output of `ifcmd` alone.
    ifequals_stdout: Option<String>,
    /// A guard: the command runs only if this one exits with another status than 0.
    nifcmd: String,
    /// The directory that `nifcmd` runs in; `cwd` if it is not given.
    nifcwd: String,
    /// The shell that runs `nifcmd`; without one it is split at white space.
    nifshell: String,
    /// A guard: the command runs only if there is nothing at this path. It fails if there still is nothing after it ran.
    creates: String,
    /// Files that `creates` is made from: the command also runs if one of them was changed later than `creates`.
    mtimes: Vec<String>,
    /// A command that runs after `cmd` succeeded. If it fails, all of it failed.
    donecmd: String,
    /// The directory that `donecmd` runs in; `cwd` if it is not given.
    donecwd: String,
    /// The shell that runs `donecmd`; without one it is split at white space.
    doneshell: String,
    /// What is sent as `output` if the guards did not let the command run.
    send_output: Option<String>,
    /// What is sent as `stdout` if the guards did not let the command run.
    send_stdout: Option<String>,
    /// What is sent as `stderr` if the guards did not let the command run.
    send_stderr: Option<String>,
}

pub(super) struct Exec {
    command: Command,
    done: Option<Command>,
    guards: Guards,
    watch: Option<Command>,
    watch_files: Vec<AbsPath>,
    needs: Vec<Need>,
    /// What is sent when the command did not run.
    instead: Outputs,
    life: Arc<Life>,
}

impl Resource for Exec {
    const KIND: &'static str = "exec";
    const DOC: &'static str = super::doc_of!("exec");
    const REPAIRS: bool = false;
    const OUTPUTS: &'static [OutputSchema] = &[
        OutputSchema {
            key: "output",
            ty: Type::Str,
            doc: "Standard output and standard error of the last run, in the order in which they came.",
        },
        OutputSchema { key: "stdout", ty: Type::Str, doc: "Standard output of the last run." },
        OutputSchema { key: "stderr", ty: Type::Str, doc: "Standard error of the last run." },
    ];

    type Params = Params;
    type Drift = ExecDrift;
    type Prefetched = ();

    fn new(name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        command::exec(name, params)
    }

    fn watches(&self) -> Vec<Watch> {
        let entry = |path: &AbsPath| Watch::Path { path: path.clone(), depth: Depth::Target };
        let paths = self.guards.paths().chain(&self.watch_files).map(entry);
        let lines = self.watch.as_ref().map(|command| watch::lines_of(command.clone(), self.life.clone()));
        paths.chain(lines).collect()
    }

    fn needs(&self) -> Vec<Need> {
        self.needs.clone()
    }

    fn looks(&self) -> Looks {
        if self.guards.have_commands() {
            return Looks::Anything;
        }
        let paths: Vec<AbsPath> = self.guards.paths().chain(&self.watch_files).cloned().collect();
        if paths.is_empty() { Looks::Nothing } else { Looks::Paths(paths) }
    }

    fn reach(&self) -> Reach {
        Reach::Anything
    }

    fn warnings(&self) -> Vec<(&'static str, String)> {
        if self.guards.is_empty() && self.watch.is_none() && self.watch_files.is_empty() {
            let text = "the command has no guard, so it runs at every start of the agent";
            return vec![(codes::UNGUARDED_EXEC, text.into())];
        }
        Vec::new()
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<ExecDrift>, Failure> {
        self.look(cx).await
    }

    async fn obstacles(&self, cx: &Context<'_>, _drift: &ExecDrift) -> Vec<Obstacle> {
        let commands = [("cmd", Some(&self.command)), ("donecmd", self.done.as_ref())];
        let commands = commands.into_iter().filter_map(|(what, command)| Some((what, command?)));
        commands.filter_map(|(what, command)| run::obstacle(cx.host, what, command)).collect()
    }

    async fn apply(&self, cx: &Context<'_>, _drift: ExecDrift) -> Result<Applied, Failure> {
        let outputs = self.run(cx).await?;
        Ok(Applied { outputs, covers_refresh: true })
    }

    async fn refresh(&self, cx: &Context<'_>) -> Result<Outputs, Failure> {
        match self.guards.ask(cx.host).await? {
            Ok(_) => self.run(cx).await,
            Err(_holds) => Ok(self.sends()),
        }
    }
}

/// What a command names or runs as, so that whoever provides it comes first.
fn claim_path(path: AbsPath) -> Need {
    Need::Claim(Claim::Path(path))
}

#[cfg(test)]
mod tests;
