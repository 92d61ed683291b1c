//! What checks and actions are made of.

use std::collections::BTreeMap;

use homeostat_engine::host::files::{Attributes, Body, Expect};
use homeostat_engine::host::process::{Command, Finished};
use homeostat_engine::{AbsPath, Failure, Host, ParamError};
use homeostat_model::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::kinds::exec::cannot_run;
use crate::kinds::file::make_parents;

/// What a failure tells of standard error.
const STDERR_LINES_MAX: usize = 5;
const STDERR_BYTES_MAX: usize = 500;

/// One engine.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EngineParams {
    /// True while there is something at a path; makes an empty file there.
    file: Option<FileParams>,
    /// Runs a program.
    shell: Option<ShellParams>,
    /// True; does nothing.
    nil: Option<Value>,
}

/// A file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FileParams {
    /// An absolute path.
    path: String,
}

/// A program.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShellParams {
    /// Its path, or a name that is looked up where programs are.
    artifact: String,
    /// Its arguments.
    #[serde(default)]
    args: Vec<String>,
    /// Added to its environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Engine {
    Nil,
    File(AbsPath),
    Shell(Shell),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shell {
    command: Command,
    /// As people know it.
    line: String,
    words: Vec<String>,
}

/// What a check says.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) is_true: bool,
    pub(super) outputs: BTreeMap<String, Value>,
}

impl Engine {
    pub(super) fn new(param: &'static str, params: EngineParams, errors: &mut Vec<ParamError>) -> Self {
        let EngineParams { file, shell, nil } = params;
        let mut error = |text: String| errors.push(ParamError::of(param, format!("`{param}`: {text}")));
        match (file, shell, nil) {
            (None, None, None | Some(Value::Null)) => Self::Nil,
            (Some(FileParams { path }), None, None) => match AbsPath::parse(&path) {
                Ok(path) => Self::File(path),
                Err(why) => {
                    error(format!("`path` {why}"));
                    Self::Nil
                }
            },
            (None, Some(shell), None) => {
                if let Err(why) = shell.wrong() {
                    error(why);
                }
                Self::Shell(Shell::of(shell))
            }
            (None, None, Some(_)) => {
                error("`nil` takes nothing".to_owned());
                Self::Nil
            }
            _ => {
                error("one engine is enough".to_owned());
                Self::Nil
            }
        }
    }

    pub(super) async fn ask(&self, host: &Host) -> Result<Answer, Failure> {
        match self {
            Self::Nil => Ok(Answer { is_true: true, ..Answer::default() }),
            Self::File(path) => {
                let looked = path.clone();
                let found = host.run_on(path, move |host| host.files().stat(&looked)).await?;
                Ok(Answer { is_true: found.is_some(), ..Answer::default() })
            }
            Self::Shell(shell) => {
                let finished = shell.run(host, "check").await?;
                Ok(Answer { is_true: finished.exit.success(), outputs: outputs_of(&finished) })
            }
        }
    }

    pub(super) async fn act(&self, host: &Host) -> Result<BTreeMap<String, Value>, Failure> {
        match self {
            Self::Nil => Ok(BTreeMap::new()),
            Self::File(path) => {
                let made = path.clone();
                host.run_on(path, move |host| make_empty(host, &made)).await?;
                Ok(BTreeMap::new())
            }
            Self::Shell(shell) => {
                let finished = shell.run(host, "do").await?;
                if finished.exit.success() {
                    return Ok(outputs_of(&finished));
                }
                let mut message = format!("`do`: {}", finished.exit);
                let said = finished.stderr.last_lines(STDERR_LINES_MAX, STDERR_BYTES_MAX);
                if !said.is_empty() {
                    message.push_str(": ");
                    message.push_str(&said);
                }
                Err(Failure::transient(message))
            }
        }
    }

    /// What has to happen for it to be true.
    pub(super) fn condition(&self) -> String {
        match self {
            Self::Nil => "nothing".to_owned(),
            Self::File(path) => format!("{path} to be there"),
            Self::Shell(shell) => format!("`{}` to succeed", shell.line),
        }
    }

    /// The absolute paths that a program is called with.
    pub(super) fn named_paths(&self) -> Vec<AbsPath> {
        match self {
            Self::Nil | Self::File(_) => Vec::new(),
            Self::Shell(shell) => {
                let words = shell.words.iter().filter(|word| word.len() > 1);
                words.filter_map(|word| AbsPath::parse(word).ok()).collect()
            }
        }
    }
}

impl ShellParams {
    fn wrong(&self) -> Result<(), String> {
        let texts = self.args.iter().chain(self.env.values()).chain([&self.artifact]);
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err("a NUL byte cannot be passed to a program".to_owned());
        }
        if self.artifact.is_empty() {
            return Err("`artifact` cannot be empty".to_owned());
        }
        if self.artifact.contains('/') && !self.artifact.starts_with('/') {
            return Err("`artifact` must be absolute, or a name that is looked up".to_owned());
        }
        if self.env.keys().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err("the name of a variable must not be empty, nor hold `=` or a NUL byte".to_owned());
        }
        Ok(())
    }
}

impl Shell {
    fn of(params: ShellParams) -> Self {
        let words: Vec<String> = [&params.artifact].into_iter().chain(&params.args).cloned().collect();
        let command = Command::new(params.artifact).args(params.args).env(params.env);
        Self { command, line: words.join(" "), words }
    }

    async fn run(&self, host: &Host, what: &str) -> Result<Finished, Failure> {
        let finished = host.processes().run(self.command.clone()).await;
        finished.map_err(|error| cannot_run(what, &error))
    }
}

fn make_empty(host: &Host, path: &AbsPath) -> Result<(), Failure> {
    let files = host.files();
    if files.stat(path)?.is_some() {
        return Ok(());
    }
    make_parents(files, path)?;
    let parent = files.parent(path)?;
    parent.replace(path.file_name(), Expect::Missing, Body::Bytes(b""), &Attributes::default())?;
    Ok(())
}

/// The lines `NAME=value`, where the name is one that a variable could have.
fn outputs_of(finished: &Finished) -> BTreeMap<String, Value> {
    let text = finished.stdout.text();
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}
