//! One batch out of many resources that are ready at the same time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use homeostat_engine::{
    Applied, Change, Check, Context, Drift, EngineOptions, Failure, Kind, ParamError, Resource,
};
use homeostat_model::{Catalog, ResourceDecl, ResourceId};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Settings;
use crate::report::{Budget, Figure, Row};
use crate::running::Running;
use homeostat_benches::scratch;

const COUNT: usize = 1000;
const MOST: f64 = 5e-3;

/// What happened last to the packages of this process.
static SEEN: Mutex<Seen> = Mutex::new(Seen { last_check: None, batch: None });

struct Seen {
    last_check: Option<Instant>,
    batch: Option<(Instant, usize)>,
}

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let (mut closing, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        *seen() = Seen { last_check: None, batch: None };
        let prefix = scratch()?;
        let kinds = [Kind::of::<Package>()];
        let running = Running::start_with(prefix.path(), EngineOptions::default(), &kinds, Box::new(()))?;
        let packages = (0..COUNT).map(|at| {
            ResourceDecl::new(ResourceId::new("bench-package", format!("p{at}")), Default::default())
        });
        let catalog = Catalog { resources: packages.collect(), ..Catalog::default() };
        let started = Instant::now();
        running.load_and_settle(catalog)?;
        running.stop();
        let seen = seen();
        let (Some(check), Some((batch, members))) = (seen.last_check, seen.batch) else {
            anyhow::bail!("there was no batch");
        };
        anyhow::ensure!(members == COUNT, "a batch of {members}");
        closing.push((batch - check).as_secs_f64());
        whole.push((batch - started).as_secs_f64());
    }
    let row = |what: String, figures, budget| Row {
        what,
        figure: Figure::seconds(figures),
        yardstick: None,
        budget,
    };
    add(row(
        format!("a batch out of {COUNT} ready packages, since the last check"),
        closing,
        Budget::AtMost(MOST),
    ));
    add(row(format!("a batch out of {COUNT} ready packages, since the load"), whole, Budget::None));
    Ok(())
}

fn seen() -> std::sync::MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize, JsonSchema)]
struct PackageParams {}

/// Something that is always missing at first and then installed together with all others.
struct Package;

struct Missing;

impl Drift for Missing {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("state", "absent", "installed")]
    }
}

impl Resource for Package {
    const KIND: &'static str = "bench-package";
    const DOC: &'static str = "";

    type Params = PackageParams;
    type Drift = Missing;
    type Prefetched = ();

    fn new(_name: &Arc<str>, _params: PackageParams) -> Result<Self, Vec<ParamError>> {
        Ok(Self)
    }

    fn batch_key(&self) -> Option<String> {
        Some("packages".to_owned())
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<Missing>, Failure> {
        let mut seen = seen();
        if seen.batch.is_some() {
            return Ok(Check::converged());
        }
        seen.last_check = Some(Instant::now());
        Ok(Check::Drifted(Missing))
    }

    async fn apply(&self, _cx: &Context<'_>, _drift: Missing) -> Result<Applied, Failure> {
        Err(Failure::permanent("a package alone"))
    }

    async fn apply_batch(
        _cx: &Context<'_>,
        batch: Vec<(Arc<Self>, Missing)>,
    ) -> Result<Vec<Applied>, Failure> {
        seen().batch = Some((Instant::now(), batch.len()));
        Ok(batch.iter().map(|_| Applied::done()).collect())
    }
}
