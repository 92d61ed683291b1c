//! Prints a message.
//!
//! It prints once per start of the agent and whenever its parameters change, a received message included, and again whenever
//! it is refreshed. A change of what comes before it does not make it print.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   print:
//!   - name: hello
//!   - name: restarted
//!     msg: the configuration was replaced
//!     refresh_only: true
//! ```
//!
//! ## Watches
//!
//! Nothing.
//!
//! ## Automatic edges
//!
//! None.
//!
//! ## Sends and receives
//!
//! Receives `msg` and `refresh_only`; sends nothing.
//!
//! ## Limits
//!
//! Where it appears is for the agent to say: on the terminal of `run`, in the log of `agent`. A sensitive message is printed
//! redacted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use homeostat_engine::{Applied, Change, Check, Context, Drift, Failure, Outputs, ParamError, Resource};
use homeostat_model::value::Text;
use schemars::JsonSchema;
use serde::Deserialize;

/// What is declared of a `print`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// The message; the name of the resource if it is not given.
    msg: Option<Text>,
    /// Print only when refreshed.
    refresh_only: bool,
}

pub(super) struct Print {
    msg: Text,
    refresh_only: bool,
    printed: AtomicBool,
}

/// Not printed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unprinted;

impl Drift for Unprinted {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("msg", "not printed yet", "printed")]
    }
}

impl Print {
    fn applied() -> Applied {
        Applied { outputs: Outputs::none(), covers_refresh: true }
    }
}

impl Resource for Print {
    const KIND: &'static str = "print";
    const DOC: &'static str = super::doc_of!("print");
    const REPAIRS: bool = false;

    type Params = Params;
    type Drift = Unprinted;
    type Prefetched = ();

    fn new(name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        Ok(Self {
            msg: params.msg.unwrap_or_else(|| (**name).into()),
            refresh_only: params.refresh_only,
            printed: AtomicBool::new(false),
        })
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<Unprinted>, Failure> {
        if self.refresh_only || self.printed.load(Ordering::SeqCst) {
            return Ok(Check::converged());
        }
        Ok(Check::Drifted(Unprinted))
    }

    async fn apply(&self, cx: &Context<'_>, _drift: Unprinted) -> Result<Applied, Failure> {
        cx.host.say(self.msg.shown());
        self.printed.store(true, Ordering::SeqCst);
        Ok(Self::applied())
    }

    async fn refresh(&self, cx: &Context<'_>) -> Result<Outputs, Failure> {
        cx.host.say(self.msg.shown());
        Ok(Outputs::none())
    }

    fn batch_key(&self) -> Option<String> {
        Some(String::new())
    }

    async fn apply_batch(
        cx: &Context<'_>,
        batch: Vec<(Arc<Self>, Unprinted)>,
    ) -> Result<Vec<Applied>, Failure> {
        let lines: Vec<&str> = batch.iter().map(|(print, _)| print.msg.shown()).collect();
        cx.host.say(&lines.join("\n"));
        let applied = batch.iter().map(|(print, _)| {
            print.printed.store(true, Ordering::SeqCst);
            Self::applied()
        });
        Ok(applied.collect())
    }
}

#[cfg(test)]
mod tests {
    use homeostat_engine::Causes;

    use super::*;
    use crate::testing::TestHost;

    fn print(msg: Option<&str>, refresh_only: bool) -> Print {
        let msg = msg.map(str::to_owned);
        Print::new(&"hello".into(), Params { msg: msg.as_deref().map(Text::from), refresh_only })
            .map_err(|_| ())
            .unwrap()
    }

    async fn look(host: &TestHost, print: &Print) {
        let cx = host.cx(Causes::PREDECESSOR);
        if let Check::Drifted(drift) = print.check(&cx).await.unwrap() {
            assert!(print.apply(&cx, drift).await.unwrap().covers_refresh);
        }
    }

    #[tokio::test]
    async fn it_prints_once_and_again_when_refreshed() {
        let host = TestHost::new();
        let hello = print(None, false);
        look(&host, &hello).await;
        look(&host, &hello).await;
        assert_eq!(host.said(), ["hello"]);
        hello.refresh(&host.cx(Causes::none())).await.unwrap();
        assert_eq!(host.said(), ["hello"]);
    }

    #[tokio::test]
    async fn it_may_print_only_when_refreshed() {
        let host = TestHost::new();
        let quiet = print(Some(""), true);
        look(&host, &quiet).await;
        assert_eq!(host.said(), [""; 0]);
        quiet.refresh(&host.cx(Causes::none())).await.unwrap();
        assert_eq!(host.said(), [""]);
    }

    #[tokio::test]
    async fn many_are_printed_together() {
        let host = TestHost::new();
        let batch: Vec<_> = ["a", "b"].map(|msg| (Arc::new(print(Some(msg), false)), Unprinted)).into();
        let first = batch[0].0.clone();
        assert_eq!(Print::apply_batch(&host.cx(Causes::none()), batch).await.unwrap().len(), 2);
        assert_eq!(host.said(), ["a\nb"]);
        look(&host, &first).await;
        assert_eq!(host.said(), [""; 0]);
    }
}
