//! One part of the index: entries by key, several variants for each, and the order in which they leave.

use std::collections::VecDeque;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use smallvec::SmallVec;

use super::chunked::Chunked;
use super::disk::format::{Record, short_hash};
use super::disk::load::Load;
use super::eviction::{self, Eviction};
use super::key_hasher::KeyHasher;
use super::packed::Packed;
use super::slot::{NONE, Resident, Slot, SlotId};
use crate::budget::Budget;
use crate::entry::Entry;
use crate::in_flight::{InFlight, PartInFlight};
use crate::key::Key;
use crate::rules::policy::Policy;
use crate::stats::Counts;

/// The most variants of one key; the oldest one leaves for a new one.
pub(crate) const MOST_VARIANTS: usize = 32;

/// Entries of one part of the index that are not packed, at least.
const UNPACKED: usize = if cfg!(test) { 2 } else { 256 };

/// Bytes of memory of an entry's slot, with its place in the queue of those in memory and in the table, which is between
/// half and all full.
const PLACE: u64 = (size_of::<Slot>() + 2 * (size_of::<SlotId>() + 1)) as u64 + eviction::PLACE;

/// Locked as a whole, for as long as a look-up takes.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// The first variant of each key.
    table: HashTable<SlotId>,
    slots: Chunked<Slot>,
    free: Vec<SlotId>,
    /// Slots that were ever used.
    used: SlotId,
    /// Slots whose entries may be packed, the oldest first.
    unpacked: VecDeque<SlotId>,
    /// Entries in memory.
    pub(crate) eviction: Eviction,
    /// Entries on disk.
    pub(crate) disk_eviction: Eviction,
    pub(crate) loads: HashMap<Key, Arc<Load>, BuildHasherDefault<KeyHasher>>,
    pub(crate) in_flight_requests: HashMap<Key, InFlight, BuildHasherDefault<KeyHasher>>,
    pub(crate) in_flight_parts: HashMap<Key, Vec<PartInFlight>, BuildHasherDefault<KeyHasher>>,
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

    /// The entry was used.
    pub(crate) fn used(&mut self, id: SlotId) {
        self.eviction.used(id);
        self.disk_eviction.used(id);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.hits = slot.hits.saturating_add(1);
            slot.used = true;
        }
    }

    /// Unpacks the entries of a key, so that they can be used.
    pub(crate) fn unpack(&mut self, key: Key, policy: &Policy, budget: &Arc<Budget>) {
        // Before, so that all of the key's are unpacked afterwards.
        self.pack(budget);
        let packed = |(id, slot): (SlotId, &Slot)| match &slot.resident {
            Resident::Packed(packed) => Some((id, packed.unpack(key, policy, budget))),
            _ => None,
        };
        let unpacked: SmallVec<[_; 2]> = self.variants(key).filter_map(packed).collect();
        for (id, entry) in unpacked {
            if let Some(entry) = entry {
                self.set_entry(id, entry, budget);
            }
        }
    }

    /// Packs the entries that were not used for the longest time.
    fn pack(&mut self, budget: &Budget) {
        // One that was used goes round once.
        let mut steps = 2 * self.unpacked.len();
        while self.unpacked.len() > UNPACKED && steps > 0 {
            steps -= 1;
            let Some(id) = self.unpacked.pop_front() else {
                return;
            };
            let Some(slot) = self.slots.get_mut(id) else {
                continue;
            };
            let Resident::Unpacked(entry) = &slot.resident else {
                continue;
            };
            if std::mem::take(&mut slot.used) {
                self.unpacked.push_back(id);
                continue;
            }
            if let Some(packed) = Packed::of(entry) {
                let resident = Resident::Packed(packed);
                budget.force(resident.counted());
                budget.release(slot.resident.counted());
                self.eviction.resize(id, resident.weight());
                slot.resident = resident;
            }
        }
    }

    /// All entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..self.used).filter_map(|id| {
            let slot = self.slots.get(id)?;
            (!slot.is_empty()).then_some((id, slot))
        })
    }

    /// Adds a variant in memory, before the others of its key.
    pub(crate) fn insert(&mut self, key: Key, entry: Entry, budget: &Budget) -> SlotId {
        let id = self.new_slot(key, budget);
        self.set_entry(id, entry, budget);
        self.pack(budget);
        id
    }

    /// As [`Shard::insert`], packed where that can be: what nobody else has asked for is mostly not asked for again soon.
    pub(crate) fn insert_packed(&mut self, key: Key, entry: &Entry, budget: &Budget) {
        let Some(packed) = Packed::of(entry) else {
            self.insert(key, entry.clone(), budget);
            return;
        };
        let id = self.new_slot(key, budget);
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        slot.url_hash = short_hash(entry.url().as_bytes());
        slot.resident = Resident::Packed(packed);
        budget.force(slot.resident.counted());
        let weight = slot.resident.weight();
        self.eviction.insert(id, weight, fingerprint(key));
    }

    /// Adds a variant on disk, before the others of its key.
    pub(crate) fn insert_record(
        &mut self,
        key: Key,
        record: Arc<Record>,
        budget: &Budget,
    ) -> SlotId {
        let id = self.new_slot(key, budget);
        let (invalidated, pinned) = (record.invalidated, record.pinned);
        self.set_record(id, record);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.invalidated = invalidated;
        }
        self.pin(id, pinned);
        id
    }

    fn new_slot(&mut self, key: Key, budget: &Budget) -> SlotId {
        budget.force(PLACE);
        let id = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        let first = self.unlink_first(key);
        *self.slots.get_or_default(id) = Slot {
            key,
            next: first,
            ..Slot::default()
        };
        self.link_first(key, id);
        id
    }

    /// Puts an entry in memory, in the place of what was there of it.
    pub(crate) fn set_entry(&mut self, id: SlotId, entry: Entry, budget: &Budget) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        let weight = entry.weight();
        slot.url_hash = short_hash(entry.url().as_bytes());
        let may_be_packed = entry.memory_body().is_some();
        let arrives = entry.is_arriving();
        let new = Resident::Unpacked(entry);
        budget.force(new.counted());
        let old = std::mem::replace(&mut slot.resident, new);
        budget.release(old.counted());
        let (key, pinned) = (slot.key, slot.pinned);
        if old.is_none() {
            self.eviction.insert(id, weight, fingerprint(key));
        } else {
            self.eviction.resize(id, weight);
        }
        // What arrives takes memory for as long as it does, whether it is in the index or not.
        self.eviction.pin(id, pinned || arrives);
        let waits = matches!(&old, Resident::Unpacked(old) if old.memory_body().is_some());
        if may_be_packed && !waits {
            self.unpacked.push_back(id);
        }
    }

    /// Gives an entry a file. Gives the one that it had.
    pub(crate) fn set_record(&mut self, id: SlotId, record: Arc<Record>) -> Option<Arc<Record>> {
        let slot = self.slots.get_mut(id)?;
        let weight = record.disk_bytes();
        slot.url_hash = short_hash(record.url.as_bytes());
        let old = slot.record.replace(record);
        let (key, pinned) = (slot.key, slot.pinned);
        if old.is_some() {
            self.disk_eviction.resize(id, weight);
        } else {
            self.disk_eviction.insert(id, weight, fingerprint(key));
            self.disk_eviction.pin(id, pinned);
        }
        old
    }

    /// Keeps an entry from leaving because a store is full.
    pub(crate) fn pin(&mut self, id: SlotId, pinned: bool) {
        self.eviction.pin(id, pinned);
        self.disk_eviction.pin(id, pinned);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.pinned = pinned;
        }
    }

    /// Takes an entry out of both stores.
    pub(crate) fn remove(&mut self, id: SlotId) -> Removed {
        self.eviction.remove(id);
        self.disk_eviction.remove(id);
        let removed = self.slots.get_mut(id).map(|slot| Removed {
            resident: std::mem::take(&mut slot.resident),
            record: slot.record.take(),
            place: 0,
        });
        let removed = removed.unwrap_or_default();
        Removed {
            place: self.release(id),
            ..removed
        }
    }

    /// Takes the entry that is worth least out of memory.
    pub(crate) fn evict(&mut self) -> Option<Removed> {
        let slots = &self.slots;
        let key = |id| slots.get(id).map_or(0, |slot: &Slot| fingerprint(slot.key));
        let (id, _) = self.eviction.evict(key)?;
        let resident = std::mem::take(&mut self.slots.get_mut(id)?.resident);
        Some(Removed {
            resident,
            record: None,
            place: self.release(id),
        })
    }

    /// Takes the entry that is worth least off the disk, and out of memory where its body is on disk.
    pub(crate) fn evict_record(&mut self) -> Option<Removed> {
        let slots = &self.slots;
        let key = |id| slots.get(id).map_or(0, |slot: &Slot| fingerprint(slot.key));
        let (id, _) = self.disk_eviction.evict(key)?;
        Some(self.drop_record(id))
    }

    /// Takes the file from an entry, and the entry where its body is in the file.
    pub(crate) fn drop_record(&mut self, id: SlotId) -> Removed {
        self.disk_eviction.remove(id);
        let Some(slot) = self.slots.get_mut(id) else {
            return Removed::default();
        };
        let record = slot.record.take();
        let resident = match &slot.resident {
            Resident::Unpacked(entry) if entry.is_on_disk() => std::mem::take(&mut slot.resident),
            _ => Resident::None,
        };
        if !resident.is_none() {
            self.eviction.remove(id);
        }
        Removed {
            resident,
            record,
            place: self.release(id),
        }
    }

    /// Frees a slot that holds nothing any more. Gives the bytes that it was counted with.
    fn release(&mut self, id: SlotId) -> u64 {
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.is_empty()) else {
            return 0;
        };
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
        PLACE
    }

    /// Bytes that are counted while what is in the index is there.
    pub(crate) fn counted(&self) -> u64 {
        let of_slot = |slot: &Slot| {
            let record = slot.record.as_ref();
            slot.resident.counted() + record.map_or(0, |record| record.memory_bytes()) + PLACE
        };
        self.entries().map(|(_, slot)| of_slot(slot)).sum()
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

/// What left the index.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    pub(crate) resident: Resident,
    pub(crate) record: Option<Arc<Record>>,
    /// Bytes that its slot was counted with; 0: it is still used.
    pub(crate) place: u64,
}

fn low(key: Key) -> u64 {
    key.0 as u64
}

fn fingerprint(key: Key) -> u64 {
    (key.0 >> 64) as u64
}
