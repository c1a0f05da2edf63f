//! A body that is written to disk while it arrives, and read from there at the same time.
//!
//! Its file has no record in the index before it is complete: a process that is killed leaves a file that the next start
//! removes.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;

use super::blocks::Blocks;
use super::description::Description;
use super::files::{Folder, ObjectWriter};
use super::format::HEADER;
use super::queue::{Queue, lock};
use super::read_job::ReadJob;
use super::reader::{DiskBody, DiskReader};

/// Where a body that does not fit the memory may go.
pub(crate) trait SpillTarget: Debug + Send + Sync {
    /// The longest body, in bytes.
    fn most(&self) -> u64;

    /// Begins to write a body of `len` bytes or more; none where it is too long, or the disk is not in order.
    fn begin(&self, len: u64) -> Option<Arc<Spill>>;

    /// Hands in the next block. False where the disk takes none any more.
    fn block(&self, body: Arc<dyn SpillObserver>, spill: Arc<Spill>, block: Bytes) -> bool;

    /// The body is not kept.
    fn abandon(&self, spill: Arc<Spill>);

    /// The disk writes nothing for too long.
    fn hangs(&self);
}

/// A body that arrives, for the disk.
pub(crate) trait SpillObserver: Debug + Send + Sync {
    /// More of it is on disk.
    fn spilled(&self);

    /// It is not kept on disk: it goes on from memory.
    fn not_spilled(&self);
}

/// An object's file that grows.
#[derive(Debug)]
pub(crate) struct Spill {
    pub(super) id: u64,
    reads: Arc<Queue<ReadJob>>,
    /// Locked by the writing thread alone.
    writing: Mutex<Writing>,
    /// What can be read, once the file exists.
    blocks: OnceLock<Arc<Blocks>>,
    /// Bytes that are counted as used on disk.
    pub(super) counted: AtomicU64,
}

#[derive(Debug)]
enum Writing {
    New,
    Open(ObjectWriter),
    Ended,
}

impl Spill {
    pub(super) fn new(id: u64, reads: Arc<Queue<ReadJob>>) -> Spill {
        Spill {
            id,
            reads,
            writing: Mutex::new(Writing::New),
            blocks: OnceLock::new(),
            counted: AtomicU64::new(0),
        }
    }

    /// Bytes that can be read.
    pub(crate) fn len(&self) -> u64 {
        self.blocks.get().map_or(0, |blocks| blocks.len())
    }

    /// Reads what is written from `offset` on.
    pub(crate) fn reader(&self, offset: u64) -> Option<DiskReader> {
        let blocks = self.blocks.get()?.clone();
        let body = DiskBody::new(blocks, None, self.reads.clone(), Bytes::new());
        Some(body.reader(offset))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(*lock(&self.writing), Writing::Ended)
    }

    /// Appends a block.
    pub(super) fn write(&self, folder: &Folder, block: &[u8]) -> io::Result<()> {
        let mut writing = lock(&self.writing);
        if let Writing::New = *writing {
            let file = folder.create(self.id)?;
            let read = File::open(folder.object_path(self.id))?;
            let read = folder.keep_open(self.id, read);
            let blocks = Blocks::new(read, file.seal.clone(), Vec::new(), 0);
            // It is set here alone.
            let _ = self.blocks.set(Arc::new(blocks));
            *writing = Writing::Open(file);
        }
        let (Writing::Open(file), Some(blocks)) = (&mut *writing, self.blocks.get()) else {
            return Err(io::Error::other("the file is not written any more"));
        };
        file.block(block)?;
        blocks.append(file.last_tag(), block.len() as u64);
        Ok(())
    }

    /// Completes the file. Gives its blocks, where its tail begins and how long its description is.
    pub(super) fn finish(&self, description: &Description) -> io::Result<(Arc<Blocks>, u64, u32)> {
        let writing = std::mem::replace(&mut *lock(&self.writing), Writing::Ended);
        let (Writing::Open(file), Some(blocks)) = (writing, self.blocks.get()) else {
            return Err(io::Error::other("nothing was written"));
        };
        let tail_at = HEADER + description.body_len;
        let len = file.finish(self.id, tail_at, description)?;
        Ok((blocks.clone(), tail_at, len))
    }

    /// Ends the writing of a file that has no description. Gives its blocks.
    pub(super) fn close(&self) -> Option<Arc<Blocks>> {
        let writing = std::mem::replace(&mut *lock(&self.writing), Writing::Ended);
        match writing {
            Writing::Open(_) => self.blocks.get().cloned(),
            Writing::New | Writing::Ended => None,
        }
    }

    /// Removes the file. Who reads it goes on.
    pub(super) fn abandon(&self, folder: Option<&Folder>) {
        *lock(&self.writing) = Writing::Ended;
        if let Some(folder) = folder {
            folder.remove(self.id);
        }
    }
}
