//! Moves one message from one socket to the other: a head that was written anew, then the body as it comes. The same
//! pump serves both directions.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::buffer::Buffer;
use super::decoder::{BodyDecoder, BodyError};
use super::send::poll_send;
use super::{chunked, trailers};
use crate::head::BodyLength;

/// Pieces of a body up to so many bytes are copied behind the head.
const SMALL_PIECE: usize = 4096;

/// What went wrong, and on which side.
#[derive(Debug)]
pub enum PumpError {
    /// Reading failed.
    Source(io::Error),
    /// What was read breaks the framing.
    Body(BodyError),
    /// Writing failed.
    Sink(io::Error),
}

/// How the body is framed on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFraming {
    /// As many bytes as the head says, or until the connection closes.
    Plain,
    /// Chunks made anew, then the trailers.
    Chunked,
}

pub struct Pump {
    /// What goes out before the piece of the body: the head at first, then chunk headers.
    pub before: Vec<u8>,
    after: Vec<u8>,
    decoder: BodyDecoder,
    out: OutputFraming,
    /// The piece being sent, in the source's buffer.
    skip: usize,
    data: usize,
    used: usize,
    sent: usize,
    sending: bool,
    ended: bool,
    /// The last read filled its buffer: a larger one saves reads.
    flows: bool,
}

impl Pump {
    /// A pump with nothing to do; [`Self::start`] gives it a message.
    pub fn new() -> Self {
        Self {
            before: Vec::new(),
            after: Vec::new(),
            decoder: BodyDecoder::Known(0),
            out: OutputFraming::Plain,
            skip: 0,
            data: 0,
            used: 0,
            sent: 0,
            sending: false,
            ended: true,
            flows: false,
        }
    }

    /// Begins a message. Its head has been written into [`Self::before`].
    pub fn start(&mut self, length: BodyLength, out: OutputFraming) {
        self.decoder = BodyDecoder::new(length);
        self.out = out;
        self.after.clear();
        self.skip = 0;
        self.data = 0;
        self.used = 0;
        self.sent = 0;
        self.sending = false;
        self.ended = false;
        self.flows = false;
    }

    /// Forgets the message; the memory is kept for another up to `keep` bytes.
    pub fn stop(&mut self, keep: usize) {
        self.before.clear();
        self.before.shrink_to(keep);
        self.after.clear();
        self.after.shrink_to(keep);
        self.decoder = BodyDecoder::Known(0);
        self.sending = false;
        self.ended = true;
    }

    pub fn is_done(&self) -> bool {
        self.ended
    }

    /// Moves what can be moved. `moved` counts the body's and heads' bytes as they are written. Ready when the whole
    /// message is out.
    pub fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        buffer: &mut Option<Buffer>,
        sink: &mut W,
        moved: &mut u64,
    ) -> Poll<Result<(), PumpError>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while !self.ended {
            if !self.sending && !self.take_piece(buffer).map_err(PumpError::Body)? {
                ready!(self.poll_read(cx, source, buffer))?;
                continue;
            }
            ready!(self.poll_write(cx, buffer, sink, moved)).map_err(PumpError::Sink)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Makes the next write ready. `false`: bytes have to be read first.
    fn take_piece(&mut self, buffer: &mut Option<Buffer>) -> Result<bool, BodyError> {
        let was_done = self.decoder.is_done();
        if !was_done && let Some(buffer) = buffer.as_mut() {
            let piece = self.decoder.decode(buffer.filled_mut())?;
            self.skip = piece.skip;
            self.data = piece.data;
            self.used = piece.used;
        }
        if self.out == OutputFraming::Chunked {
            if self.data > 0 {
                chunked::write_header(&mut self.before, self.data);
                self.after.extend_from_slice(b"\r\n");
            }
            if self.decoder.is_done() {
                trailers::write_end(&mut self.after, self.decoder.trailers())
                    .map_err(|_| BodyError::Chunk)?;
            }
        }
        if let Some(buffer) = buffer.as_mut() {
            self.join_small_piece(buffer);
        }
        self.sending = self.data > 0 || !self.before.is_empty() || !self.after.is_empty();
        if !self.sending && self.decoder.is_done() {
            self.ended = true;
            return Ok(true);
        }
        Ok(self.sending)
    }

    /// A small piece is copied behind what goes out before it: one plain write is cheaper than a vectored one.
    fn join_small_piece(&mut self, buffer: &mut Buffer) {
        if self.data > SMALL_PIECE {
            return;
        }
        let piece = buffer.filled().get(self.skip..self.skip + self.data);
        self.before.extend_from_slice(piece.unwrap_or_default());
        self.before.append(&mut self.after);
        buffer.consume(self.used);
        self.skip = 0;
        self.data = 0;
        self.used = 0;
    }

    fn poll_read<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        buffer: &mut Option<Buffer>,
    ) -> Poll<Result<(), PumpError>> {
        let held = buffer.get_or_insert_with(Buffer::lend);
        if self.flows && held.is_empty() {
            *held = Buffer::lend_large();
            self.flows = false;
        }
        match held.poll_fill(cx, source) {
            Poll::Ready(Ok(0)) => Poll::Ready(self.decoder.end().map_err(PumpError::Body)),
            Poll::Ready(Ok(_)) => {
                self.flows = held.is_full();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Source(error))),
            Poll::Pending => {
                if held.is_empty() {
                    *buffer = None;
                }
                Poll::Pending
            }
        }
    }

    fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Option<Buffer>,
        sink: &mut W,
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.as_ref().map(Buffer::filled).unwrap_or_default();
        let piece = filled
            .get(self.skip..self.skip + self.data)
            .unwrap_or_default();
        let before = self.sent;
        let result = poll_send(cx, sink, [&self.before, piece, &self.after], &mut self.sent);
        *moved += (self.sent - before) as u64;
        ready!(result)?;
        // TLS keeps what the socket did not take.
        ready!(Pin::new(sink).poll_flush(cx))?;
        if let Some(buffer) = buffer.as_mut() {
            buffer.consume(self.used);
        }
        self.before.clear();
        self.after.clear();
        self.skip = 0;
        self.data = 0;
        self.used = 0;
        self.sent = 0;
        self.sending = false;
        self.ended = self.decoder.is_done();
        Poll::Ready(Ok(()))
    }
}

impl Default for Pump {
    fn default() -> Self {
        Self::new()
    }
}
