//! The memory limit of one cache or of several together, and the blocks of bodies that count against it while something
//! refers to them.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use bytes::Bytes;

/// A cache whose entries take memory of a pool.
pub(crate) trait MemoryOwner: Debug + Send + Sync {
    /// Bytes that it uses.
    fn memory_used(&self) -> u64;

    /// Takes out an entry that is worth little. False where none can leave.
    fn evict(&self) -> bool;
}

/// Memory that several caches share. Where it is full, an entry leaves the cache that uses most of it.
#[derive(Debug)]
pub struct MemoryPool {
    used: AtomicU64,
    limit: AtomicU64,
    caches: RwLock<Vec<Weak<dyn MemoryOwner>>>,
}

impl MemoryPool {
    /// `limit`: in bytes.
    pub fn new(limit: u64) -> Arc<MemoryPool> {
        Arc::new(MemoryPool {
            used: AtomicU64::new(0),
            limit: AtomicU64::new(limit),
            caches: RwLock::default(),
        })
    }

    /// Changes the most bytes of all caches; what is too much leaves at once.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
        self.make_room(0);
    }

    pub(crate) fn add(&self, cache: Weak<dyn MemoryOwner>) {
        let mut caches = self.caches.write().unwrap_or_else(PoisonError::into_inner);
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(cache);
    }

    /// Bytes that each cache has where all want more.
    pub(crate) fn fair_share(&self) -> u64 {
        let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
        let living = caches.iter().filter(|cache| cache.strong_count() > 0);
        self.limit.load(Ordering::Relaxed) / (living.count().max(1) as u64)
    }

    /// Whether `more` bytes can be taken.
    fn has_room(&self, more: u64) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        used.saturating_add(more) <= self.limit.load(Ordering::Relaxed)
    }

    /// Takes out entries until `more` bytes fit.
    pub(crate) fn make_room(&self, more: u64) {
        if self.has_room(more) {
            return;
        }
        let mut caches: Vec<Arc<dyn MemoryOwner>> = {
            let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
            caches.iter().filter_map(Weak::upgrade).collect()
        };
        while !self.has_room(more) {
            let most = caches
                .iter()
                .enumerate()
                .max_by_key(|(_, cache)| cache.memory_used())
                .map(|(at, _)| at);
            let Some(at) = most else {
                return;
            };
            if caches.get(at).is_some_and(|cache| !cache.evict()) {
                // Nothing of it can leave now.
                caches.remove(at);
            }
        }
    }
}

/// What one cache uses of its memory.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    pool: Arc<MemoryPool>,
}

impl Budget {
    pub fn new(pool: &Arc<MemoryPool>) -> Budget {
        Budget {
            used: AtomicU64::new(0),
            pool: pool.clone(),
        }
    }

    pub(crate) fn pool(&self) -> &Arc<MemoryPool> {
        &self.pool
    }

    /// Bytes in use by this cache.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that all caches of the pool may take.
    pub fn limit(&self) -> u64 {
        self.pool.limit.load(Ordering::Relaxed)
    }

    /// Takes `bytes`, unless that is more than the limit allows.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        let limit = self.limit();
        let pool = &self.pool.used;
        let taken = pool.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= limit)
        });
        if taken.is_ok() {
            self.used.fetch_add(bytes, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Takes `bytes` whatever the limit: their number has a bound of its own.
    pub(crate) fn force(&self, bytes: u64) {
        self.pool.used.fetch_add(bytes, Ordering::Relaxed);
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.pool.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Bytes of memory that an allocation of so many bytes takes: it has a header, and is rounded up.
pub(crate) const fn allocated(bytes: usize) -> u64 {
    let whole = (bytes + 8).next_multiple_of(16);
    if whole < 32 { 32 } else { whole as u64 }
}

/// As [`allocated`], for what allocates nothing where it is empty.
pub(crate) const fn allocated_text(bytes: usize) -> u64 {
    if bytes == 0 { 0 } else { allocated(bytes) }
}

/// As [`allocated`], behind the two counters of an `Arc`.
pub(crate) const fn allocated_shared(bytes: usize) -> u64 {
    allocated(2 * size_of::<usize>() + bytes)
}

/// What a block takes beside its bytes: its owner with two words of [`Bytes`], and its header.
pub(crate) const BLOCK_OVERHEAD: u64 = allocated(size_of::<Block>() + 2 * size_of::<usize>()) + 16;

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

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
