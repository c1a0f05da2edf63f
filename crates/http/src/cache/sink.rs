//! Writes the body of a response into the cache.

use std::io;
use std::task::{Context, Poll, ready};

use privet_cache::FillWriter;

use crate::body::{BodyError, BodySink, Piece, trailers};
use crate::headers::write_field;

/// The body of a response that is being stored. Only its last piece completes it.
pub struct StoreSink {
    /// `None`: the body is complete.
    writer: Option<FillWriter>,
    /// The trailer lines of the piece that is the last one.
    end: Option<Vec<u8>>,
}

impl StoreSink {
    pub fn new(writer: FillWriter) -> Self {
        Self {
            writer: Some(writer),
            end: None,
        }
    }

    /// Ready once nobody reads the body any more.
    pub fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.writer {
            Some(writer) => writer.poll_unread(cx),
            None => Poll::Pending,
        }
    }

    /// Bytes that are on disk, where the body waits for the disk to write more.
    pub fn waits_for_disk(&self) -> Option<u64> {
        self.writer.as_ref().and_then(FillWriter::waits_for_disk)
    }

    /// Goes on without the disk.
    pub fn leave_disk(&self) {
        if let Some(writer) = &self.writer {
            writer.leave_disk();
        }
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        writer.push(piece).map_err(io::Error::other)?;
        let Some(lines) = self.end.take() else {
            return Ok(());
        };
        match self.writer.take() {
            Some(writer) => writer.finish(&lines).map_err(io::Error::other).map(drop),
            None => Ok(()),
        }
    }
}

impl BodySink for &mut StoreSink {
    fn has_queued(&self) -> bool {
        false
    }

    fn frame(&mut self, _: &[u8], lines: Option<&[u8]>) -> Result<Piece, BodyError> {
        if let Some(lines) = lines {
            let mut kept = Vec::new();
            if !lines.is_empty() {
                trailers::for_each(lines, |name, value| write_field(&mut kept, name, value))
                    .map_err(|_| BodyError::Chunk)?;
            }
            self.end = Some(kept);
        }
        Ok(Piece::Borrowed)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        piece: &[u8],
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        if let Some(writer) = &mut self.writer {
            ready!(writer.poll_ready(cx)).map_err(io::Error::other)?;
        }
        self.write(piece)?;
        *moved += piece.len() as u64;
        Poll::Ready(Ok(()))
    }

    fn has_started(&self) -> bool {
        true
    }
}
