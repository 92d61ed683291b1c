//! What etcd says, in a file that does not grow without end.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde_json::Value as Json;

/// A file of this size is put aside, in the place of the one before.
const BYTES_MAX: u64 = 4 << 20;
/// Of what it said last, a person needs no more characters.
const WORDS_MAX: usize = 400;

pub(super) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    last: String,
    /// What it ended itself with; nothing after that counts.
    fatal: Option<String>,
}

impl Log {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file, bytes, last: String::new(), fatal: None })
    }

    /// Takes a line. A disk that is full must not stop etcd, so errors are let go.
    pub(super) fn line(&mut self, line: &[u8]) {
        if self.bytes > BYTES_MAX {
            drop(std::fs::rename(&self.path, self.path.with_extension("log.old")));
            if let Ok(fresh) = Self::open(self.path.clone()) {
                (self.file, self.bytes) = (fresh.file, fresh.bytes);
            }
        }
        if self.file.write_all(line).is_ok() {
            self.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
        }
        let text = words(line);
        let is_fatal = [" C | ", "fatal: ", "panic: "].iter().any(|mark| text.contains(mark));
        if is_fatal && self.fatal.is_none() {
            self.fatal = Some(text.clone());
        }
        if !text.is_empty() {
            self.last = text;
        }
    }

    /// Why it ended, as far as it said so.
    pub(super) fn last_words(self) -> Option<String> {
        self.fatal.or(Some(self.last)).filter(|words| !words.is_empty())
    }
}

/// A line for a person. Later versions of etcd write JSON, whose longest part is where in etcd it was written.
fn words(line: &[u8]) -> String {
    let said = read(line).unwrap_or_else(|| String::from_utf8_lossy(line).into_owned());
    said.trim().chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

fn read(line: &[u8]) -> Option<String> {
    let said: serde_json::Map<String, Json> = serde_json::from_slice(line).ok()?;
    let text = |name: &str| said.get(name).and_then(Json::as_str);
    let (level, message) = (text("level")?, text("msg")?);
    let known = ["level", "ts", "caller", "msg", "error", "stacktrace"];
    let more = said.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    let more = text("error")
        .map(str::to_owned)
        .into_iter()
        .chain(more.map(|(name, value)| format!("{name} {value}")));
    let more: Vec<_> = more.collect();
    let all = if more.is_empty() { String::new() } else { format!(": {}", more.join(", ")) };
    Some(format!("{level}: {message}{all}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_remembers_why_etcd_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcd.log");
        let mut log = Log::open(path.clone()).unwrap();
        let line = vec![b'x'; 64 << 10];
        for _ in 0..200 {
            log.line(&line);
        }
        log.line(b"2026-01-01 C | etcdmain: cannot \x1b[1mopen\n");
        log.line(b"goroutine 1\n");
        let kept = |path: &std::path::Path| std::fs::metadata(path).unwrap().len();
        assert!(kept(&path) + kept(&path.with_extension("log.old")) < 3 * BYTES_MAX);
        assert_eq!(log.last_words().unwrap(), "2026-01-01 C | etcdmain: cannot [1mopen");
    }

    #[test]
    fn why_etcd_ended_is_read_from_lines_of_json_too() {
        let dir = tempfile::tempdir().unwrap();
        let of = |lines: &[&str]| {
            let mut log = Log::open(dir.path().join("etcd.log")).unwrap();
            lines.iter().for_each(|line| log.line(format!("{line}\n").as_bytes()));
            log.last_words().unwrap()
        };
        let full = r#"{"level":"fatal","ts":"2026-01-01T00:00:00Z","caller":"backend/batch_tx.go:256","msg":"failed to commit tx","error":"write db: no space left on device","stacktrace":"a\n\tb"}"#;
        let after = r#"{"level":"info","ts":"","caller":"","msg":"closed"}"#;
        assert_eq!(of(&[full, after]), "fatal: failed to commit tx: write db: no space left on device");
        let newer = r#"{"level":"panic","msg":"invalid downgrade","cluster-version":"3.5"}"#;
        assert_eq!(
            of(&[newer, "panic: invalid downgrade"]),
            r#"panic: invalid downgrade: cluster-version "3.5""#
        );
        assert_eq!(of(&[after]), "info: closed");
        assert_eq!(of(&["{}"]), "{}");
    }
}
