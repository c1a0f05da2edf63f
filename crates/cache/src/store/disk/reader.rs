//! Reading a body from disk, a few blocks ahead.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::blocks::Blocks;
use super::file_part::FilePart;
use super::format::Record;
use super::queue::Queue;
use super::read_job::ReadJob;
use super::read_slot::ReadSlot;
use crate::body::{BLOCK, BodyReadError};

/// Blocks that one job reads.
const AHEAD: u64 = 4;

/// A body on disk. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct DiskBody(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    blocks: Arc<Blocks>,
    /// None while the body arrives.
    record: Option<Arc<Record>>,
    reads: Arc<Queue<ReadJob>>,
    trailers: Bytes,
}

impl DiskBody {
    pub(super) fn new(
        blocks: Arc<Blocks>,
        record: Option<Arc<Record>>,
        reads: Arc<Queue<ReadJob>>,
        trailers: Bytes,
    ) -> DiskBody {
        DiskBody(Arc::new(Inner {
            blocks,
            record,
            reads,
            trailers,
        }))
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.blocks.len()
    }

    pub(crate) fn trailers(&self) -> &Bytes {
        &self.0.trailers
    }

    /// Whether its beginning was read and checked by this process, and the file is open.
    pub(crate) fn begins_checked(&self) -> bool {
        self.0.blocks.is_checked(0) && self.0.blocks.if_open().is_some()
    }

    pub(crate) fn reader(&self, offset: u64) -> DiskReader {
        DiskReader {
            body: self.clone(),
            open: self.0.blocks.if_open(),
            offset,
            blocks: VecDeque::new(),
            next_block: offset / BLOCK as u64,
            reading: None,
        }
    }
}

/// Reads a body on disk. Each block was checked before it is given.
#[derive(Debug)]
pub(crate) struct DiskReader {
    body: DiskBody,
    /// Kept open as long as this reads.
    open: Option<Arc<File>>,
    offset: u64,
    /// Blocks that were read; the first one has `offset`.
    blocks: VecDeque<Bytes>,
    next_block: u64,
    reading: Option<Arc<ReadSlot>>,
}

impl DiskReader {
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Bytes>, BodyReadError>> {
        loop {
            if self.offset >= self.body.len() {
                return Poll::Ready(Ok(None));
            }
            if let Some(piece) = self.take(most) {
                self.read_ahead();
                return Poll::Ready(Ok(Some(piece)));
            }
            self.read_ahead();
            let Some(reading) = &self.reading else {
                return Poll::Ready(Err(BodyReadError::Io));
            };
            match reading.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
                Poll::Ready(Ok(blocks)) if blocks.is_empty() => {
                    return Poll::Ready(Err(BodyReadError::Corrupt));
                }
                Poll::Ready(Ok(blocks)) => {
                    self.reading = None;
                    self.open = self.open.take().or_else(|| self.body.0.blocks.if_open());
                    self.next_block += blocks.len() as u64;
                    self.blocks.extend(blocks);
                }
            }
        }
    }

    /// The next bytes, where they were read already.
    pub(crate) fn next_ready(&mut self, most: usize) -> Option<Bytes> {
        let piece = self.take(most)?;
        self.read_ahead();
        Some(piece)
    }

    /// The next bytes, up to `most`, as a part of the file; none where they have to be read first.
    pub(crate) fn next_file(&mut self, most: u64) -> Option<FilePart> {
        if !self.blocks.is_empty() || self.reading.is_some() {
            return None;
        }
        let part = self.body.0.blocks.part(self.offset, most)?;
        self.offset += part.len;
        self.next_block = self.offset / BLOCK as u64;
        Some(part)
    }

    pub(crate) fn trailers(&self) -> Bytes {
        self.body.trailers().clone()
    }

    fn take(&mut self, most: usize) -> Option<Bytes> {
        let block = self.blocks.front()?;
        let within = usize::try_from(self.offset % BLOCK as u64).ok()?;
        if within >= block.len() {
            return None;
        }
        let end = block.len().min(within.saturating_add(most));
        let piece = block.slice(within..end);
        if end == block.len() {
            self.blocks.pop_front();
        }
        self.offset += piece.len() as u64;
        Some(piece)
    }

    /// Asks for the next blocks where few are left.
    fn read_ahead(&mut self) {
        let inner = &*self.body.0;
        let ends = self.next_block * BLOCK as u64 >= inner.blocks.len();
        if self.reading.is_some() || self.blocks.len() > 1 || ends {
            return;
        }
        let slot = Arc::new(ReadSlot::default());
        let job = ReadJob::Blocks {
            blocks: inner.blocks.clone(),
            record: inner.record.clone(),
            first: self.next_block,
            count: AHEAD,
            slot: slot.clone(),
        };
        if inner.reads.offer(job) {
            self.reading = Some(slot);
        }
    }
}
