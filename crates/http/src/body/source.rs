//! The two ends of a message on its way: where its body comes from, and where the message is written.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use privet_cache::FilePart;

use super::decoder::BodyError;

/// Why no more of a body can be had.
#[derive(Debug)]
pub enum SourceError {
    /// Reading failed.
    Read(io::Error),
    /// The bytes violate the framing, or end too early.
    Body(BodyError),
}

/// The body of a message that is being received. Its pieces are borrowed from the reader's own buffer.
pub trait BodySource {
    /// Finds the next piece in what was received already. `false`: more has to be read first.
    ///
    /// # Errors
    /// The bytes violate the framing.
    fn next_piece(&mut self) -> Result<bool, BodyError>;

    /// Reads once.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>>;

    /// The current piece; may be empty.
    fn piece(&self) -> &[u8];

    /// Takes further blocks of the body that need no wait: they belong to the current piece from here on, behind its bytes.
    /// Only a source that has bytes in memory takes any.
    fn take_blocks(&mut self) {}

    /// These blocks.
    fn blocks(&self) -> &[Bytes] {
        &[]
    }

    /// Makes the next bytes of the body, which are in a file, the current piece. `false`: they are not.
    fn next_file(&mut self) -> bool {
        false
    }

    /// The file that the current piece is in.
    fn file(&self) -> Option<&FilePart> {
        None
    }

    /// Drops the current piece.
    fn consume(&mut self);

    /// Whether nothing follows the current piece.
    fn is_done(&self) -> bool;

    /// The trailer lines of a body that is done, each with its CRLF.
    fn trailers(&self) -> &[u8];

    /// Whether the message's head may not go on before more of the body was judged.
    fn holds_head(&self) -> bool {
        false
    }
}

/// Whether a sink still needs a piece while it writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// It was copied.
    Copied,
    /// It is written from where it is.
    Borrowed,
}

/// Where a message is written. Its head was queued before.
pub trait BodySink {
    /// Whether something is queued.
    fn has_queued(&self) -> bool;

    /// Queues what frames a piece. `trailers`: set for the last piece.
    ///
    /// # Errors
    /// The trailers are malformed.
    fn frame(&mut self, piece: &[u8], trailers: Option<&[u8]>) -> Result<Piece, BodyError>;

    /// Whether it writes blocks behind a piece, so that many go out in one system call.
    fn takes_blocks(&self) -> bool {
        false
    }

    /// Whether it sends pieces that are in files.
    fn takes_files(&self) -> bool {
        false
    }

    /// Writes what is queued, and a piece that is in a file. Only where it takes these.
    fn poll_write_file(
        &mut self,
        _cx: &mut Context<'_>,
        _file: &FilePart,
        _moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Writes what is queued, the piece, and the blocks behind it, where it takes any.
    fn poll_write_blocks(
        &mut self,
        cx: &mut Context<'_>,
        piece: &[u8],
        _blocks: &[Bytes],
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        self.poll_write(cx, piece, moved)
    }

    /// Writes what is queued, and the piece. `moved` counts bytes as they are written, heads included.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        piece: &[u8],
        moved: &mut u64,
    ) -> Poll<io::Result<()>>;

    /// Whether a byte of the message was written.
    fn has_started(&self) -> bool;
}
