//! Four commands that take their time, three of them one after the other.

use std::time::Duration;

use homeostat_engine::EngineOptions;
use homeostat_model::{Catalog, EdgeDecl, Params, ResourceDecl, ResourceId, Value};

use crate::Settings;
use crate::fileset::scratch;
use crate::report::{Budget, Figure, Row};
use crate::running::Running;

const OVERHEAD_MAX: Duration = Duration::from_millis(20);

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let seconds = if settings.quick { 1 } else { 10 };
    let ideal = f64::from(3 * seconds);
    let overheads = (0..settings.runs)
        .map(|_| {
            let prefix = scratch()?;
            let running = Running::start(prefix.path(), EngineOptions::default())?;
            let took = running.load_and_settle(catalog(seconds))?;
            running.expect_good()?;
            running.stop();
            anyhow::Ok(took - ideal)
        })
        .collect::<Result<Vec<_>, _>>()?;
    add(Row {
        what: format!("four commands of {seconds} s, three in a chain: beyond {ideal} s"),
        figure: Figure::seconds(overheads),
        yardstick: None,
        budget: Budget::AtMost(OVERHEAD_MAX.as_secs_f64()),
    });
    Ok(())
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
