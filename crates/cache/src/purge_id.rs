//! Numbers of soft purges.

use std::sync::atomic::{AtomicU32, Ordering};

/// A soft purge that can be undone. Numbers are this process's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PurgeId(pub u32);

static PURGES: AtomicU32 = AtomicU32::new(1);

impl PurgeId {
    pub(crate) const NONE: PurgeId = PurgeId(0);

    /// A new one, for all caches.
    pub fn next() -> PurgeId {
        PurgeId(PURGES.fetch_add(1, Ordering::Relaxed).max(1))
    }
}
