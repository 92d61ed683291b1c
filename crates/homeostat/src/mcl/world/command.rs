//! Commands whose lines are answers.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use homeostat_lang::Value;
use homeostat_lang::functions::{Error, Sink};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A line longer than this is cut.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Every line that a command prints, and an empty one if it prints none, so that whoever waits goes on. It is killed when nobody
/// listens any more.
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
    let mut has_answered = false;
    loop {
        match line(&mut output).await {
            Ok(None) => break,
            Ok(Some(line)) => {
                has_answered = true;
                sink(Ok(Value::from(line)));
            }
            Err(error) => {
                return sink(Err(Error::permanent(format!("cannot read from the command: {error}"))));
            }
        }
    }
    // What it returns is nobody's concern: its lines are.
    child.wait().await.ok();
    if !has_answered {
        sink(Ok(Value::from("")));
    }
}

/// The next line, without its end and without what is too long.
async fn line(output: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut is_there = false;
    loop {
        let more = output.fill_buf().await?;
        if more.is_empty() {
            break;
        }
        is_there = true;
        let end = more.iter().position(|byte| *byte == b'\n');
        let part = &more[..end.unwrap_or(more.len())];
        let room = LINE_BYTES_MAX - line.len();
        line.extend_from_slice(&part[..part.len().min(room)]);
        let read = end.map_or(more.len(), |end| end + 1);
        output.consume(read);
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(is_there.then(|| String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What a command answers until it ends.
    async fn answers(script: &str) -> Vec<String> {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = heard.clone();
        let sink: Sink = Arc::new(move |answer| {
            let shown = answer.map_or_else(|error| error.to_string(), |value| value.to_string());
            hears.lock().unwrap().push(shown);
        });
        lines(script.into(), sink).await;
        let heard = heard.lock().unwrap();
        heard.clone()
    }

    #[tokio::test]
    async fn each_line_is_an_answer_and_no_line_is_an_empty_one() {
        assert_eq!(answers("echo a; echo; printf 'b\\r\\nc'").await, ["\"a\"", "\"\"", "\"b\"", "\"c\""]);
        assert_eq!(answers("true").await, ["\"\""]);
        assert_eq!(answers("exit 3").await, ["\"\""]);
        assert_eq!(answers("echo").await, ["\"\""]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut() {
        let said = answers("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end").await;
        assert_eq!(said.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX + 2, 5]);
    }
}
