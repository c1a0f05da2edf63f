//! Lists stored responses, for the page and the command line.

use crate::cache::{Cache, lock};
use crate::entry::Entry;
use crate::store::slot::{Resident, Slot};

/// A stored response, and how it is used.
#[derive(Debug, Clone)]
pub struct EntryInfo {
    pub entry: Entry,
    /// Look-ups that found it.
    pub hits: u32,
    /// It may be used only once the origin has confirmed it.
    pub invalidated: bool,
    pub pinned: bool,
}

impl Cache {
    /// All entries for which `wanted` holds, by URL. Each part of the index is locked for a moment. Of those that are on
    /// disk alone the head's fields are not known: reading their files would take too long.
    pub fn list(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<EntryInfo> {
        let mut listed = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            for (_, slot) in shard.entries() {
                let Some(entry) = self.shown(slot).filter(|entry| wanted(entry)) else {
                    continue;
                };
                listed.push(EntryInfo {
                    entry,
                    hits: slot.hits,
                    invalidated: slot.invalidated,
                    pinned: slot.pinned,
                });
            }
        }
        listed.sort_by(|a, b| a.entry.url().cmp(b.entry.url()));
        listed
    }

    /// What can be shown of an entry. It stays packed: listing is no use of it.
    fn shown(&self, slot: &Slot) -> Option<Entry> {
        match (&slot.resident, &slot.record) {
            (Resident::Unpacked(entry), _) => Some(entry.clone()),
            (Resident::Packed(packed), _) => packed.unpack(slot.key, self.policy(), self.budget()),
            (Resident::None, record) => record.as_deref().map(Entry::unread),
        }
    }
}
