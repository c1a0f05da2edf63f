//! One entry of the index.

use std::sync::Arc;

use super::disk::format::Record;
use super::packed::Packed;
use crate::entry::Entry;
use crate::key::Key;
use crate::purge_id::PurgeId;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A number of a slot in its part of the index.
pub(crate) type SlotId = u32;

/// One variant of one key: in memory, on disk or both.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    pub(crate) resident: Resident,
    /// Its file.
    pub(crate) record: Option<Arc<Record>>,
    /// The next variant of the same key.
    pub(super) next: SlotId,
    pub(crate) hits: u32,
    /// Tells most other URLs apart without reading theirs.
    pub(crate) url_hash: u32,
    /// It may be used only once the origin has confirmed it.
    pub(crate) invalidated: bool,
    /// The purge that marked it so, as long as that can be undone; 0: none.
    pub(crate) purge: PurgeId,
    pub(crate) pinned: bool,
    /// It was used since it came to the end of the unpacked ones last.
    pub(super) used: bool,
}

/// What of an entry is in memory.
#[derive(Debug, Default)]
pub(crate) enum Resident {
    #[default]
    None,
    Unpacked(Entry),
    Packed(Packed),
}

impl Resident {
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Resident::None)
    }

    /// Bytes of it that are counted while it is in the index; blocks of bodies are counted for themselves.
    pub(crate) fn counted(&self) -> u64 {
        match self {
            Resident::None => 0,
            Resident::Unpacked(entry) => entry.head_weight(),
            Resident::Packed(packed) => packed.weight(),
        }
    }

    pub(super) fn weight(&self) -> u64 {
        match self {
            Resident::None => 0,
            Resident::Unpacked(entry) => entry.weight(),
            Resident::Packed(packed) => packed.weight(),
        }
    }
}

impl Slot {
    /// The entry, where it is not packed.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        match &self.resident {
            Resident::Unpacked(entry) => Some(entry),
            Resident::None | Resident::Packed(_) => None,
        }
    }

    pub(super) fn serial(&self) -> Option<u64> {
        match &self.resident {
            Resident::Unpacked(entry) => Some(entry.serial()),
            Resident::Packed(packed) => Some(packed.serial()),
            Resident::None => None,
        }
    }

    /// It may be used again without asking the origin.
    pub(crate) fn validate(&mut self) {
        self.invalidated = false;
        self.purge = PurgeId::NONE;
    }

    /// It may be used only once the origin has confirmed it. No undo of a purge changes that.
    pub(crate) fn invalidate(&mut self) {
        self.invalidated = true;
        self.purge = PurgeId::NONE;
    }

    /// As [`Slot::invalidate`], until the purge is undone; what was marked before stays so.
    pub(crate) fn purge_softly(&mut self, purge: PurgeId) {
        self.purge = match self.invalidated {
            true => PurgeId::NONE,
            false => purge,
        };
        self.invalidated = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.resident.is_none() && self.record.is_none()
    }
}

impl Default for Slot {
    fn default() -> Self {
        Slot {
            key: Key(0),
            resident: Resident::None,
            record: None,
            next: NONE,
            hits: 0,
            url_hash: 0,
            invalidated: false,
            purge: PurgeId::NONE,
            pinned: false,
            used: false,
        }
    }
}
