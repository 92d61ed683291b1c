//! Creating files and finding them in order, by an engine in this process.

use std::io::ErrorKind;

use homeostat_engine::EngineOptions;

use crate::Settings;
use crate::bare::{self, Calls};
use crate::fileset::FileSet;
use crate::report::{Budget, Figure, Row};
use crate::running::{KNOWN, Running};

/// From the load of a catalog of missing files until everything has settled.
pub(crate) fn create(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    for count in counts(settings) {
        let files = FileSet::new(count)?;
        let mut engine = Vec::new();
        let mut yardsticks = [Calls::CreateWatched, Calls::CreateAsKind, Calls::CreateAtLeast]
            .map(|calls| (calls, Vec::new()));
        for _ in 0..settings.runs {
            files.empty()?;
            forget(&files)?;
            engine.push(settle(&files)?.1);
            files.verify()?;
            for (calls, seconds) in &mut yardsticks {
                files.empty()?;
                seconds.push(bare::run(&files, *calls)?);
            }
        }
        let [watched, unwatched, least] = yardsticks.map(|(_, seconds)| Figure::seconds(seconds));
        let row = |yardstick, budget| Row {
            what: format!("create {count} files, engine"),
            figure: Figure::seconds(engine.clone()),
            yardstick: Some(yardstick),
            budget,
        };
        add(row((watched, "the same calls"), Budget::Times(1.5)));
        add(row((unwatched, "without watching"), Budget::None));
        add(row((least, "fewest calls"), Budget::None));
    }
    Ok(())
}

/// From the load of a catalog of files that are in order until everything has settled.
pub(crate) fn again(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    for count in counts(settings) {
        let files = FileSet::new(count)?;
        files.fill()?;
        let (mut first, mut again, mut loads, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..settings.runs {
            forget(&files)?;
            first.push(settle(&files)?.1);
            let (loaded, settled) = settle(&files)?;
            loads.push(loaded);
            again.push(settled);
            bare.push(bare::run(&files, Calls::Compare)?);
        }
        let row = |what, figure, budget| Row {
            what: format!("{what} over {count} files, engine"),
            figure: Figure::seconds(figure),
            yardstick: Some((Figure::seconds(bare.clone()), "read and compare")),
            budget,
        };
        add(row("run again", again, Budget::Times(1.5)));
        add(Row {
            what: format!("  of which loading {count} resources, one thread"),
            figure: Figure::seconds(loads),
            yardstick: None,
            budget: Budget::None,
        });
        add(row("first run", first, Budget::None));
    }
    Ok(())
}

pub(crate) fn counts(settings: &Settings) -> Vec<usize> {
    if settings.quick { vec![10_000] } else { vec![10_000, 100_000] }
}

/// The next engine reads every file.
fn forget(files: &FileSet) -> anyhow::Result<()> {
    match std::fs::remove_file(files.beside("prefix").join(KNOWN)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A new engine each time, which knows what the one before kept.
fn settle(files: &FileSet) -> anyhow::Result<(f64, f64)> {
    let running = Running::start(&files.beside("prefix"), EngineOptions::default())?;
    let seconds = running.load_and_settle(files.catalog())?;
    running.expect_good()?;
    running.stop();
    Ok(seconds)
}
