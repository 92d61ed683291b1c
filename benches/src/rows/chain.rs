//! Four commands that take their time, three of them one after the other.

use std::process::Command;
use std::time::{Duration, Instant};

use homeostat_engine::EngineOptions;
use homeostat_model::{Catalog, EdgeDecl, Params, ResourceDecl, ResourceId, Value};

use crate::Settings;
use crate::report::{Budget, Figure, Row};
use crate::running::Running;
use homeostat_benches::scratch;

const OVERHEAD_MAX: Duration = Duration::from_millis(20);

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let seconds = if settings.quick { 1 } else { 10 };
    let ideal = f64::from(3 * seconds);
    let (mut overheads, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        let prefix = scratch()?;
        let running = Running::start(prefix.path(), EngineOptions::default())?;
        let (_, took) = running.load_and_settle(catalog(seconds))?;
        running.expect_good()?;
        running.stop();
        overheads.push(took - ideal);
        bare.push(three_commands(1)? - 3.0);
    }
    add(Row {
        what: format!("four commands of {seconds} s, three in a chain: beyond {ideal} s"),
        figure: Figure::seconds(overheads),
        yardstick: Some((Figure::seconds(bare), "three sleeps in a loop")),
        budget: Budget::AtMost(OVERHEAD_MAX.as_secs_f64()),
    });
    Ok(())
}

/// Commands take a little longer than they say.
fn three_commands(seconds: u32) -> anyhow::Result<f64> {
    let started = Instant::now();
    for _ in 0..3 {
        let status = Command::new("sleep").arg(seconds.to_string()).status()?;
        anyhow::ensure!(status.success(), "sleep: {status}");
    }
    Ok(started.elapsed().as_secs_f64())
}

fn catalog(seconds: u32) -> Catalog {
    let id = |name: &str| ResourceId::new("exec", name);
    let exec = |name| {
        let params: Params = [("cmd", Value::str(format!("sleep {seconds}")))].into_iter().collect();
        ResourceDecl::new(id(name), params)
    };
    Catalog {
        resources: ["a", "b", "c", "free"].map(exec).into(),
        edges: vec![EdgeDecl::before(id("a"), id("b")), EdgeDecl::before(id("b"), id("c"))],
        ..Catalog::default()
    }
}
