//! The blocks of one object's file, for reading. More may be appended meanwhile.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::codec::Damaged;
use super::file_part::FilePart;
use super::format::HEADER;
use super::open_files::ReadFile;
use super::queue::lock;
use super::read_error::ReadError;
use super::seal::{Piece, Seal};
use crate::body::BLOCK;
use crate::budget::{Budget, block};

/// The most bytes of a file that are sent in one go.
const MOST_SENT: u64 = 16 * BLOCK as u64;

/// What is written of a body, with what checks it.
pub(crate) struct Blocks {
    file: Arc<ReadFile>,
    /// Where the system has no reading at a place, readers share the file's own.
    #[cfg(not(unix))]
    place: Mutex<()>,
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
    /// A bit for each block that was read and checked.
    checked: Vec<u64>,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Blocks")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Blocks {
    pub(super) fn new(file: Arc<ReadFile>, seal: Arc<Seal>, tags: Vec<u8>, len: u64) -> Blocks {
        Blocks {
            file,
            #[cfg(not(unix))]
            place: Mutex::new(()),
            seal,
            written: Mutex::new(Written {
                tags,
                len,
                checked: Vec::new(),
            }),
            damaged: AtomicBool::new(false),
        }
    }

    /// The file where it is open: for who has it, it can be read although it is removed.
    pub(super) fn if_open(&self) -> Option<Arc<File>> {
        self.file.if_open()
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
        let file = self.file.open()?;
        let mut blocks = Vec::new();
        for number in first..last {
            let start = number * BLOCK as u64;
            let len = usize::try_from(total - start).map_or(BLOCK, |rest| rest.min(BLOCK));
            let mut data = vec![0; len].into_boxed_slice();
            #[cfg(not(unix))]
            let _place = lock(&self.place);
            read_exact_at(&file, &mut data, HEADER + start)?;
            let tag = self.tag(number)?;
            self.seal.open(Piece::Block(number), &[], &mut data, &tag)?;
            self.note_checked(number);
            budget.force(len as u64);
            blocks.push(block(data, budget));
        }
        Ok(blocks)
    }

    fn note_checked(&self, block: u64) {
        let Ok(word) = usize::try_from(block / 64) else {
            return;
        };
        let mut written = lock(&self.written);
        if written.checked.len() <= word {
            written.checked.resize(word + 1, 0);
        }
        if let Some(word) = written.checked.get_mut(word) {
            *word |= 1 << (block % 64);
        }
    }

    /// Whether this process has read and checked a block.
    pub(super) fn is_checked(&self, block: u64) -> bool {
        let written = lock(&self.written);
        let word = usize::try_from(block / 64).ok();
        let word = word.and_then(|word| written.checked.get(word));
        word.is_some_and(|word| word & (1 << (block % 64)) != 0)
    }

    /// Up to `most` bytes from `offset` on that were checked, and that the system has in memory: sending them waits for no
    /// disk. None where the first of them are not so, or the file is encrypted or not open.
    pub(crate) fn part(&self, offset: u64, most: u64) -> Option<FilePart> {
        if matches!(*self.seal, Seal::Cipher { .. }) {
            return None;
        }
        let file = self.if_open()?;
        let total = self.len();
        let end = total.min(offset.saturating_add(most.min(MOST_SENT)));
        let mut at = offset;
        while at < end && self.is_checked(at / BLOCK as u64) {
            let behind = (at / BLOCK as u64 + 1) * BLOCK as u64;
            // The last byte of the block is there only where the file was not cut.
            if !is_cached(&file, HEADER + behind.min(total) - 1) {
                break;
            }
            at = behind;
        }
        let len = at.min(end) - offset;
        (len > 0).then(|| FilePart {
            file,
            offset: HEADER + offset,
            len,
        })
    }

    fn tag(&self, number: u64) -> Result<Vec<u8>, Damaged> {
        let tag_len = self.seal.tag_len();
        let at = usize::try_from(number).map_err(|_| Damaged)? * tag_len;
        let written = lock(&self.written);
        let tag = written.tags.get(at..at + tag_len).ok_or(Damaged)?;
        Ok(tag.to_vec())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, data: &mut [u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, data, place)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, data: &mut [u8], place: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};

    file.seek(SeekFrom::Start(place))?;
    file.read_exact(data)
}

/// Whether the byte at this place can be read without waiting for a disk. Neighbours are read and dropped together.
#[cfg(target_os = "linux")]
fn is_cached(file: &File, place: u64) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};

    let mut byte = [0];
    let mut buffers = [io::IoSliceMut::new(&mut byte)];
    // A file system that cannot say it is taken for a slow one.
    let read = preadv2(file, &mut buffers, place, ReadWriteFlags::NOWAIT);
    read == Ok(1)
}

#[cfg(not(target_os = "linux"))]
fn is_cached(_: &File, _: u64) -> bool {
    false
}
