//! The store that a cache uses now.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::store::SharedStore;

/// The store of a cache, where there is one.
#[derive(Debug, Default)]
pub(crate) struct SharedTier {
    /// Without, nothing is locked.
    is_used: AtomicBool,
    store: RwLock<Option<Arc<dyn SharedStore>>>,
}

impl SharedTier {
    pub(super) fn set(&self, store: Option<Arc<dyn SharedStore>>) {
        let is_used = store.is_some();
        *self.store.write().unwrap_or_else(PoisonError::into_inner) = store;
        self.is_used.store(is_used, Ordering::Release);
    }

    pub(super) fn get(&self) -> Option<Arc<dyn SharedStore>> {
        if !self.is_used.load(Ordering::Acquire) {
            return None;
        }
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        store.clone()
    }
}
