//! A body that goes out in pieces, of a size that is known.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use homeostat_cluster::deploys::blobs::Pieces;
use hyper::body::{Body, Bytes, Frame, SizeHint};

/// So many bytes of these pieces. When there are fewer, the connection ends.
pub(super) struct Outgoing {
    pieces: Pieces,
    left: u64,
}

impl Outgoing {
    pub(super) fn new(pieces: Pieces, bytes: u64) -> Self {
        Self { pieces, left: bytes }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.pieces.poll_next(context).map(|next| {
            let mut piece = match next {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Some(Err(error)),
                None => return Some(Err(io::ErrorKind::UnexpectedEof.into())),
            };
            piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= piece.len() as u64;
            Some(Ok(Frame::data(piece)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
