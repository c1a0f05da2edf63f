//! The reader that gives a body the same way whether it is stored or still received.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::body::{BodyReadError, MemoryBody};
use crate::incoming_reader::IncomingReader;
use crate::store::disk::file_part::FilePart;
use crate::store::disk::reader::DiskReader;

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
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, BodyReadError>> {
        if self.wanted == 0 {
            return Poll::Ready(Ok(None));
        }
        let most = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let piece = match &mut self.source {
            Source::Memory { body, offset } => Poll::Ready(Ok(body.take_piece(offset, most))),
            Source::Disk(reader) => reader.poll_next(cx, most),
            Source::Incoming(reader) => reader.poll_next(cx, most),
            Source::Parts(readers) => poll_parts(readers, cx),
            Source::Unread => Poll::Ready(Err(BodyReadError::Io)),
        };
        if let Poll::Ready(Ok(Some(piece))) = &piece {
            self.wanted -= piece.len() as u64;
        }
        piece
    }

    /// The next bytes where they are in memory already, so that they go out with the head, and several blocks in one write.
    pub fn next_ready(&mut self) -> Option<Bytes> {
        let most = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let piece = match &mut self.source {
            _ if most == 0 => None,
            Source::Memory { body, offset } => body.take_piece(offset, most),
            Source::Disk(reader) => reader.next_ready(most),
            Source::Parts(readers) => readers.front_mut().and_then(BodyReader::next_ready),
            Source::Incoming(reader) => reader.next_ready(most),
            Source::Unread => None,
        }?;
        self.wanted -= piece.len() as u64;
        Some(piece)
    }

    /// The next bytes as a part of a file, which can be sent without being read; none where they are not in one, or were not
    /// checked by this process.
    pub fn next_file(&mut self) -> Option<FilePart> {
        let part = match &mut self.source {
            _ if self.wanted == 0 => None,
            Source::Disk(reader) => reader.next_file(self.wanted),
            Source::Parts(readers) => {
                while readers.front().is_some_and(|reader| reader.wanted == 0) {
                    readers.pop_front();
                }
                readers.front_mut().and_then(BodyReader::next_file)
            }
            Source::Memory { .. } | Source::Incoming(_) | Source::Unread => None,
        }?;
        self.wanted -= part.len;
        Some(part)
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
) -> Poll<Result<Option<Bytes>, BodyReadError>> {
    while let Some(reader) = readers.front_mut() {
        match reader.poll_next(cx) {
            Poll::Ready(Ok(None)) if reader.wanted > 0 => {
                return Poll::Ready(Err(BodyReadError::Aborted));
            }
            Poll::Ready(Ok(None)) => drop(readers.pop_front()),
            other => return other,
        }
    }
    Poll::Ready(Ok(None))
}
