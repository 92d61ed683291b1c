//! The socket of a prefix: while an agent runs, commands reach it and its store through it, a JSON line each way.
//!
//! Only the user that the agent runs as, and root, are answered. Lines and connections are bounded.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::VALUE_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::Prefix;
use super::desk::{Desk, Question};
use super::kv::{self, Answer, Request};

const NAME: &str = "socket";
const CONNECTIONS_MAX: usize = 64;
/// A value of which every byte is escaped, its key, and what is around them.
const LINE_BYTES_MAX: usize = VALUE_BYTES_MAX * 8;
/// The longest path that a socket address holds.
const ADDRESS_BYTES_MAX: usize = 107;
/// Somebody who connects and says nothing is let go.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The path of the socket, by a shorter way when it is too long for an address. The file keeps that way open.
fn address(prefix: &Prefix) -> io::Result<(PathBuf, Option<std::fs::File>)> {
    let path = prefix.file(NAME);
    if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return Ok((path, None));
    }
    let dir = std::fs::File::open(prefix.path())?;
    let short = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()));
    Ok((short, Some(dir)))
}

/// The listening end. Removed when dropped.
pub(crate) struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Listens. The lock is held, so a socket that is there was left by somebody who is gone.
    pub(crate) fn bind(prefix: &Prefix) -> io::Result<Self> {
        let (address, _dir) = address(prefix)?;
        match std::fs::remove_file(&address) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&address)?;
        // Nobody else comes this far before: the prefix itself is closed.
        std::fs::set_permissions(&address, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: prefix.file(NAME) })
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self, desk: Desk) {
        let desk = Arc::new(desk);
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS_MAX {
                connections.join_next().await;
                continue;
            }
            match self.listener.accept().await {
                Ok((stream, _)) if is_trusted(&stream) => {
                    connections.spawn(answer(stream, desk.clone()));
                }
                Ok(_) => tracing::warn!("another user tried to use the socket"),
                Err(error) => {
                    tracing::warn!("the socket: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

fn is_trusted(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == us || peer.uid() == 0)
}

/// One connection: requests until it ends.
async fn answer(stream: UnixStream, desk: Arc<Desk>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let line = tokio::time::timeout(SILENCE_MAX, read_line(&mut lines)).await;
        let Ok(Ok(Some(line))) = line else { return };
        let done = match question(&line) {
            Ok(Question::Kv(Request::Watch { prefix })) => {
                // A watch ends when its reader goes away, which only reading tells.
                tokio::select! {
                    done = watch(&*desk.store, &prefix, &mut write) => done,
                    _ = read_line(&mut lines) => return,
                }
            }
            Ok(question) => send(&mut write, &desk.handle(question).await).await,
            Err(error) => send(&mut write, &Answer::Error(format!("not a request: {error}"))).await,
        };
        if done.is_err() {
            return;
        }
    }
}

/// Reads a line.
fn question(line: &str) -> serde_json::Result<Question> {
    serde_json::from_str(line)
}

/// A line, read and written again; none where it is no question.
pub(crate) fn written_again(line: &[u8]) -> Option<Vec<u8>> {
    let question = question(str::from_utf8(line).ok()?).ok()?;
    serde_json::to_vec(&question).ok()
}

async fn watch(store: &dyn Store, prefix: &str, write: &mut OwnedWriteHalf) -> io::Result<()> {
    let mut watch = match kv::Watch::start(store, prefix).await {
        Ok(watch) => watch,
        Err(error) => return send(write, &Answer::Error(error.to_string())).await,
    };
    loop {
        match watch.next(store).await {
            Ok(changes) => {
                for change in changes {
                    send(write, &Answer::Change(change)).await?;
                }
            }
            Err(error) => return send(write, &Answer::Error(error.to_string())).await,
        }
    }
}

async fn send(write: &mut OwnedWriteHalf, answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// A line without its end; none at the end of the stream.
async fn read_line(lines: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    lines.take(limit).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(line).map(Some).map_err(|_| io::ErrorKind::InvalidData.into()),
        Some(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The calling end.
pub(crate) struct Client {
    lines: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Client {
    /// Connects to the agent of a prefix; none when no agent listens there.
    pub(crate) async fn connect(prefix: &Prefix) -> io::Result<Option<Self>> {
        let (address, _dir) = match address(prefix) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        match UnixStream::connect(&address).await {
            Ok(stream) => {
                let (read, write) = stream.into_split();
                Ok(Some(Self { lines: BufReader::new(read), write }))
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks, and waits for the first answer.
    pub(crate) async fn ask<A: DeserializeOwned>(&mut self, question: &Question) -> io::Result<A> {
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        self.write.write_all(&line).await?;
        self.next().await
    }

    /// The next answer.
    pub(crate) async fn next<A: DeserializeOwned>(&mut self) -> io::Result<A> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the agent went away"));
        }
        Ok(serde_json::from_slice(&line)?)
    }
}
