//! Minted certificates by name: bounded, with an end, and each minted once however many connections wait for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;

use crate::names::CertificateName;

/// A minted certificate, as the configuration of a server that shows it.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) config: Arc<ServerConfig>,
    /// It is not shown after this.
    pub(super) until: SystemTime,
}

#[derive(Default)]
struct Slot {
    leaf: Mutex<Option<Leaf>>,
    used: AtomicU64,
}

pub(super) struct LeafCache {
    slots: Mutex<HashMap<CertificateName, Arc<Slot>>>,
    clock: AtomicU64,
    most: usize,
}

impl LeafCache {
    pub(super) fn new(most: usize) -> Self {
        Self {
            slots: Mutex::default(),
            clock: AtomicU64::new(0),
            most: most.max(1),
        }
    }

    /// The certificate for a name; `mint` makes it where there is none, or where its time is over. Others that ask for the
    /// same name wait for it; no other name does.
    pub(super) fn get_or_mint<E>(
        &self,
        name: &CertificateName,
        now: SystemTime,
        mint: impl FnOnce() -> Result<Leaf, E>,
    ) -> Result<Arc<ServerConfig>, E> {
        let slot = self.slot(name);
        let mut leaf = lock(&slot.leaf);
        if let Some(leaf) = leaf.as_ref().filter(|leaf| now < leaf.until) {
            return Ok(leaf.config.clone());
        }
        let made = mint()?;
        let config = made.config.clone();
        *leaf = Some(made);
        Ok(config)
    }

    fn slot(&self, name: &CertificateName) -> Arc<Slot> {
        let turn = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(name) {
            slot.used.store(turn, Ordering::Relaxed);
            return slot.clone();
        }
        if slots.len() >= self.most {
            let oldest = slots
                .iter()
                .min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed))
                .map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                slots.remove(&oldest);
            }
        }
        let slot = Arc::new(Slot::default());
        slot.used.store(turn, Ordering::Relaxed);
        slots.insert(name.clone(), slot.clone());
        slot
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.slots).len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
