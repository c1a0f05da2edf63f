//! Stored bodies, whole or still arriving, as the source of an answer.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use privet_cache::{BodyReader, FilePart};

use crate::body::{BodyError, BodySource, SourceError};

/// Blocks that are written behind a piece: a piece of 64 KiB and these are 1 MiB.
const BLOCKS: usize = 15;

/// A body that the cache gives.
pub struct StoredBody {
    /// `None`: there is no body.
    reader: Option<BodyReader>,
    chunk: Bytes,
    /// What is written with the chunk, behind it.
    blocks: Vec<Bytes>,
    /// The piece that is in a file, in place of a chunk.
    file: Option<FilePart>,
    /// Bytes that are left behind the chunk, the blocks and the file's part, where the length is known.
    left: Option<u64>,
    ended: bool,
    trailers: Bytes,
}

impl StoredBody {
    /// `len`: of what the reader gives, where it is known.
    pub fn new(reader: BodyReader, len: Option<u64>) -> Self {
        Self {
            reader: Some(reader),
            chunk: Bytes::new(),
            blocks: Vec::new(),
            file: None,
            left: len,
            ended: len == Some(0),
            trailers: Bytes::new(),
        }
    }

    pub fn none() -> Self {
        Self {
            reader: None,
            chunk: Bytes::new(),
            blocks: Vec::new(),
            file: None,
            left: Some(0),
            ended: true,
            trailers: Bytes::new(),
        }
    }

    pub fn is_none(&self) -> bool {
        self.reader.is_none()
    }

    /// The current piece.
    pub fn current(&self) -> &[u8] {
        &self.chunk
    }

    /// Counts bytes that the reader gave.
    fn count(&mut self, bytes: u64) -> Result<(), BodyError> {
        if let Some(left) = &mut self.left {
            let rest = left.checked_sub(bytes);
            *left = rest.ok_or(BodyError::TooLarge)?;
            self.ended = *left == 0;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), SourceError> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(SourceError::Body(BodyError::Truncated));
        }
        if let Some(reader) = &self.reader {
            self.trailers = reader.trailers();
        }
        self.ended = true;
        Ok(())
    }
}

impl BodySource for &mut StoredBody {
    /// What is in memory goes out with the head, in one write.
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        if !self.ended
            && self.chunk.is_empty()
            && let Some(chunk) = self.reader.as_mut().and_then(BodyReader::next_ready)
        {
            self.count(chunk.len() as u64)?;
            self.chunk = chunk;
        }
        Ok(self.ended || !self.chunk.is_empty())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let Some(reader) = &mut self.reader else {
            return Poll::Ready(self.end());
        };
        Poll::Ready(match ready!(reader.poll_next(cx)) {
            Ok(Some(chunk)) => {
                self.count(chunk.len() as u64).map_err(SourceError::Body)?;
                self.chunk = chunk;
                Ok(())
            }
            Ok(None) => self.end(),
            Err(broken) => {
                tracing::debug!(%broken, "a stored body ended early");
                Err(SourceError::Body(BodyError::Truncated))
            }
        })
    }

    fn piece(&self) -> &[u8] {
        &self.chunk
    }

    /// Only where the length is known, so that it is known too which block is the last one.
    fn take_blocks(&mut self) {
        while self.left.is_some()
            && !self.ended
            && self.blocks.len() < BLOCKS
            && let Some(block) = self.reader.as_mut().and_then(BodyReader::next_ready)
        {
            // The next read finds that the length is wrong.
            if self.count(block.len() as u64).is_err() {
                return;
            }
            self.blocks.push(block);
        }
    }

    fn blocks(&self) -> &[Bytes] {
        &self.blocks
    }

    /// Only where the length is known, so that it is known too which part is the last one.
    fn next_file(&mut self) -> bool {
        if self.left.is_none() || self.ended || !self.chunk.is_empty() {
            return false;
        }
        let Some(part) = self.reader.as_mut().and_then(BodyReader::next_file) else {
            return false;
        };
        // The next read finds that the length is wrong.
        if self.count(part.len).is_err() {
            return false;
        }
        self.file = Some(part);
        true
    }

    fn file(&self) -> Option<&FilePart> {
        self.file.as_ref()
    }

    fn consume(&mut self) {
        self.chunk = Bytes::new();
        self.file = None;
        self.blocks.clear();
    }

    fn is_done(&self) -> bool {
        self.ended
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}
