//! Receives the body of an HTTP/1 message.

use std::task::{Context, Poll};

use privet_net::Stream;

use crate::body::{BodyDecoder, BodyError, BodySource, Buffer, SourceError};
use crate::head::BodyLength;

/// Where a body is in its connection's buffer.
pub struct BodyReader {
    decoder: BodyDecoder,
    skip: usize,
    data: usize,
    used: usize,
    /// Bytes of the body that may still come.
    left: u64,
    /// The last read filled its buffer, so a larger one saves reads.
    flows: bool,
}

impl BodyReader {
    /// Starts a body.
    pub fn start(&mut self, length: BodyLength) {
        *self = Self {
            decoder: BodyDecoder::new(length),
            ..Self::default()
        };
    }

    /// Limits the body, before any of it is read.
    pub fn limit(&mut self, most: u64) {
        self.left = most;
    }
}

impl Default for BodyReader {
    fn default() -> Self {
        Self {
            decoder: BodyDecoder::Known(0),
            skip: 0,
            data: 0,
            used: 0,
            left: u64::MAX,
            flows: false,
        }
    }
}

/// A body with the connection that it comes from.
pub struct H1Source<'a> {
    pub reader: &'a mut BodyReader,
    pub stream: &'a mut Stream,
    pub buffer: &'a mut Option<Buffer>,
}

impl BodySource for H1Source<'_> {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        if self.reader.decoder.is_done() {
            return Ok(true);
        }
        let Some(buffer) = self.buffer else {
            return Ok(false);
        };
        let piece = self.reader.decoder.decode(buffer.filled_mut())?;
        if piece.data == 0 {
            buffer.consume(piece.used);
            return Ok(self.reader.decoder.is_done());
        }
        let left = self.reader.left.checked_sub(piece.data as u64);
        self.reader.left = left.ok_or(BodyError::TooLarge)?;
        self.reader.skip = piece.skip;
        self.reader.data = piece.data;
        self.reader.used = piece.used;
        Ok(true)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let held = self.buffer.get_or_insert_with(Buffer::small);
        if self.reader.flows && held.is_empty() {
            *held = Buffer::large();
            self.reader.flows = false;
        }
        match held.poll_fill(cx, self.stream) {
            Poll::Ready(Ok(0)) => Poll::Ready(self.reader.decoder.end().map_err(SourceError::Body)),
            Poll::Ready(Ok(_)) => {
                self.reader.flows = held.is_full();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(SourceError::Read(error))),
            Poll::Pending => {
                if held.is_empty() {
                    *self.buffer = None;
                }
                Poll::Pending
            }
        }
    }

    fn piece(&self) -> &[u8] {
        let filled = self.buffer.as_ref().map(Buffer::filled);
        let end = self.reader.skip + self.reader.data;
        filled
            .and_then(|filled| filled.get(self.reader.skip..end))
            .unwrap_or_default()
    }

    fn consume(&mut self) {
        if let Some(buffer) = self.buffer {
            buffer.consume(self.reader.used);
        }
        self.reader.skip = 0;
        self.reader.data = 0;
        self.reader.used = 0;
    }

    fn is_done(&self) -> bool {
        self.reader.decoder.is_done()
    }

    fn trailers(&self) -> &[u8] {
        self.reader.decoder.trailers()
    }
}
