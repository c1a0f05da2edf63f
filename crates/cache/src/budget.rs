//! The memory limit of one cache, and the blocks of bodies that count against it while something refers to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// Bytes in use, and the most that may be reserved.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    limit: AtomicU64,
}

impl Budget {
    pub fn new(limit: u64) -> Budget {
        Budget {
            used: AtomicU64::new(0),
            limit: AtomicU64::new(limit),
        }
    }

    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that can be taken.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Whether `more` bytes can be taken.
    pub(crate) fn has_room(&self, more: u64) -> bool {
        self.used().saturating_add(more) <= self.limit()
    }

    /// Takes `bytes`, unless that is more than the limit allows.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        let limit = self.limit();
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= limit)
            });
        taken.is_ok()
    }

    /// Takes `bytes` whatever the limit: their number has a bound of its own.
    pub(crate) fn force(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A block that counts until its last reader drops it, which may be long after the store did.
struct Block {
    data: Box<[u8]>,
    budget: Arc<Budget>,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.budget.release(self.data.len() as u64);
    }
}

/// Makes a block of bytes that were taken from `budget`.
pub(crate) fn block(data: Box<[u8]>, budget: &Arc<Budget>) -> Bytes {
    Bytes::from_owner(Block {
        data,
        budget: budget.clone(),
    })
}
