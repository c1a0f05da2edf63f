//! The sending half of a stream. What waits to be written to the connection's socket is bounded for all its streams
//! together: a peer that opens wide windows and does not read holds no more than that.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::HeaderMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

use super::error::to_io;

/// Bytes of bodies that wait to be written to the socket of one connection.
const WAITING: usize = 512 * 1024;
/// The most bytes of one DATA frame, so that no stream takes all of that.
const PIECE: usize = 16 * 1024;

/// One connection's bound on bytes that wait to be written.
#[derive(Clone)]
pub struct SendBudget(PollSemaphore);

impl Default for SendBudget {
    fn default() -> Self {
        Self(PollSemaphore::new(Arc::new(Semaphore::new(WAITING))))
    }
}

/// Bytes of a body; they count until they are written.
struct Counted {
    bytes: Box<[u8]>,
    _waiting: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

pub struct SendHalf {
    stream: SendStream<Bytes>,
    budget: SendBudget,
}

impl SendHalf {
    pub fn new(stream: SendStream<Bytes>, budget: SendBudget) -> Self {
        Self { stream, budget }
    }

    /// Sends as many of these bytes as the peer's windows and the budget take, at least one. `last`: the stream ends with
    /// the last of them.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        self.stream.reserve_capacity(bytes.len());
        // What was granted before and not used is not announced again.
        let mut room = self.stream.capacity();
        while room == 0 {
            room = match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(room)) => room,
                Some(Err(error)) => return Poll::Ready(Err(to_io(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        let count = room.min(bytes.len()).min(PIECE);
        let waiting = ready!(self.budget.0.poll_acquire_many(cx, count as u32));
        let piece = Counted {
            bytes: bytes.get(..count).unwrap_or_default().into(),
            // The semaphore is never closed.
            _waiting: waiting.ok_or(io::ErrorKind::BrokenPipe)?,
        };
        let ends = last && count == bytes.len();
        let sent = self.stream.send_data(Bytes::from_owner(piece), ends);
        Poll::Ready(sent.map(|()| count).map_err(to_io))
    }

    /// Ends the stream.
    pub fn end(&mut self) -> io::Result<()> {
        self.stream.send_data(Bytes::new(), true).map_err(to_io)
    }

    pub fn end_with(&mut self, trailers: HeaderMap) -> io::Result<()> {
        self.stream.send_trailers(trailers).map_err(to_io)
    }

    pub fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }

    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reason, h2::Error>> {
        self.stream.poll_reset(cx)
    }
}
