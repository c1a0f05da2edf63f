//! Finds one variant of a key in its part of the index.

use super::disk::format::short_hash;
use super::index::Shard;
use super::slot::{Resident, Slot, SlotId};
use crate::entry::Entry;
use crate::incoming::Incoming;
use crate::key::Key;

impl Shard {
    /// The slot that holds exactly this entry.
    pub(crate) fn find(&self, key: Key, entry: &Entry) -> Option<SlotId> {
        let serial = Some(entry.serial());
        self.variants(key)
            .find(|(_, slot)| slot.serial() == serial)
            .map(|(id, _)| id)
    }

    /// The slot whose entry has this body, which is being received.
    pub(crate) fn find_incoming(&self, key: Key, body: &Incoming) -> Option<SlotId> {
        self.variants(key)
            .find(|(_, slot)| slot.entry().is_some_and(|entry| entry.receives(body)))
            .map(|(id, _)| id)
    }

    /// The slot with this variant of a key.
    pub(crate) fn find_variant(&self, key: Key, vary_key: &[u8]) -> Option<SlotId> {
        let is = |slot: &Slot| match (&slot.resident, &slot.record) {
            (Resident::Unpacked(entry), _) => *entry.head().vary_key == *vary_key,
            (Resident::Packed(packed), _) => {
                packed.view().is_some_and(|view| view.vary_key == vary_key)
            }
            (Resident::None, Some(record)) => record.variant == short_hash(vary_key),
            (Resident::None, None) => false,
        };
        self.variants(key)
            .find(|(_, slot)| is(slot))
            .map(|(id, _)| id)
    }

    /// The slot with this file.
    pub(crate) fn find_record(&self, key: Key, file: u64) -> Option<SlotId> {
        self.variants(key)
            .find(|(_, slot)| slot.record.as_ref().is_some_and(|record| record.id == file))
            .map(|(id, _)| id)
    }
}
