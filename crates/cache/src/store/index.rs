//! One part of the index: entries by key, several variants for each, and the order in which they leave.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::{HashMap, HashTable};

use super::chunked::Chunked;
use super::eviction::Eviction;
use crate::entry::Entry;
use crate::flight::Flight;
use crate::key::Key;
use crate::stats::Counts;

/// The most variants of one key; the oldest one leaves for a new one.
pub(crate) const MOST_VARIANTS: usize = 32;

/// No slot.
const NONE: u32 = u32::MAX;

/// A number of a slot in its part of the index.
pub(crate) type SlotId = u32;

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    pub(crate) entry: Option<Entry>,
    /// The next variant of the same key.
    next: SlotId,
    pub(crate) hits: u32,
    /// It may be used only once the origin has confirmed it.
    pub(crate) invalidated: bool,
    pub(crate) pinned: bool,
}

impl Default for Slot {
    fn default() -> Self {
        Slot {
            key: Key(0),
            entry: None,
            next: NONE,
            hits: 0,
            invalidated: false,
            pinned: false,
        }
    }
}

/// Locked as a whole, for as long as a look-up takes.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// The first variant of each key.
    table: HashTable<SlotId>,
    slots: Chunked<Slot>,
    free: Vec<SlotId>,
    /// Slots that were ever used.
    used: SlotId,
    pub(crate) eviction: Eviction,
    pub(crate) flights: HashMap<Key, Flight, BuildHasherDefault<KeyHasher>>,
    pub(crate) counts: Counts,
}

impl Shard {
    pub(crate) fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id)
    }

    pub(crate) fn slot_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(id)
    }

    /// The variants of `key`, the newest first.
    pub(crate) fn variants(&self, key: Key) -> impl Iterator<Item = (SlotId, &Slot)> {
        let slots = &self.slots;
        let first = self.table.find(low(key), |id| {
            slots.get(*id).is_some_and(|slot| slot.key == key)
        });
        let mut next = first.copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let id = next;
            let slot = slots.get(id)?;
            next = slot.next;
            Some((id, slot))
        })
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.used as usize - self.free.len()
    }

    /// Keeps an entry from leaving because the memory is full.
    pub(crate) fn pin(&mut self, id: SlotId, pinned: bool) {
        self.eviction.pin(id, pinned);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.pinned = pinned;
        }
    }

    /// An invalidated entry may be used only once the origin has confirmed it.
    pub(crate) fn invalidate(&mut self, id: SlotId, invalidated: bool) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.invalidated = invalidated;
        }
    }

    /// All entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (SlotId, Key, &Entry)> {
        (0..self.used).filter_map(|id| {
            let slot = self.slots.get(id)?;
            Some((id, slot.key, slot.entry.as_ref()?))
        })
    }

    /// The slot that holds exactly this entry.
    pub(crate) fn find(&self, key: Key, is: impl Fn(&Entry) -> bool) -> Option<SlotId> {
        self.variants(key)
            .find(|(_, slot)| slot.entry.as_ref().is_some_and(&is))
            .map(|(id, _)| id)
    }

    /// Adds a variant, before the others of its key.
    pub(crate) fn insert(&mut self, key: Key, entry: Entry) -> SlotId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        let weight = entry.weight();
        let first = self.unlink_first(key);
        *self.slots.get_or_default(id) = Slot {
            key,
            entry: Some(entry),
            next: first,
            ..Slot::default()
        };
        self.link_first(key, id);
        self.eviction.insert(id, weight, fingerprint(key));
        id
    }

    /// Puts another entry in the place of one. Gives the old one.
    pub(crate) fn replace(&mut self, id: SlotId, entry: Entry) -> Option<Entry> {
        self.eviction.resize(id, entry.weight());
        let slot = self.slots.get_mut(id)?;
        slot.invalidated = false;
        slot.entry.replace(entry)
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Entry> {
        self.eviction.remove(id);
        self.release(id)
    }

    /// Takes out the entry that is worth least.
    pub(crate) fn evict(&mut self) -> Option<Entry> {
        let slots = &self.slots;
        let key = |id| slots.get(id).map_or(0, |slot| fingerprint(slot.key));
        let (id, _) = self.eviction.evict(key)?;
        self.release(id)
    }

    fn release(&mut self, id: SlotId) -> Option<Entry> {
        let slot = self.slots.get_mut(id)?;
        let entry = slot.entry.take()?;
        let (key, after) = (slot.key, slot.next);
        *slot = Slot::default();
        let before = self
            .variants(key)
            .find(|(_, slot)| slot.next == id)
            .map(|(before, _)| before);
        match before.and_then(|before| self.slots.get_mut(before)) {
            Some(before) => before.next = after,
            None => self.replace_first(key, id, after),
        }
        self.free.push(id);
        Some(entry)
    }

    fn replace_first(&mut self, key: Key, id: SlotId, after: SlotId) {
        if let Ok(found) = self.table.find_entry(low(key), |found| *found == id) {
            found.remove();
        }
        if after != NONE {
            self.link_first(key, after);
        }
    }

    /// Takes the first variant of `key` out of the table.
    fn unlink_first(&mut self, key: Key) -> SlotId {
        let slots = &self.slots;
        let is = |id: &SlotId| slots.get(*id).is_some_and(|slot| slot.key == key);
        match self.table.find_entry(low(key), is) {
            Ok(found) => found.remove().0,
            Err(_) => NONE,
        }
    }

    fn link_first(&mut self, key: Key, id: SlotId) {
        let slots = &self.slots;
        let hash = |id: &SlotId| slots.get(*id).map_or(0, |slot| low(slot.key));
        self.table.insert_unique(low(key), id, hash);
    }
}

/// Takes a part of a key, which is a hash already, for the hash of the key.
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

fn low(key: Key) -> u64 {
    key.0 as u64
}

fn fingerprint(key: Key) -> u64 {
    (key.0 >> 64) as u64
}
