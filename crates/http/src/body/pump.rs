//! Moves one message from one stream to another: a rewritten head, then the body as it arrives. Used in both
//! directions.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::buffer::Buffer;
use super::decoder::{BodyDecoder, BodyError};
use super::send::poll_send;
use super::{chunked, trailers};
use crate::head::BodyLength;

/// Body data up to this many bytes is copied behind the head.
const SMALL_PIECE: usize = 4096;

/// What failed, and on which side.
#[derive(Debug)]
pub enum PumpError {
    /// Reading failed.
    Source(io::Error),
    /// The source's bytes violate the framing.
    Body(BodyError),
    /// Writing failed.
    Sink(io::Error),
}

/// The framing of the body on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFraming {
    /// As many bytes as the head announces, or until the connection closes.
    Plain,
    /// New chunks, then the trailers.
    Chunked,
}

pub struct Pump {
    /// Sent before the body data: first the head, then chunk headers.
    pub before: Vec<u8>,
    after: Vec<u8>,
    decoder: BodyDecoder,
    out: OutputFraming,
    /// The data being sent, in the source's buffer.
    skip: usize,
    data: usize,
    used: usize,
    sent: usize,
    sending: bool,
    ended: bool,
    /// Bytes of the message were written.
    started: bool,
    /// The last read filled its buffer, so a larger one saves reads.
    flows: bool,
}

impl Pump {
    /// A pump without a message; [`Self::start`] gives it one.
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
            started: false,
            flows: false,
        }
    }

    /// Starts a message. Its head is in [`Self::before`].
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
        self.started = false;
        self.flows = false;
    }

    /// Drops the message. Up to `keep` bytes of memory stay allocated.
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

    /// Whether the next step is to read more of the body.
    pub fn waits_for_source(&self) -> bool {
        !self.ended && !self.sending && !self.decoder.is_done()
    }

    /// Whether a byte of the message was written.
    pub fn has_started(&self) -> bool {
        self.started
    }

    /// Moves what can be moved. `moved` counts bytes as they are written, heads included. Ready when the whole
    /// message is written.
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

    /// Prepares the next write. `false`: more bytes have to be read first.
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

    /// Copies small body data behind what goes out before it: one plain write costs less than a vectored one.
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
        let held = buffer.get_or_insert_with(Buffer::small);
        if self.flows && held.is_empty() {
            *held = Buffer::large();
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
        self.started |= self.sent > before;
        ready!(result)?;
        // TLS buffers what the socket did not take.
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
