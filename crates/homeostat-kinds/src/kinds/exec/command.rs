//! From parameters to commands: the only door.

use std::collections::BTreeMap;

use homeostat_engine::host::process::{Command, signal_by_name};
use homeostat_engine::{AbsPath, Claim, Need, Outputs, ParamError};
use homeostat_model::Value;

use super::guards::{Equals, Guards};
use super::run::Life;
use super::{Exec, Params, claim_path};

/// Makes the resource, or says all that is wrong.
pub(super) fn exec(name: &str, params: Params) -> Result<Exec, Vec<ParamError>> {
    let mut errors = Vec::new();
    let mut maker = Maker::new(&params, &mut errors);
    let command = maker.main(name, &params);
    let aside = |param, line: &str, cwd, shell: &str| Aside {
        param,
        line: line.to_owned(),
        cwd,
        shell: shell.to_owned(),
    };
    let cwd_of = |maker: &mut Maker<'_>, param, text: &str| maker.path(param, text);
    let (if_cwd, nif_cwd) =
        (cwd_of(&mut maker, "ifcwd", &params.ifcwd), cwd_of(&mut maker, "nifcwd", &params.nifcwd));
    let (done_cwd, watch_cwd) =
        (cwd_of(&mut maker, "donecwd", &params.donecwd), cwd_of(&mut maker, "watchcwd", &params.watchcwd));
    let if_command = maker.aside(aside("ifcmd", &params.ifcmd, if_cwd, &params.ifshell));
    let nif_command = maker.aside(aside("nifcmd", &params.nifcmd, nif_cwd, &params.nifshell));
    let done = maker.aside(aside("donecmd", &params.donecmd, done_cwd, &params.doneshell));
    let watch = maker.aside(aside("watchcmd", &params.watchcmd, watch_cwd, &params.watchshell));
    let guards = Guards {
        creates: maker.path("creates", &params.creates),
        mtimes: maker.paths("mtimes", &params.mtimes),
        equals: maker.equals(&params),
        if_command,
        nif_command,
    };
    if guards.creates.is_none() && !params.mtimes.is_empty() {
        maker.error("mtimes", "says what `creates` is made from, so `creates` must be given");
    }
    let watch_files = maker.paths("watchfiles", &params.watchfiles);
    let needs = needs(name, &params, maker.cwd.as_ref());
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Exec {
        command,
        done,
        guards,
        watch,
        watch_files,
        needs,
        instead: instead(&params),
        life: Life::new(),
    })
}

fn instead(params: &Params) -> Outputs {
    let given =
        [("output", &params.send_output), ("stdout", &params.send_stdout), ("stderr", &params.send_stderr)];
    given.into_iter().fold(Outputs::none(), |outputs, (key, text)| match text {
        Some(text) => outputs.with(key, Value::from(text.as_str())),
        None => outputs,
    })
}

/// Reads parameters and collects what is wrong with them.
struct Maker<'p> {
    errors: &'p mut Vec<ParamError>,
    cwd: Option<AbsPath>,
    env: BTreeMap<String, String>,
    user: Option<String>,
    group: Option<String>,
    signal: Option<i32>,
}

/// A command beside the main one.
struct Aside {
    param: &'static str,
    line: String,
    cwd: Option<AbsPath>,
    shell: String,
}

