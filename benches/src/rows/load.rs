//! One change among 100,000 resources, as a delta and as a whole catalog.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use homeostat_engine::EngineOptions;
use homeostat_model::{CatalogDelta, ResourceId};

use crate::Settings;
use crate::fileset::FileSet;
use crate::report::{Budget, Figure, Row, Unit};
use crate::running::{Running, refused};

const COUNT: usize = 100_000;

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let files = FileSet::new(COUNT)?;
    files.fill()?;
    let running = Running::start(&files.beside("prefix"), EngineOptions::default())?;
    let mut catalog = files.catalog();
    running.load_and_settle(catalog.clone())?;
    let (mut deltas, mut fulls, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..settings.runs {
        let at = COUNT / 2 + run;
        let delta =
            CatalogDelta { set: vec![files.decl(at, &format!("delta {run}\n"))], ..CatalogDelta::default() };
        catalog.resources[at] = delta.set[0].clone();
        let (seconds, checked) = load(&running, &catalog.resources[at].id, async || {
            running.handle.load_delta(delta.clone()).await.map_err(refused)
        })?;
        deltas.push(seconds);
        others.push(checked);

        catalog.resources[at] = files.decl(at, &format!("full {run}\n"));
        let mut given = Some(catalog.clone());
        let (seconds, checked) = load(&running, &catalog.resources[at].id, async || {
            running.handle.load(given.take().unwrap_or_default()).await.map_err(refused)
        })?;
        fulls.push(seconds);
        others.push(checked);
    }
    running.expect_good()?;
    running.stop();
    for (what, figures, most) in [("a delta", deltas, 1e-3), ("a full catalog", fulls, 50e-3)] {
        add(Row {
            what: format!("load {what} that changes 1 of {COUNT}"),
            figure: Figure::seconds(figures),
            yardstick: None,
            budget: Budget::AtMost(most),
        });
    }
    add(Row {
        what: "resources checked again besides the changed one".to_owned(),
        figure: Figure::of(Unit::Count, others),
        yardstick: None,
        budget: Budget::AtMost(0.0),
    });
    Ok(())
}

/// Seconds until the load is answered, and how many other resources were looked at because of it.
fn load(
    running: &Running,
    changed: &ResourceId,
    mut load: impl AsyncFnMut() -> anyhow::Result<homeostat_engine::LoadSummary>,
) -> anyhow::Result<(f64, f64)> {
    running.wait_for_quiet(Duration::from_millis(300));
    let before = checks(running);
    let (summary, seconds) = running.runtime.block_on(async {
        let started = Instant::now();
        let summary = load().await?;
        anyhow::Ok((summary, started.elapsed().as_secs_f64()))
    })?;
    anyhow::ensure!(
        summary.changed == 1 && summary.added == 0 && summary.removed == 0,
        "not one change: {summary:?}"
    );
    running.wait_for_quiet(Duration::from_millis(300));
    let after = checks(running);
    anyhow::ensure!(after.get(changed) > before.get(changed), "{changed} was not looked at");
    let others = after.iter().filter(|(id, checks)| *id != changed && before.get(id) != Some(checks));
    Ok((seconds, others.count() as f64))
}

fn checks(running: &Running) -> BTreeMap<ResourceId, u32> {
    let status = running.runtime.block_on(running.handle.status());
    status.into_iter().map(|status| (status.id, status.checks)).collect()
}
