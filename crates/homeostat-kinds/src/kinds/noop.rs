//! Does nothing, always in order: a place for edges to meet.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   noop:
//!   - name: everything-is-ready
//!     depend: print[hello]
//!   print:
//!   - name: hello
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
//! Neither.
//!
//! ## Limits
//!
//! None.

use std::sync::Arc;

use homeostat_engine::{Applied, Check, Context, Failure, NoDrift, ParamError, Resource};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is declared of a `noop`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// A word to the reader; it has no effect.
    #[serde(default)]
    #[allow(dead_code)]
    comment: String,
}

pub(super) struct Noop;

impl Resource for Noop {
    const KIND: &'static str = "noop";
    const DOC: &'static str = super::doc_of!("noop");
    const REPAIRS: bool = false;
    const RECEIVES: bool = false;

    type Params = Params;
    type Drift = NoDrift;
    type Prefetched = ();

    fn new(_name: &Arc<str>, _params: Params) -> Result<Self, Vec<ParamError>> {
        Ok(Self)
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<NoDrift>, Failure> {
        Ok(Check::converged())
    }

    async fn apply(&self, _cx: &Context<'_>, drift: NoDrift) -> Result<Applied, Failure> {
        match drift {}
    }
}
