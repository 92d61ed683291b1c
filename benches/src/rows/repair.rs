//! Repairing one file among few and among many.

use std::time::Duration;

use homeostat_engine::EngineOptions;

use crate::Settings;
use crate::fileset::FileSet;
use crate::repairing::{BareLoop, Damage, sample};
use crate::report::{Budget, Figure, Row};
use crate::running::Running;

const COUNTS: [usize; 2] = [10, 100_000];

/// A file that is damaged again and again is nobody's enemy here, so flapping is not looked for.
const FLAPPING_OFF: Option<(u32, Duration)> = None;

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let samples = if settings.quick { 200 } else { 1000 };
    for count in COUNTS {
        // Each has files of its own, so that they take turns and a change of the machine's mood meets both.
        let (ours, theirs) = (FileSet::new(count)?, FileSet::new(count)?);
        ours.fill()?;
        theirs.fill()?;
        let running = engine_over(&ours)?;
        let thread = BareLoop::start(&theirs)?;
        for damage in [Damage::Deleted, Damage::Changed] {
            let mut engine = Latencies::default();
            let mut bare = Latencies::default();
            for _ in 0..settings.runs {
                engine.add(sample(&ours, damage, samples)?);
                bare.add(sample(&theirs, damage, samples)?);
            }
            let what = match damage {
                Damage::Deleted => "deleted",
                Damage::Changed => "changed",
            };
            for (name, figure, yardstick) in [("p50", engine.p50, bare.p50), ("p99", engine.p99, bare.p99)] {
                add(Row {
                    what: format!("repair a {what} file of {count}, {name}"),
                    figure: Figure::seconds(figure),
                    yardstick: Some((Figure::seconds(yardstick), "bare inotify loop")),
                    budget: Budget::Times(2.0),
                });
            }
        }
        running.stop();
        thread.stop(&theirs)?;
    }
    Ok(())
}

fn engine_over(files: &FileSet) -> anyhow::Result<Running> {
    let options = EngineOptions { flapping: FLAPPING_OFF, ..EngineOptions::default() };
    let running = Running::start(&files.beside("prefix"), options)?;
    running.load_and_settle(files.catalog())?;
    running.expect_good()?;
    running.wait_for_quiet(Duration::from_millis(300));
    Ok(running)
}

/// The percentiles of each run.
#[derive(Default)]
struct Latencies {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Latencies {
    fn add(&mut self, mut samples: Vec<f64>) {
        samples.sort_by(f64::total_cmp);
        let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
        self.p50.push(at(50));
        self.p99.push(at(99));
    }
}
