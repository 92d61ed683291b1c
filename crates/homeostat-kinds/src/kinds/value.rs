//! Holds a value and passes it on: a place through which values travel between resources.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   value:
//!   - name: port
//!     any: 8080
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
//! Receives and sends `any`. Without a value it sends nothing.
//!
//! ## Limits
//!
//! None.

use std::sync::Arc;

use homeostat_engine::{Applied, Check, Context, Failure, NoDrift, Outputs, ParamError, Resource};
use homeostat_model::Value as Any;
use homeostat_model::schema::{OutputSchema, Type};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is declared of a `value`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// The value, of any type.
    any: Option<Any>,
}

pub(super) struct Value {
    outputs: Outputs,
}

impl Resource for Value {
    const KIND: &'static str = "value";
    const DOC: &'static str = super::doc_of!("value");
    const REPAIRS: bool = false;
    const OUTPUTS: &'static [OutputSchema] = &[OutputSchema { key: "any", ty: Type::Any, doc: "The value." }];

    type Params = Params;
    type Drift = NoDrift;
    type Prefetched = ();

    fn new(_name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let outputs = params.any.map_or_else(Outputs::none, |any| Outputs::none().with("any", any));
        Ok(Self { outputs })
    }

    fn foretell(&self) -> Option<Outputs> {
        Some(self.outputs.clone())
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<NoDrift>, Failure> {
        Ok(Check::Converged(self.outputs.clone()))
    }

    async fn apply(&self, _cx: &Context<'_>, drift: NoDrift) -> Result<Applied, Failure> {
        match drift {}
    }
}

#[cfg(test)]
mod tests {
    use homeostat_engine::Causes;

    use super::*;
    use crate::testing::TestHost;

    #[tokio::test]
    async fn it_sends_what_it_holds_and_keeps_secrets_secret() {
        let host = TestHost::new();
        let secret = Any::Sensitive(Box::new(Any::List(vec![Any::Int(1)])));
        let params: homeostat_model::Params = [("any", secret.clone())].into_iter().collect();
        let value = Value::new(&"v".into(), params.parse().unwrap()).map_err(|_| ()).unwrap();
        let sent = Outputs::none().with("any", secret);
        assert_eq!(value.foretell(), Some(sent.clone()));
        assert_eq!(value.check(&host.cx(Causes::DECLARED)).await, Ok(Check::Converged(sent)));
    }

    #[tokio::test]
    async fn without_a_value_it_sends_nothing() {
        let host = TestHost::new();
        let value = Value::new(&"v".into(), Params::default()).map_err(|_| ()).unwrap();
        assert_eq!(value.check(&host.cx(Causes::DECLARED)).await, Ok(Check::converged()));
    }
}
