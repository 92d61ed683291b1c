//! The whole program: reading the text, everything else, and its start.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use rustix::fs::inotify::WatchFlags;

use super::files::counts;
use crate::Settings;
use crate::bare::{self, Calls};
use crate::fileset::{FileSet, name};
use crate::repairing::{wait_for, watch};
use crate::report::{Budget, Figure, Row};

const START_MAX: f64 = 10e-3;

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let program = program()?;
    start(&program, settings, add)?;
    for count in counts(settings) {
        let files = FileSet::new(count)?;
        let yaml = files.write_yaml()?;
        let (mut created, mut least, mut again, mut compared) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..settings.runs {
            files.empty()?;
            least.push(bare::run(&files, Calls::CreateAsKind)?);
            files.empty()?;
            created.push(once(&program, &files, &yaml)?);
            files.verify()?;
            again.push(once(&program, &files, &yaml)?);
            compared.push(bare::run(&files, Calls::Compare)?);
        }
        add(Row {
            what: format!("create {count} files, whole process"),
            figure: Figure::seconds(created),
            yardstick: Some((Figure::seconds(least), "the same calls")),
            budget: Budget::None,
        });
        add(Row {
            what: format!("run again over {count} files, whole process"),
            figure: Figure::seconds(again),
            yardstick: Some((Figure::seconds(compared), "read and compare")),
            budget: Budget::Times(3.0),
        });
    }
    Ok(())
}

/// From before the process exists until its first file has its name: the first check lies before that, so it is sooner.
fn start(program: &Path, settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let files = FileSet::new(1)?;
    let yaml = files.write_yaml()?;
    let mut starts = Vec::new();
    for _ in 0..settings.runs {
        files.empty()?;
        let arrivals = watch(&files.path(), WatchFlags::CREATE)?;
        let started = Instant::now();
        let child = command(program, &files, &yaml).spawn()?;
        wait_for(&arrivals, &name(0))?;
        starts.push(started.elapsed().as_secs_f64());
        expect_success(&child.wait_with_output()?)?;
    }
    add(Row {
        what: "start of the program to the end of its first apply".to_owned(),
        figure: Figure::seconds(starts),
        yardstick: None,
        budget: Budget::AtMost(START_MAX),
    });
    Ok(())
}

fn once(program: &Path, files: &FileSet, yaml: &Path) -> anyhow::Result<f64> {
    let started = Instant::now();
    let output = command(program, files, yaml).output()?;
    let seconds = started.elapsed().as_secs_f64();
    expect_success(&output)?;
    Ok(seconds)
}

fn command(program: &Path, files: &FileSet, yaml: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["run", "--once", "--prefix"]).arg(files.beside("prefix")).arg(yaml);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn expect_success(output: &Output) -> anyhow::Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "homeostat: {}: {said}", output.status);
    Ok(())
}

/// `$HOMEOSTAT`, or the release build beside this program.
fn program() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("HOMEOSTAT") {
        return Ok(named.into());
    }
    let beside = std::env::current_exe()?.with_file_name("homeostat");
    anyhow::ensure!(beside.exists(), "{} is not built; or name it in $HOMEOSTAT", beside.display());
    Ok(beside)
}
