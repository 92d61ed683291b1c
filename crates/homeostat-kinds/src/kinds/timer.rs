//! Changes at intervals, so that what comes after it is looked at and what it notifies is refreshed.
//!
//! The first tick comes one interval after the start. Each tick is a change of the timer: an `exec` that it notifies runs, a
//! `msg` that comes after it sends. Ticks that were missed, as while the host slept, are one tick.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   timer:
//!   - name: every-half-minute
//!     interval: 30
//!     before: msg[alive]
//!   msg:
//!   - name: alive
//!     body: this host is well
//!     journal: true
//! ```
//!
//! ## Watches
//!
//! The passing of time.
//!
//! ## Automatic edges
//!
//! None.
//!
//! ## Sends and receives
//!
//! Receives `interval`, which begins anew then; sends nothing.
//!
//! ## Limits
//!
//! Whole seconds.

use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::{
    Applied, Causes, Change, Check, Context, Drift, Failure, ParamError, Resource, Watch,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is declared of a `timer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// Seconds from one tick to the next.
    interval: u32,
}

pub(super) struct Timer {
    interval: Duration,
}

/// The interval passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(Duration);

impl Drift for Tick {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("tick", "due", format!("every {} s", self.0.as_secs()))]
    }
}

impl Resource for Timer {
    const KIND: &'static str = "timer";
    const DOC: &'static str = super::doc_of!("timer");
    const REPAIRS: bool = false;

    type Params = Params;
    type Drift = Tick;
    type Prefetched = ();

    fn new(_name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        if params.interval == 0 {
            return Err(vec![ParamError::of("interval", "`interval` must be at least one second")]);
        }
        Ok(Self { interval: Duration::from_secs(params.interval.into()) })
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Every(self.interval)]
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<Tick>, Failure> {
        if cx.causes.any(Causes::WAKE) {
            return Ok(Check::Drifted(Tick(self.interval)));
        }
        Ok(Check::converged())
    }

    async fn apply(&self, _cx: &Context<'_>, _drift: Tick) -> Result<Applied, Failure> {
        Ok(Applied::done())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHost;

    #[tokio::test]
    async fn only_a_tick_is_a_change() {
        let host = TestHost::new();
        let timer = Timer::new(&"t".into(), Params { interval: 3 }).map_err(|_| ()).unwrap();
        assert_eq!(timer.watches(), [Watch::Every(Duration::from_secs(3))]);
        for cause in [Causes::DECLARED, Causes::PREDECESSOR, Causes::ASKED] {
            assert_eq!(timer.check(&host.cx(cause)).await, Ok(Check::converged()));
        }
        let tick = Tick(Duration::from_secs(3));
        assert_eq!(timer.check(&host.cx(Causes::WAKE)).await, Ok(Check::Drifted(tick)));
        assert_eq!(tick.changes()[0].property, "tick");
        assert_eq!(timer.apply(&host.cx(Causes::WAKE), tick).await, Ok(Applied::done()));
    }

    #[test]
    fn no_interval_is_no_timer() {
        assert!(Timer::new(&"t".into(), Params { interval: 0 }).is_err());
    }
}
