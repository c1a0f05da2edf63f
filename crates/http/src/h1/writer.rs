//! Writes an HTTP/1 message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use privet_cache::FilePart;
use privet_net::Stream;
use privet_net::send_file::SENDS_FILES;
use tokio::io::AsyncWrite;

use super::send::{poll_send, poll_send_blocks, poll_send_with_file};
use crate::body::{BodyError, BodySink, Piece, chunked, trailers};

/// Body data up to this many bytes is copied behind the head.
const SMALL_PIECE: usize = 4096;

/// Longer vectors are not kept for the next message, in bytes.
pub const KEPT_BYTES: usize = 16 * 1024;

/// The framing of a body that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutputFraming {
    /// As many bytes as the head announces, or until the connection closes.
    #[default]
    Plain,
    /// New chunks, then the trailers.
    Chunked,
}

/// What is queued of a message.
#[derive(Default)]
pub struct MessageWriter {
    /// Sent before the body data: first the head, then chunk headers.
    before: Vec<u8>,
    after: Vec<u8>,
    framing: OutputFraming,
    sent: usize,
    /// Bytes of the message were written.
    started: bool,
}

impl MessageWriter {
    /// Starts a message. `write` appends its head, whose size is returned.
    pub fn start(&mut self, framing: OutputFraming, write: impl FnOnce(&mut Vec<u8>)) -> u64 {
        self.before.clear();
        self.after.clear();
        self.framing = framing;
        self.sent = 0;
        self.started = false;
        write(&mut self.before);
        self.before.len() as u64
    }

    /// Drops the message. Up to `keep` bytes of memory stay allocated.
    pub fn stop(&mut self, keep: usize) {
        self.before.clear();
        self.before.shrink_to(keep);
        self.after.clear();
        self.after.shrink_to(keep);
    }
}

/// A message with the connection that it is written to.
pub struct H1Sink<'a> {
    pub writer: &'a mut MessageWriter,
    pub stream: &'a mut Stream,
}

impl BodySink for H1Sink<'_> {
    fn has_queued(&self) -> bool {
        !self.writer.before.is_empty()
    }

    /// A small piece is copied behind what goes out before it: one plain write costs less than a vectored one.
    fn frame(&mut self, piece: &[u8], end: Option<&[u8]>) -> Result<Piece, BodyError> {
        let writer = &mut *self.writer;
        if writer.framing == OutputFraming::Chunked {
            if !piece.is_empty() {
                chunked::write_header(&mut writer.before, piece.len());
                writer.after.extend_from_slice(b"\r\n");
            }
            if let Some(lines) = end {
                trailers::write_end(&mut writer.after, lines).map_err(|_| BodyError::Chunk)?;
            }
        }
        if piece.len() > SMALL_PIECE {
            return Ok(Piece::Borrowed);
        }
        writer.before.extend_from_slice(piece);
        writer.before.append(&mut writer.after);
        Ok(Piece::Copied)
    }

    /// Blocks have no framing of their own. What is written to TLS is cut into records anyway.
    fn takes_blocks(&self) -> bool {
        self.writer.framing == OutputFraming::Plain && matches!(self.stream, Stream::Tcp(_))
    }

    /// TLS encrypts what it sends.
    fn takes_files(&self) -> bool {
        SENDS_FILES && self.takes_blocks()
    }

    fn poll_write_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &FilePart,
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        let (writer, stream) = (&mut *self.writer, &mut *self.stream);
        let before = writer.sent;
        let result = poll_send_with_file(cx, stream, &writer.before, file, &mut writer.sent);
        *moved += (writer.sent - before) as u64;
        writer.started |= writer.sent > before;
        ready!(result)?;
        writer.before.clear();
        writer.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        piece: &[u8],
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        self.poll_write_blocks(cx, piece, &[], moved)
    }

    fn poll_write_blocks(
        &mut self,
        cx: &mut Context<'_>,
        piece: &[u8],
        blocks: &[Bytes],
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        let writer = &mut *self.writer;
        let pieces = [&writer.before[..], piece, &writer.after[..]];
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Poll::Ready(Ok(()));
        }
        let before = writer.sent;
        let result = match blocks {
            [] => poll_send(cx, self.stream, pieces, &mut writer.sent),
            _ => {
                let first = [&writer.before[..], piece];
                poll_send_blocks(cx, self.stream, first, blocks, &mut writer.sent)
            }
        };
        *moved += (writer.sent - before) as u64;
        writer.started |= writer.sent > before;
        ready!(result)?;
        // TLS buffers what the socket did not take.
        ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
        writer.before.clear();
        writer.after.clear();
        writer.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn has_started(&self) -> bool {
        self.writer.started
    }
}
