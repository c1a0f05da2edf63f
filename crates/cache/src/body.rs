//! Complete bodies in memory.

use std::sync::Arc;

use bytes::Bytes;

use crate::budget::{BLOCK_OVERHEAD, allocated, allocated_shared};

/// Bodies are kept, checked and read in blocks of this many bytes; the last one may be shorter.
pub const BLOCK: usize = 64 * 1024;

/// Why the rest of a body cannot be read. What was read before is right, but it is not the whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyReadError {
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

    /// Bytes of memory that it takes beside those of its blocks.
    pub(crate) fn overhead(&self) -> u64 {
        let list = match &self.blocks {
            Blocks::One(_) => 0,
            Blocks::Several(blocks) => allocated_shared(size_of_val(&**blocks)),
        };
        let trailers = self.trailers.as_ref();
        let trailers = trailers.map_or(0, |trailers| allocated(32) + allocated(trailers.len()));
        self.blocks().len() as u64 * BLOCK_OVERHEAD + list + trailers
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
    pub(crate) fn take_piece(&self, offset: &mut u64, most: usize) -> Option<Bytes> {
        let mut piece = self.piece_at(*offset)?;
        piece.truncate(most);
        *offset += piece.len() as u64;
        Some(piece)
    }
}
