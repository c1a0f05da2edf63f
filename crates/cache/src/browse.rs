//! What is stored, for people who look.

use crate::cache::{Cache, lock};
use crate::entry::Entry;

/// A stored response, and how it is used.
#[derive(Debug, Clone)]
pub struct Listed {
    pub entry: Entry,
    /// Look-ups that found it.
    pub hits: u32,
    /// It may be used only once the origin has confirmed it.
    pub invalidated: bool,
    pub pinned: bool,
}

impl Cache {
    /// All entries in memory for which `wanted` holds, by URL. Each part of the index is locked for a moment.
    pub fn list(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Listed> {
        let mut listed = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            for (_, slot) in shard.entries() {
                let Some(entry) = slot.entry.as_ref().filter(|entry| wanted(entry)) else {
                    continue;
                };
                listed.push(Listed {
                    entry: entry.clone(),
                    hits: slot.hits,
                    invalidated: slot.invalidated,
                    pinned: slot.pinned,
                });
            }
        }
        listed.sort_by(|a, b| a.entry.url().cmp(b.entry.url()));
        listed
    }
}
