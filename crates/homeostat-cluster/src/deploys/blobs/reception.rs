//! Taking in one large file: pieces go to a temporary file and through the hash at once, and what came last time is gone on with.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::super::manifest::Hash;
use super::depot::Claim;
use super::pieces::Pieces;

/// What is asked of whoever gives.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// No longer without a piece.
    pub silence: Duration,
    /// So much in each period of this length, or the next one is asked.
    pub bytes: u64,
    /// That length.
    pub period: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(10), bytes: 256 << 10, period: Duration::from_secs(10) }
    }
}

/// A large file that is being taken in.
#[derive(Debug)]
pub struct Reception {
    claim: Arc<Claim>,
    bytes: u64,
    at: u64,
    file: Arc<File>,
    hasher: blake3::Hasher,
}

/// Why somebody's bytes were not enough.
#[derive(Debug, thiserror::Error)]
pub enum ReceptionError {
    /// It stopped.
    #[error("it broke off")]
    BrokeOff(#[source] io::Error),
    /// It ended too early.
    #[error("it ended too early")]
    TooShort,
    /// It gave more than there is.
    #[error("it is too long")]
    TooLong,
    /// It was silent, or slower than it may be.
    #[error("it is too slow")]
    TooSlow,
    /// It is something else.
    #[error("it is something else than its name says")]
    Different,
    /// Our disk.
    #[error("it cannot be kept")]
    Disk(#[source] io::Error),
}

impl Reception {
    pub(super) async fn begin(claim: Claim, bytes: u64) -> io::Result<Self> {
        let path = claim.part();
        let open = move || {
            let mut options = OpenOptions::new();
            let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
            let mut hasher = blake3::Hasher::new();
            let at = io::copy(&mut file, &mut hasher)?;
            Ok::<_, io::Error>((Arc::new(file), hasher, at))
        };
        let (file, hasher, at) = spawn_blocking(open).await.map_err(io::Error::other)??;
        let mut reception = Self { claim: Arc::new(claim), bytes, at, file, hasher };
        if at > bytes {
            reception.begin_anew()?;
        }
        Ok(reception)
    }

    /// How much is there.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Forgets what is there.
    fn begin_anew(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.hasher.reset();
        self.at = 0;
        self.claim.reached(0);
        Ok(())
    }

    /// Takes in what somebody gives from [`Self::at`] on, up to the end. What came stays, however it ends.
    pub async fn take(&mut self, pieces: &mut Pieces, patience: Patience) -> Result<(), ReceptionError> {
        let mut period = (Instant::now(), self.at);
        while self.at < self.bytes {
            let piece = match timeout(patience.silence, pieces.next()).await {
                Ok(Some(piece)) => piece.map_err(ReceptionError::BrokeOff)?,
                Ok(None) => return Err(ReceptionError::TooShort),
                Err(_) => return Err(ReceptionError::TooSlow),
            };
            if piece.len() as u64 > self.bytes - self.at {
                return Err(ReceptionError::TooLong);
            }
            self.at += piece.len() as u64;
            self.write(piece).await.map_err(ReceptionError::Disk)?;
            self.claim.reached(self.at);
            if period.0.elapsed() >= patience.period {
                if self.at - period.1 < patience.bytes {
                    return Err(ReceptionError::TooSlow);
                }
                period = (Instant::now(), self.at);
            }
        }
        Ok(())
    }

    /// Puts it in its place, if it is what its name says; or else all of it is forgotten.
    pub async fn finish(&mut self) -> Result<PathBuf, ReceptionError> {
        if self.at != self.bytes || Hash::finished(&self.hasher) != self.claim.hash {
            self.begin_anew().map_err(ReceptionError::Disk)?;
            return Err(ReceptionError::Different);
        }
        let (file, claim) = (self.file.clone(), self.claim.clone());
        let put = move || {
            file.sync_all()?;
            claim.arrived()
        };
        spawn_blocking(put).await.map_err(io::Error::other).flatten().map_err(ReceptionError::Disk)
    }

    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.hasher.update(&piece);
        // Who is dropped meanwhile has claimed it until this is written: nobody else goes on with half of it.
        let (file, claim) = (self.file.clone(), self.claim.clone());
        let write = move || {
            if claim.is_given() && !claim.has_room()? {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = (&*file).write_all(&piece);
            drop(claim);
            written
        };
        spawn_blocking(write).await.map_err(io::Error::other)?
    }
}
