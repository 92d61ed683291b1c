//! Holds a value and passes it on: a place through which values travel between resources, and back into programs.
//!
//! What it holds is kept in the store of this host, where `value.get` of the language reads it, also after a restart.
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
//! A value has less than 1 MiB.

use std::sync::Arc;

use homeostat_engine::store::keys;
use homeostat_engine::{
    Applied, Change, Check, Context, Drift, Failure, Looks, Outputs, ParamError, Reach, Resource,
};
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
    /// Where it is kept.
    key: String,
    any: Option<Any>,
}

/// What is kept is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    is_there: bool,
}

impl Drift for Kept {
    fn changes(&self) -> Vec<Change> {
        let is = if self.is_there { "another one" } else { "absent" };
        vec![Change::new("value", is, "kept")]
    }
}

impl Value {
    fn outputs(&self) -> Outputs {
        self.any.clone().map_or_else(Outputs::none, |any| Outputs::none().with("any", any))
    }
}

impl Resource for Value {
    const KIND: &'static str = "value";
    const DOC: &'static str = super::doc_of!("value");
    const REPAIRS: bool = false;
    const OUTPUTS: &'static [OutputSchema] = &[OutputSchema { key: "any", ty: Type::Any, doc: "The value." }];

    type Params = Params;
    type Drift = Kept;
    type Prefetched = ();

    fn new(name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        if params.any.as_ref().is_some_and(|any| !is_read_back(any)) {
            return Err(vec![ParamError::of("any", "`any` is nested too deeply to be kept")]);
        }
        Ok(Self { key: keys::value(name), any: params.any })
    }

    fn looks(&self) -> Looks {
        // Only resources of this kind change what is kept, and no two have one name.
        Looks::Nothing
    }

    fn reach(&self) -> Reach {
        Reach::Declared(Vec::new())
    }

    fn foretell(&self) -> Option<Outputs> {
        Some(self.outputs())
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<Kept>, Failure> {
        // One that holds nothing leaves what was kept.
        let Some(any) = &self.any else { return Ok(Check::converged()) };
        let kept = cx.host.own_store().get(&self.key).await.map_err(|error| Failure::from_error(&error))?;
        let is_kept = kept.as_ref().is_some_and(|kept| keys::value_of(&kept.value).as_ref() == Some(any));
        Ok(match is_kept {
            true => Check::Converged(self.outputs()),
            false => Check::Drifted(Kept { is_there: kept.is_some() }),
        })
    }

    async fn apply(&self, cx: &Context<'_>, _: Kept) -> Result<Applied, Failure> {
        if let Some(any) = &self.any {
            let put = cx.host.own_store().put(&self.key, &keys::value_form(any), None).await;
            put.map_err(|error| Failure::from_error(&error))?;
        }
        Ok(Applied { outputs: self.outputs(), ..Applied::done() })
    }
}

/// Whether what is stored of it can be read: the form of the store has a bound of its own for depth.
fn is_read_back(any: &Any) -> bool {
    keys::value_of(&keys::value_form(any)).is_some()
}

#[cfg(test)]
mod tests {
    use homeostat_engine::Causes;

    use super::*;
    use crate::testing::TestHost;

    #[tokio::test]
    async fn it_sends_what_it_holds_keeps_it_and_keeps_secrets_secret() {
        let host = TestHost::new();
        let cx = host.cx(Causes::DECLARED);
        let secret = Any::Sensitive(Box::new(Any::List(vec![Any::Int(1)])));
        let params: homeostat_model::Params = [("any", secret.clone())].into_iter().collect();
        let value = Value::new(&"v".into(), params.parse().unwrap()).map_err(|_| ()).unwrap();
        let sent = Outputs::none().with("any", secret.clone());
        assert_eq!(value.foretell(), Some(sent.clone()));
        let Ok(Check::Drifted(drift)) = value.check(&cx).await else { panic!("nothing is kept yet") };
        value.apply(&cx, drift).await.unwrap();
        assert_eq!(value.check(&cx).await, Ok(Check::Converged(sent)));
        let kept = host.host.own_store().get("values/v").await.unwrap().unwrap();
        assert_eq!(keys::value_of(&kept.value), Some(secret));
    }

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let nested = |depth| (0..depth).fold(Any::Int(1), |inner, _| Any::Map([(Any::Int(1), inner)].into()));
        let made = |depth| Value::new(&"v".into(), Params { any: Some(nested(depth)) });
        assert!(made(30).is_ok());
        assert!(made(90).is_err());
    }

    #[tokio::test]
    async fn without_a_value_it_sends_nothing() {
        let host = TestHost::new();
        let value = Value::new(&"v".into(), Params::default()).map_err(|_| ()).unwrap();
        assert_eq!(value.check(&host.cx(Causes::DECLARED)).await, Ok(Check::converged()));
    }
}