impl<'p> Maker<'p> {
    fn new(params: &Params, errors: &'p mut Vec<ParamError>) -> Self {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let mut maker = Self {
            errors,
            cwd: None,
            env: params.env.clone(),
            user: some(&params.user),
            group: some(&params.group),
            signal: None,
        };
        maker.cwd = maker.path("cwd", &params.cwd);
        for (variable, value) in &params.env {
            maker.without_nul("env", value);
            if variable.is_empty() || variable.contains(['=', '\0']) {
                maker.error("env", "the name of a variable must not be empty, nor hold `=` or a NUL byte");
            }
        }
        maker.without_nul("user", &params.user);
        maker.without_nul("group", &params.group);
        if !params.sig.is_empty() {
            maker.signal = signal_by_name(&params.sig);
            if maker.signal.is_none() {
                maker.error(
                    "sig",
                    "is no signal that can ask a command to end, such as `TERM`, `INT` or `HUP`",
                );
            }
        }
        maker
    }

    fn error(&mut self, param: &'static str, text: &str) {
        self.errors.push(ParamError::of(param, format!("`{param}` {text}")));
    }

    fn without_nul(&mut self, param: &'static str, text: &str) {
        if text.contains('\0') {
            self.error(param, "must not contain a NUL byte");
        }
    }

    fn path(&mut self, param: &'static str, text: &str) -> Option<AbsPath> {
        if text.is_empty() {
            return None;
        }
        match AbsPath::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.error(param, &error.to_string());
                None
            }
        }
    }

    fn paths(&mut self, param: &'static str, texts: &[String]) -> Vec<AbsPath> {
        texts.iter().filter_map(|text| self.path(param, text)).collect()
    }

    fn main(&mut self, name: &str, params: &Params) -> Command {
        let line = if params.cmd.is_empty() { name } else { &params.cmd };
        params.args.iter().for_each(|arg| self.without_nul("args", arg));
        if params.args.is_empty() {
            let command = self.line("cmd", line, &params.shell);
            return self.placed(command, None);
        }
        if !params.shell.is_empty() {
            self.error("args", "cannot be given together with `shell`, which takes one line");
        }
        self.without_nul("cmd", line);
        self.placed(Command::new(line).args(params.args.iter().cloned()), None)
    }

    fn aside(&mut self, aside: Aside) -> Option<Command> {
        if aside.line.is_empty() {
            return None;
        }
        let command = self.line(aside.param, &aside.line, &aside.shell);
        Some(self.placed(command, aside.cwd))
    }

    fn line(&mut self, param: &'static str, line: &str, shell: &str) -> Command {
        self.without_nul(param, line);
        self.without_nul(param, shell);
        if !shell.is_empty() {
            return Command::shell(shell, line);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next() {
            Some(program) => Command::new(program).args(words),
            None => {
                self.error(param, "holds no command");
                Command::new("")
            }
        }
    }

    fn placed(&self, command: Command, cwd: Option<AbsPath>) -> Command {
        let command = command
            .cwd(cwd.or_else(|| self.cwd.clone()))
            .env(self.env.clone())
            .user(self.user.clone())
            .group(self.group.clone());
        match self.signal {
            Some(signal) => command.end_signal(signal),
            None => command,
        }
    }

    fn equals(&mut self, params: &Params) -> Option<Equals> {
        let equals = match (&params.ifequals, &params.ifequals_stdout) {
            (None, None) => return None,
            (Some(text), None) => Equals::Output(text.trim().to_owned()),
            (None, Some(text)) => Equals::Stdout(text.trim().to_owned()),
            (Some(_), Some(_)) => {
                self.error("ifequals", "and `ifequals_stdout` exclude each other");
                return None;
            }
        };
        if params.ifcmd.is_empty() {
            let param = if params.ifequals.is_some() { "ifequals" } else { "ifequals_stdout" };
            self.error(param, "is compared with what `ifcmd` says, so `ifcmd` must be given");
        }
        Some(equals)
    }
}

/// The files that the command names, where it runs, and whom it runs as.
fn needs(name: &str, params: &Params, cwd: Option<&AbsPath>) -> Vec<Need> {
    let line = if params.cmd.is_empty() { name } else { &params.cmd };
    let words = line.split_whitespace().chain(params.args.iter().map(String::as_str));
    let asides = [&params.ifcmd, &params.nifcmd, &params.donecmd, &params.watchcmd];
    let programs = asides.into_iter().filter_map(|line| line.split_whitespace().next());
    let shells = [&params.shell, &params.ifshell, &params.nifshell, &params.doneshell, &params.watchshell];
    let mut needs: Vec<Need> = words
        .chain(programs)
        .chain(shells.into_iter().map(String::as_str))
        .map(|word| word.trim_matches(|c| "\"'`;&|()<>".contains(c)))
        .filter(|word| word.len() > 1 && word.starts_with('/'))
        .filter_map(|word| AbsPath::parse(word).ok())
        .chain(cwd.cloned())
        .filter(|path| path.as_str() != "/")
        .map(claim_path)
        .collect();
    let is_name = |text: &str| !text.is_empty() && text.parse::<u32>().is_err();
    if is_name(&params.user) {
        needs.push(Need::Claim(Claim::User(params.user.as_str().into())));
    }
    if is_name(&params.group) {
        needs.push(Need::Claim(Claim::Group(params.group.as_str().into())));
    }
    needs.sort_unstable();
    needs.dedup();
    needs
}
