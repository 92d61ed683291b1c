//! Makes something true: a check says whether it is, and an action brings it about.
//!
//! The methods of a topology's components become resources of this kind. If the check is false, the action runs, and then the check
//! decides: if it is still false, the method *waits* for whoever brings it about, and nothing after it starts. Without an
//! action it waits at once.
//!
//! Checks and actions are *engines*: `file` is true while there is something at its path, and as an action makes an empty file
//! with the directories above it; `shell` runs a program, and exit status 0 is true; `nil` is true, and does nothing.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   method:
//!   - name: database is there
//!     check:
//!       shell: {artifact: /usr/local/bin/has-database, args: [orders]}
//!     do:
//!       shell: {artifact: /usr/local/bin/make-database, args: [orders], env: {SIZE: small}}
//!   - name: somebody gave leave
//!     check:
//!       file: {path: /srv/leave}
//!     before: method[database is there]
//! ```
//!
//! ## Watches
//!
//! The path of a `file` check. A `shell` check is asked again every minute; `poll` in `meta` says otherwise.
//!
//! ## Automatic edges
//!
//! After the files that `artifact` and `args` name by absolute paths.
//!
//! ## Sends and receives
//!
//! Sends `outputs`: lines of the form `NAME=value` on the standard output of the last action and of the last check. Receives any
//! parameter. A refresh runs a `shell` action again.
//!
//! ## Limits
//!
//! An action that succeeded and left the check false is run again when something before the method changes, when the method is
//! declared differently, or once the check was true in between; not whenever somebody looks. What an action
//! has sent is forgotten when the agent ends; what a check sends is there again with the next look.

mod engine;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_engine::{
    Applied, Causes, Change, Check, Claim, Context, Depth, Drift, Failure, Host, Looks, Need, Outputs,
    ParamError, Reach, Resource, Watch,
};
use homeostat_model::Value;
use homeostat_model::schema::{OutputSchema, Type};
use schemars::JsonSchema;
use serde::Deserialize;

use engine::{Engine, EngineParams};

/// Between two questions to a program whose answer nothing announces.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What is declared of a `method`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// Whether it is true: one of `file: {path}`, `shell: {artifact, args, env}` and `nil`.
    check: EngineParams,
    /// What makes it true: one of the same.
    #[serde(rename = "do")]
    action: EngineParams,
}

pub(super) struct Method {
    check: Engine,
    action: Engine,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// The action succeeded and the check has not been true since.
    acted: bool,
    outputs: BTreeMap<String, Value>,
}

/// The check is false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Untrue(String);

impl Drift for Untrue {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("check", "false", self.0.clone())]
    }
}

impl Method {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn holds(&self, host: &Host) -> Result<bool, Failure> {
        let answer = self.check.ask(host).await?;
        if answer.is_true {
            let mut memory = self.memory();
            memory.acted = false;
            memory.outputs.extend(answer.outputs);
        }
        Ok(answer.is_true)
    }

    fn waits(&self) -> Failure {
        Failure::waiting(self.check.condition())
    }

    async fn act(&self, host: &Host) -> Result<Outputs, Failure> {
        let outputs = self.action.act(host).await?;
        {
            let mut memory = self.memory();
            memory.acted = true;
            memory.outputs = outputs;
        }
        if self.holds(host).await? { Ok(self.sends()) } else { Err(self.waits()) }
    }

    fn sends(&self) -> Outputs {
        let outputs = &self.memory().outputs;
        let map = outputs.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone()));
        Outputs::none().with("outputs", Value::Map(map.collect()))
    }
}

impl Resource for Method {
    const KIND: &'static str = "method";
    const DOC: &'static str = super::doc_of!("method");
    const OUTPUTS: &'static [OutputSchema] = &[OutputSchema {
        key: "outputs",
        ty: Type::Any,
        doc: "A map: what the lines `NAME=value` said that the engines wrote.",
    }];

    type Params = Params;
    type Drift = Untrue;
    type Prefetched = ();

    fn new(_name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        let check = Engine::new("check", params.check, &mut errors);
        let action = Engine::new("do", params.action, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self { check, action, memory: Mutex::default() })
    }

    fn watches(&self) -> Vec<Watch> {
        match &self.check {
            Engine::Nil => Vec::new(),
            Engine::File(path) => vec![Watch::Path { path: path.clone(), depth: Depth::Entry }],
            Engine::Shell(_) => vec![Watch::Every(ASK_AGAIN)],
        }
    }

    fn needs(&self) -> Vec<Need> {
        let mut paths: Vec<Need> = [&self.check, &self.action]
            .into_iter()
            .flat_map(Engine::named_paths)
            .map(|path| Need::Claim(Claim::Path(path)))
            .collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    fn looks(&self) -> Looks {
        match &self.check {
            Engine::Nil => Looks::Nothing,
            Engine::File(path) => Looks::Paths(vec![path.clone()]),
            Engine::Shell(_) => Looks::Anything,
        }
    }

    fn reach(&self) -> Reach {
        match &self.action {
            Engine::Nil => Reach::Declared(Vec::new()),
            Engine::File(path) => Reach::Declared(vec![Claim::Path(path.clone())]),
            Engine::Shell(_) => Reach::Anything,
        }
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<Untrue>, Failure> {
        if self.holds(cx.host).await? {
            return Ok(Check::Converged(self.sends()));
        }
        let anew = Causes::DECLARED.and(Causes::PREDECESSOR).and(Causes::RECEIVED).and(Causes::ASKED);
        let has_acted = self.memory().acted && !cx.causes.any(anew);
        if self.action == Engine::Nil || has_acted {
            return Err(self.waits());
        }
        Ok(Check::Drifted(Untrue(self.check.condition())))
    }

    async fn apply(&self, cx: &Context<'_>, _drift: Untrue) -> Result<Applied, Failure> {
        let outputs = self.act(cx.host).await?;
        Ok(Applied { outputs, covers_refresh: true })
    }

    async fn refresh(&self, cx: &Context<'_>) -> Result<Outputs, Failure> {
        match &self.action {
            Engine::Shell(_) => self.act(cx.host).await,
            Engine::Nil | Engine::File(_) => Ok(Outputs::none()),
        }
    }
}

#[cfg(test)]
mod tests;
