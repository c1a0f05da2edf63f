//! Stored bodies, and the reader that gives a body the same way whether it is stored or still received.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::incoming::IncomingReader;
use crate::store::disk::DiskReader;

/// Bodies are kept, checked and read in blocks of this many bytes; the last one may be shorter.
pub const BLOCK: usize = 64 * 1024;

/// Why the rest of a body cannot be read. What was read before is right, but it is not the whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("the response was not received to its end")]
    Aborted,
    #[error("the response is not stored, and this reader was too slow for the others")]
    Overtaken,
    #[error("the stored response is damaged")]
    Corrupt,
    #[error("the stored response cannot be read")]
    Io,
}

/// A complete body in memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MemoryBody {
    blocks: Blocks,
    /// Boxed because hardly any response has them.
    trailers: Option<Box<Bytes>>,
}

#[derive(Debug, Clone)]
enum Blocks {
    One(Bytes),
    /// All but the last have [`BLOCK`] bytes.
    Several(Arc<[Bytes]>),
}

impl MemoryBody {
    /// `blocks` have [`BLOCK`] bytes each, but for the last one.
    pub(crate) fn new(mut blocks: impl ExactSizeIterator<Item = Bytes>, trailers: Bytes) -> Self {
        let blocks = match blocks.len() {
            0 | 1 => Blocks::One(blocks.next().unwrap_or_default()),
            _ => Blocks::Several(blocks.collect()),
        };
        let trailers = (!trailers.is_empty()).then(|| Box::new(trailers));
        MemoryBody { blocks, trailers }
    }

    pub fn len(&self) -> u64 {
        match &self.blocks {
            Blocks::One(block) => block.len() as u64,
            Blocks::Several(blocks) => {
                let last = blocks.last().map_or(0, Bytes::len);
                (blocks.len() as u64 - 1) * BLOCK as u64 + last as u64
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Trailer fields, `name: value\r\n` each.
    pub fn trailers(&self) -> Bytes {
        self.trailers.as_deref().cloned().unwrap_or_default()
    }

    /// Its blocks, in order.
    pub fn blocks(&self) -> &[Bytes] {
        match &self.blocks {
            Blocks::One(block) if block.is_empty() => &[],
            Blocks::One(block) => std::slice::from_ref(block),
            Blocks::Several(blocks) => blocks,
        }
    }

    /// From `offset` to the end of its block; none at the end.
    fn piece_at(&self, offset: u64) -> Option<Bytes> {
        let block = usize::try_from(offset / BLOCK as u64).ok()?;
        let within = usize::try_from(offset % BLOCK as u64).ok()?;
        let block = self.blocks().get(block)?;
        (within < block.len()).then(|| block.slice(within..))
    }

    /// At most `most` bytes from `offset`, which moves behind them.
    fn take_piece(&self, offset: &mut u64, most: usize) -> Option<Bytes> {
        let mut piece = self.piece_at(*offset)?;
        piece.truncate(most);
        *offset += piece.len() as u64;
        Some(piece)
    }
}

/// Reads a body, or a range of it.
#[derive(Debug)]
pub struct BodyReader {
    source: Source,
    /// Bytes that are still wanted.
    wanted: u64,
}

#[derive(Debug)]
enum Source {
    Memory {
        body: MemoryBody,
        offset: u64,
    },
    Disk(DiskReader),
    Incoming(IncomingReader),
    /// One after the other.
    Parts(VecDeque<BodyReader>),
    Unread,
}

impl BodyReader {
    pub(crate) fn memory(body: MemoryBody, offset: u64, wanted: u64) -> BodyReader {
        let source = Source::Memory { body, offset };
        BodyReader { source, wanted }
    }

    pub(crate) fn disk(reader: DiskReader, wanted: u64) -> BodyReader {
        let source = Source::Disk(reader);
        BodyReader { source, wanted }
    }

    /// A body that cannot be read.
    pub(crate) fn unread() -> BodyReader {
        BodyReader {
            source: Source::Unread,
            wanted: u64::MAX,
        }
    }

    /// Parts that follow each other.
    pub(crate) fn parts(readers: VecDeque<BodyReader>) -> BodyReader {
        BodyReader {
            source: Source::Parts(readers),
            wanted: u64::MAX,
        }
    }

    pub(crate) fn incoming(reader: IncomingReader, wanted: u64) -> BodyReader {
        let source = Source::Incoming(reader);
        BodyReader { source, wanted }
    }

    /// The next bytes; none at the end of the body or of the range. A body in memory never waits.
    ///
    /// # Errors
    ///
    /// Where the rest cannot be had. The body is not complete then.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        if self.wanted == 0 {
            return Poll::Ready(Ok(None));
        }
        let most = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let piece = match &mut self.source {
            Source::Memory { body, offset } => Poll::Ready(Ok(body.take_piece(offset, most))),
            Source::Disk(reader) => reader.poll_next(cx, most),
            Source::Incoming(reader) => reader.poll_next(cx, most),
            Source::Parts(readers) => poll_parts(readers, cx),
            Source::Unread => Poll::Ready(Err(Broken::Io)),
        };
        if let Poll::Ready(Ok(Some(piece))) = &piece {
            self.wanted -= piece.len() as u64;
        }
        piece
    }

    /// The next bytes of a stored body where they are in memory already, so that several blocks go out in one write.
    pub fn next_ready(&mut self) -> Option<Bytes> {
        let most = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let piece = match &mut self.source {
            _ if most == 0 => None,
            Source::Memory { body, offset } => body.take_piece(offset, most),
            Source::Disk(reader) => reader.next_ready(most),
            Source::Parts(readers) => readers.front_mut().and_then(BodyReader::next_ready),
            Source::Incoming(_) | Source::Unread => None,
        }?;
        self.wanted -= piece.len() as u64;
        Some(piece)
    }

    /// The trailer fields, `name: value\r\n` each, once [`poll_next`](Self::poll_next) gave none.
    pub fn trailers(&self) -> Bytes {
        match &self.source {
            Source::Memory { body, .. } => body.trailers(),
            Source::Disk(reader) => reader.trailers(),
            Source::Incoming(reader) => reader.trailers(),
            Source::Parts(_) | Source::Unread => Bytes::new(),
        }
    }
}

fn poll_parts(
    readers: &mut VecDeque<BodyReader>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Bytes>, Broken>> {
    while let Some(reader) = readers.front_mut() {
        match reader.poll_next(cx) {
            Poll::Ready(Ok(None)) if reader.wanted > 0 => return Poll::Ready(Err(Broken::Aborted)),
            Poll::Ready(Ok(None)) => drop(readers.pop_front()),
            other => return other,
        }
    }
    Poll::Ready(Ok(None))
}
