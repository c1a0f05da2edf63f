//! The blocks of one object's file, for reading. More may be appended meanwhile.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::codec::Damaged;
use super::format::HEADER;
use super::queue::lock;
use super::read_error::ReadError;
use super::seal::{Piece, Seal};
use crate::body::BLOCK;
use crate::budget::{Budget, block};

/// What is written of a body, with what checks it.
pub(crate) struct Blocks {
    file: Mutex<File>,
    pub(super) seal: Arc<Seal>,
    written: Mutex<Written>,
    /// A block could not be read, or was found damaged.
    damaged: AtomicBool,
}

struct Written {
    /// The tags of all blocks.
    tags: Vec<u8>,
    /// Bytes of the body.
    len: u64,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Blocks")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Blocks {
    pub(super) fn new(file: File, seal: Arc<Seal>, tags: Vec<u8>, len: u64) -> Blocks {
        Blocks {
            file: Mutex::new(file),
            seal,
            written: Mutex::new(Written { tags, len }),
            damaged: AtomicBool::new(false),
        }
    }

    /// Bytes that can be read.
    pub(crate) fn len(&self) -> u64 {
        lock(&self.written).len
    }

    pub(super) fn tags(&self) -> Vec<u8> {
        lock(&self.written).tags.clone()
    }

    /// A block of `len` bytes was written.
    pub(super) fn append(&self, tag: &[u8], len: u64) {
        let mut written = lock(&self.written);
        written.tags.extend_from_slice(tag);
        written.len += len;
    }

    /// Whether a block could not be read.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Reads and checks `count` blocks, or fewer where the body ends before.
    pub(crate) fn read(
        &self,
        first: u64,
        count: u64,
        budget: &Arc<Budget>,
    ) -> Result<Vec<Bytes>, ReadError> {
        let read = self.read_blocks(first, count, budget);
        if read.is_err() {
            self.damaged.store(true, Ordering::Relaxed);
        }
        read
    }

    fn read_blocks(
        &self,
        first: u64,
        count: u64,
        budget: &Arc<Budget>,
    ) -> Result<Vec<Bytes>, ReadError> {
        let total = self.len();
        let last = total
            .div_ceil(BLOCK as u64)
            .min(first.saturating_add(count));
        let mut blocks = Vec::new();
        for number in first..last {
            let start = number * BLOCK as u64;
            let len = usize::try_from(total - start).map_or(BLOCK, |rest| rest.min(BLOCK));
            let mut data = vec![0; len].into_boxed_slice();
            // Readers of one object share the file, and so its position.
            let mut file = lock(&self.file);
            file.seek(SeekFrom::Start(HEADER + start))?;
            file.read_exact(&mut data)?;
            drop(file);
            let tag = self.tag(number)?;
            self.seal.open(Piece::Block(number), &[], &mut data, &tag)?;
            budget.force(len as u64);
            blocks.push(block(data, budget));
        }
        Ok(blocks)
    }

    fn tag(&self, number: u64) -> Result<Vec<u8>, Damaged> {
        let tag_len = self.seal.tag_len();
        let at = usize::try_from(number).map_err(|_| Damaged)? * tag_len;
        let written = lock(&self.written);
        let tag = written.tags.get(at..at + tag_len).ok_or(Damaged)?;
        Ok(tag.to_vec())
    }
}
