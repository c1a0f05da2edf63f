//! Parts of a body in files of their own.
//!
//! Only the entry in memory knows them: they are removed once nobody needs them, and at the next start.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;

use super::blocks::Blocks;
use super::queue::lock;
use super::reader::{DiskBody, DiskReader};
use super::spill::{Spill, SpillTarget};
use crate::body::BLOCK;
use crate::budget::Budget;

/// The most files of parts.
const MOST_FILES: usize = 256;

/// The files of parts, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct PartFiles {
    files: Mutex<VecDeque<Weak<PartFile>>>,
    bytes: Arc<AtomicU64>,
}

/// A part in a file.
pub(crate) struct PartFile {
    blocks: Arc<Blocks>,
    body: DiskBody,
    spill: Arc<Spill>,
    target: Box<dyn SpillTarget>,
    bytes: Arc<AtomicU64>,
    removed: AtomicBool,
}

impl fmt::Debug for PartFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PartFile")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl PartFile {
    fn len(&self) -> u64 {
        self.blocks.len()
    }

    fn is_counted(&self) -> bool {
        !self.removed.load(Ordering::Relaxed)
    }

    /// Whether it can still be read from its beginning.
    pub(crate) fn is_there(&self) -> bool {
        self.is_counted() && !self.blocks.is_damaged()
    }

    pub(crate) fn reader(&self, offset: u64) -> DiskReader {
        self.body.reader(offset)
    }

    /// At most `most` bytes from `offset` on. Blocks.
    pub(crate) fn piece_at(&self, offset: u64, most: usize, budget: &Arc<Budget>) -> Option<Bytes> {
        let read = self.blocks.read(offset / BLOCK as u64, 1, budget);
        let block = read.ok()?.pop()?;
        let within = usize::try_from(offset % BLOCK as u64).ok()?;
        let end = block.len().min(within.saturating_add(most));
        (within < end).then(|| block.slice(within..end))
    }

    /// Removes the file. Who reads it goes on.
    fn remove(&self) {
        if !self.removed.swap(true, Ordering::Relaxed) {
            self.bytes.fetch_sub(self.len(), Ordering::Relaxed);
            self.target.abandon(self.spill.clone());
        }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        self.remove();
    }
}

impl PartFiles {
    /// A part was written. The oldest ones leave for it, where all are to have at most `most` bytes.
    pub(super) fn add(
        &self,
        spill: Arc<Spill>,
        blocks: Arc<Blocks>,
        body: DiskBody,
        target: Box<dyn SpillTarget>,
        most: u64,
    ) -> Arc<PartFile> {
        let file = Arc::new(PartFile {
            blocks,
            body,
            spill,
            target,
            bytes: self.bytes.clone(),
            removed: AtomicBool::new(false),
        });
        self.bytes.fetch_add(file.len(), Ordering::Relaxed);
        let mut files = lock(&self.files);
        files.retain(|file| file.strong_count() > 0);
        files.push_back(Arc::downgrade(&file));
        let mut leaving = Vec::new();
        let mut left = self.bytes.load(Ordering::Relaxed);
        while (left > most || files.len() > MOST_FILES) && files.len() > 1 {
            let oldest = files.pop_front().and_then(|oldest| oldest.upgrade());
            if let Some(oldest) = oldest.filter(|oldest| oldest.is_counted()) {
                left = left.saturating_sub(oldest.len());
                leaving.push(oldest);
            }
        }
        drop(files);
        for oldest in leaving {
            oldest.remove();
        }
        file
    }
}
