//! The limits of one cache or of several together, of memory and of disk, and the blocks of bodies that count against memory
//! while something refers to them.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use bytes::Bytes;

/// What caches share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Memory,
    Disk,
}

/// A cache whose entries take of what a pool has.
pub(crate) trait PoolUser: Debug + Send + Sync {
    /// Bytes that it uses.
    fn used(&self, resource: Resource) -> u64;

    /// Takes out an entry that is worth little. False where none can leave.
    fn evict(&self, resource: Resource) -> bool;
}

/// What several caches share: their memory, and their disk.
#[derive(Debug, Clone)]
pub struct Pools {
    pub memory: Arc<Pool>,
    pub disk: Arc<Pool>,
}

impl Pools {
    /// Both in bytes.
    pub fn new(memory: u64, disk: u64) -> Pools {
        Pools {
            memory: Pool::new(Resource::Memory, memory),
            disk: Pool::new(Resource::Disk, disk),
        }
    }

    pub(crate) fn add(&self, cache: &Weak<dyn PoolUser>) {
        self.memory.add(cache.clone());
        self.disk.add(cache.clone());
    }
}

/// Bytes that several caches share. Where they are full, an entry leaves the cache that uses most of them.
#[derive(Debug)]
pub struct Pool {
    resource: Resource,
    used: AtomicU64,
    limit: AtomicU64,
    caches: RwLock<Vec<Weak<dyn PoolUser>>>,
}

impl Pool {
    /// `limit`: in bytes.
    pub(crate) fn new(resource: Resource, limit: u64) -> Arc<Pool> {
        Arc::new(Pool {
            resource,
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

    fn add(&self, cache: Weak<dyn PoolUser>) {
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

    /// Bytes that all of them may take.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Whether `more` bytes can be taken.
    pub(crate) fn has_room(&self, more: u64) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        used.saturating_add(more) <= self.limit.load(Ordering::Relaxed)
    }

    /// Takes out entries until `more` bytes fit.
    pub(crate) fn make_room(&self, more: u64) {
        if self.has_room(more) {
            return;
        }
        let mut caches: Vec<Arc<dyn PoolUser>> = {
            let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
            caches.iter().filter_map(Weak::upgrade).collect()
        };
        while !self.has_room(more) {
            let most = caches
                .iter()
                .enumerate()
                .max_by_key(|(_, cache)| cache.used(self.resource))
                .map(|(at, _)| at);
            let Some(at) = most else {
                return;
            };
            if caches
                .get(at)
                .is_some_and(|cache| !cache.evict(self.resource))
            {
                // Nothing of it can leave now.
                caches.remove(at);
            }
        }
    }
}

/// What one cache uses of a pool.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    pool: Arc<Pool>,
}

impl Budget {
    pub fn new(pool: &Arc<Pool>) -> Budget {
        Budget {
            used: AtomicU64::new(0),
            pool: pool.clone(),
        }
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Bytes in use by this cache.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that all caches of the pool may take.
    pub fn limit(&self) -> u64 {
        self.pool.limit()
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
