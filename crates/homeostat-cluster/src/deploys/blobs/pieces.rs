//! Bytes that come in pieces, from another host or from a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait to be taken.
const WAITING_MAX: usize = 4;
/// Whoever takes nothing for so long gets no more.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Pieces of what is too large to be in one; what makes them ends when this is dropped.
#[derive(Debug)]
pub struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    _task: JoinSet<()>,
}

impl Pieces {
    /// Those that somebody sends.
    pub fn sent_by<F: Future<Output = ()> + Send + 'static>(
        send: impl FnOnce(Sender<io::Result<Bytes>>) -> F,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING_MAX);
        let mut task = JoinSet::new();
        task.spawn(send(sender));
        Self { pieces, _task: task }
    }

    /// Those of bytes that are here.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self::sent_by(async move |sender| {
            let mut rest = Bytes::from(bytes);
            while !rest.is_empty() && !send(&sender, Ok(rest.split_to(PIECE_BYTES.min(rest.len())))).await {}
        })
    }

    /// Those of a file from an offset on, for as long as that may be.
    pub fn of_file(mut file: File, from: u64, may_go_on: impl Fn() -> bool + Send + 'static) -> Self {
        Self::sent_by(async move |sender| {
            let mut is_over = match file.seek(SeekFrom::Start(from)) {
                Ok(_) => false,
                Err(error) => {
                    send(&sender, Err(error)).await;
                    true
                }
            };
            while !is_over && may_go_on() {
                let read = spawn_blocking(move || {
                    let mut piece = vec![0; PIECE_BYTES];
                    let read = file.read(&mut piece);
                    (file, read.map(|read| piece[..read].to_vec()))
                });
                let Ok((same, piece)) = read.await else { return };
                file = same;
                is_over = match piece {
                    Ok(piece) if piece.is_empty() => true,
                    Ok(piece) => send(&sender, Ok(piece.into())).await,
                    Err(error) => {
                        send(&sender, Err(error)).await;
                        true
                    }
                };
            }
        })
    }

    /// The next one; none at the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<io::Result<Bytes>> {
        self.pieces.recv().await
    }

    /// The same for who polls.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.pieces.poll_recv(context)
    }
}

/// Sends one; says whether nobody takes any more.
async fn send(sender: &Sender<io::Result<Bytes>>, piece: io::Result<Bytes>) -> bool {
    !matches!(timeout(SILENCE_MAX, sender.send(piece)).await, Ok(Ok(())))
}
