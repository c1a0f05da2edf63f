//! Stored bodies, whole or still arriving, as the source of an answer.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use privet_cache::BodyReader;

use crate::body::{BodyError, BodySource, SourceError};

/// A body that the cache gives.
pub struct StoredBody {
    /// `None`: there is no body.
    reader: Option<BodyReader>,
    chunk: Bytes,
    /// Bytes that are left behind the chunk, where the length is known.
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
            left: len,
            ended: len == Some(0),
            trailers: Bytes::new(),
        }
    }

    pub fn none() -> Self {
        Self {
            reader: None,
            chunk: Bytes::new(),
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

    fn take(&mut self, chunk: Bytes) -> Result<(), SourceError> {
        if let Some(left) = &mut self.left {
            let rest = left.checked_sub(chunk.len() as u64);
            *left = rest.ok_or(SourceError::Body(BodyError::TooLarge))?;
            self.ended = *left == 0;
        }
        self.chunk = chunk;
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
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        Ok(self.ended || !self.chunk.is_empty())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let Some(reader) = &mut self.reader else {
            return Poll::Ready(self.end());
        };
        Poll::Ready(match ready!(reader.poll_next(cx)) {
            Ok(Some(chunk)) => self.take(chunk),
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

    fn consume(&mut self) {
        self.chunk = Bytes::new();
    }

    fn is_done(&self) -> bool {
        self.ended
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}
