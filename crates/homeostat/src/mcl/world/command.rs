//! Commands whose lines are answers.

use std::process::Stdio;
use std::sync::Arc;

use homeostat_lang::Value;
use homeostat_lang::functions::{Error, Sink};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A line longer than this is cut.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Every line that a command prints. It is killed when nobody listens any more.
pub(super) async fn lines(script: Arc<str>, sink: Sink) {
    let spawned = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return sink(Err(Error::permanent(format!("cannot run `sh`: {error}")))),
    };
    let Some(output) = child.stdout.take() else { return };
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.read_until(b'\n', &mut line).await {
            Ok(0) => break,
            Ok(_) => {
                while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    line.pop();
                }
                line.truncate(LINE_BYTES_MAX);
                sink(Ok(Value::from(String::from_utf8_lossy(&line).into_owned())));
            }
            Err(error) => {
                return sink(Err(Error::permanent(format!("cannot read from the command: {error}"))));
            }
        }
    }
    // What it returns is nobody's concern: its lines are.
    child.wait().await.ok();
}
