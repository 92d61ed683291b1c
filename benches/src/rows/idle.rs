//! What an engine costs while nothing happens, measured in a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use homeostat_engine::EngineOptions;
use homeostat_model::Catalog;
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::fileset::{FileSet, content};
use crate::report::{Budget, Figure, Row, Unit};
use crate::running::{Running, pause};

/// The argument that makes this program the process that is measured.
pub(crate) const CHILD: &str = "--idle-child";
const COUNT: usize = 100_000;
const PER_RESOURCE_MAX: f64 = 1.5 * 1024.0;

/// What the measured process says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Idle {
    resident_empty: u64,
    resident_loaded: u64,
    wakeups: u64,
}

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let seconds = if settings.quick { 3 } else { 10 };
    let declared: usize = (0..COUNT).map(|at| content(at).len()).sum();
    let (mut wakeups, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        let mut child = Command::new(std::env::current_exe()?);
        let output = child.args([CHILD, &COUNT.to_string(), &seconds.to_string()]).output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let idle: Idle = serde_json::from_slice(&output.stdout)?;
        wakeups.push(idle.wakeups as f64);
        let grown = idle.resident_loaded.saturating_sub(idle.resident_empty) as f64;
        bytes.push((grown - declared as f64) / COUNT as f64);
    }
    add(Row {
        what: format!("wake-ups in {seconds} s, {COUNT} watched files"),
        figure: Figure::of(Unit::Count, wakeups),
        yardstick: None,
        budget: Budget::AtMost(0.0),
    });
    add(Row {
        what: "resident per resource besides declared content".to_owned(),
        figure: Figure::of(Unit::Bytes, bytes),
        yardstick: None,
        budget: Budget::AtMost(PER_RESOURCE_MAX),
    });
    Ok(())
}

/// Loads files, waits, and prints what that cost this process.
pub(crate) fn run_child(args: &[String]) -> anyhow::Result<()> {
    let [count, seconds] = args else { anyhow::bail!("{CHILD} takes two numbers") };
    let files = FileSet::new(count.parse()?)?;
    files.fill()?;
    let running = Running::start(&files.beside("prefix"), EngineOptions::default())?;
    running.load_and_settle(Catalog::default())?;
    let resident_empty = resident_bytes()?;
    running.load_and_settle(files.catalog())?;
    running.expect_good()?;
    running.wait_for_quiet(Duration::from_millis(500));
    let resident_loaded = resident_bytes()?;
    let before = wakeups()?;
    pause(Duration::from_secs(seconds.parse()?));
    let wakeups = wakeups()? - before;
    println!("{}", serde_json::to_string(&Idle { resident_empty, resident_loaded, wakeups })?);
    running.stop();
    Ok(())
}

pub(crate) fn resident_bytes() -> anyhow::Result<u64> {
    Ok(field(Path::new("/proc/self/status"), "VmRSS:")? * 1024)
}

/// How often any thread but this one, which only waits for the end, went to sleep so far.
fn wakeups() -> anyhow::Result<u64> {
    let us = std::process::id().to_string();
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name().to_str() != Some(&us) {
            all += field(&task.path().join("status"), "voluntary_ctxt_switches:")?;
        }
    }
    Ok(all)
}

fn field(path: &Path, name: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.with_context(|| format!("{} has no {name}", path.display()))
}
