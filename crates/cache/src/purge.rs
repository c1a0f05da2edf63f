//! Removes, invalidates and pins entries.

use std::sync::Arc;

use crate::cache::{Cache, lock};
use crate::entry::Entry;
use crate::key::Key;
use crate::purge_id::PurgeId;
use crate::recent_changes::{Effect, Reach};
use crate::rules::fields::FieldLines;
use crate::rules::invalidation;
use crate::site::{host_of, page_mark};
use crate::store::disk::format::{Record, short_hash};
use crate::store::disk::write_job::WriteJob;
use crate::store::index::Shard;
use crate::store::slot::{Resident, Slot, SlotId};

/// Which entries are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntrySelector<'a> {
    All,
    /// All variants of a key.
    Key(Key),
    /// The URL as [`Target::url`](crate::Target::url) gives it, in every partition. It takes a few bytes of each entry to
    /// find them.
    Url(&'a str),
    /// URLs that begin so.
    Prefix(&'a str),
    /// A host and all its ports. IPv6 addresses are in brackets.
    Host(&'a str),
    /// A host and all below it.
    Domain(&'a str),
    /// A site: a registrable domain, all below it, and what its pages have loaded from others.
    Site(&'a str),
    /// What a soft purge has marked.
    Purge(PurgeId),
    /// A tag that `Cache-Tag` or `Surrogate-Key` names.
    Tag(&'a str),
    /// A group that `Cache-Groups` names (RFC 9875), of an origin: "http://example.com:8080".
    Group {
        origin: &'a str,
        group: &'a str,
    },
    /// [`NewEntry::owner`](crate::NewEntry::owner).
    Owner(u64),
}

/// What happens to the selected entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChange {
    Remove,
    /// They may be used only once the origin has confirmed them.
    Invalidate,
    /// As [`Invalidate`](Self::Invalidate), until it is undone: [`EntrySelector::Purge`] with [`Restore`](Self::Restore).
    PurgeSoftly(PurgeId),
    /// They may be used again without asking.
    Restore,
    /// They are not evicted.
    Pin,
    Unpin,
}

impl EntrySelector<'_> {
    pub(crate) fn contains(&self, slot: &Slot) -> bool {
        let url = slot.url();
        match *self {
            EntrySelector::All => true,
            EntrySelector::Key(wanted) => slot.key == wanted,
            EntrySelector::Url(wanted) => url == wanted,
            EntrySelector::Prefix(prefix) => url.starts_with(prefix),
            EntrySelector::Host(host) => host_of(url).eq_ignore_ascii_case(host),
            EntrySelector::Domain(domain) => is_below(host_of(url), domain),
            EntrySelector::Site(site) => {
                is_below(host_of(url), site) || slot.page() == page_mark(site)
            }
            EntrySelector::Purge(purge) => purge != PurgeId::NONE && slot.purge == purge,
            EntrySelector::Tag(tag) => slot.has_tag(tag),
            EntrySelector::Group { origin, group } => {
                let path = url.strip_prefix(origin);
                path.is_some_and(|path| path.starts_with('/'))
                    && slot.has_tag(&invalidation::group_tag(group))
            }
            EntrySelector::Owner(owner) => slot.owner() == owner,
        }
    }
}

impl Slot {
    pub(crate) fn url(&self) -> &str {
        match (&self.resident, &self.record) {
            (Resident::Unpacked(entry), _) => entry.url(),
            (Resident::Packed(packed), _) => packed.view().map_or("", |view| view.url),
            (Resident::None, record) => record.as_ref().map_or("", |record| &record.url),
        }
    }

    fn owner(&self) -> u64 {
        match (&self.resident, &self.record) {
            (Resident::Unpacked(entry), _) => entry.owner(),
            (Resident::Packed(packed), _) => packed.view().map_or(0, |view| view.owner),
            (Resident::None, record) => record.as_ref().map_or(0, |record| record.owner),
        }
    }

    fn page(&self) -> u32 {
        match (&self.resident, &self.record) {
            (Resident::Unpacked(entry), _) => entry.page(),
            (Resident::Packed(packed), _) => packed.view().map_or(0, |view| view.page),
            (Resident::None, record) => record.as_ref().map_or(0, |record| record.page),
        }
    }

    fn has_tag(&self, tag: &str) -> bool {
        let tags = match (&self.resident, &self.record) {
            (Resident::Unpacked(entry), _) => invalidation::tags_and_groups(&entry.head().fields()),
            (Resident::Packed(packed), _) => packed.view().map_or_else(Vec::new, |view| {
                invalidation::tags_and_groups(&FieldLines(view.lines))
            }),
            (Resident::None, record) => {
                let hash = short_hash(tag.as_bytes());
                return record
                    .as_ref()
                    .is_some_and(|record| record.tags.contains(&hash));
            }
        };
        tags.iter().any(|found| found == tag)
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.as_bytes(), domain.as_bytes());
    let Some(start) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    let (before, end) = host.split_at(start);
    end.eq_ignore_ascii_case(domain) && (before.is_empty() || before.ends_with(b"."))
}

impl Cache {
    /// Changes all selected entries, and gives how many there were.
    pub fn change(&self, selection: &EntrySelector<'_>, change: EntryChange) -> usize {
        self.change_shared(selection, change);
        self.note(selection, change);
        if let EntrySelector::Key(key) = *selection {
            return self.change_shard(&mut self.shard(key), selection, change);
        }
        let shards = self.shards.iter();
        shards
            .map(|shard| self.change_shard(&mut lock(shard), selection, change))
            .sum()
    }

    fn change_shard(
        &self,
        shard: &mut Shard,
        selection: &EntrySelector<'_>,
        change: EntryChange,
    ) -> usize {
        let ids: Vec<SlotId> = match *selection {
            EntrySelector::Key(key) => shard.variants(key).map(|(id, _)| id).collect(),
            EntrySelector::Url(url) => {
                let hash = short_hash(url.as_bytes());
                let named = shard.entries().filter(|(_, slot)| slot.url_hash == hash);
                let selected = named.filter(|(_, slot)| selection.contains(slot));
                selected.map(|(id, _)| id).collect()
            }
            _ => {
                let selected = shard.entries().filter(|(_, slot)| selection.contains(slot));
                selected.map(|(id, _)| id).collect()
            }
        };
        for id in &ids {
            match change {
                EntryChange::Remove => self.release(shard.remove(*id)),
                EntryChange::Invalidate => self.mark(shard, *id, Slot::invalidate),
                EntryChange::PurgeSoftly(purge) => {
                    self.mark(shard, *id, |slot| slot.purge_softly(purge));
                }
                EntryChange::Restore => self.mark(shard, *id, Slot::validate),
                EntryChange::Pin => {
                    shard.pin(*id, true);
                    self.mark(shard, *id, |slot| slot.pinned = true);
                }
                EntryChange::Unpin => {
                    shard.pin(*id, false);
                    self.mark(shard, *id, |slot| slot.pinned = false);
                }
            }
        }
        ids.len()
    }

    /// Changes an entry's flags, in its file's record too.
    pub(crate) fn mark(&self, shard: &mut Shard, id: SlotId, change: impl Fn(&mut Slot)) {
        let Some(slot) = shard.slot_mut(id) else {
            return;
        };
        change(slot);
        let Some(record) = &mut slot.record else {
            return;
        };
        let (invalidated, pinned) = (slot.invalidated, slot.pinned);
        if (record.invalidated, record.pinned) == (invalidated, pinned) {
            return;
        }
        *record = Arc::new(Record {
            invalidated,
            pinned,
            ..Record::clone(record)
        });
        self.write(WriteJob::Change {
            key: slot.key,
            id: record.id,
        });
    }

    /// Responses that are on their way are meant too.
    fn note(&self, selection: &EntrySelector<'_>, change: EntryChange) {
        let effect = match change {
            EntryChange::Remove => Effect::Remove,
            EntryChange::Invalidate | EntryChange::PurgeSoftly(_) => Effect::Invalidate,
            EntryChange::Restore | EntryChange::Pin | EntryChange::Unpin => return,
        };
        let reach = match *selection {
            EntrySelector::Key(key) => Reach::Key(key),
            EntrySelector::Url(url) => Reach::Url(short_hash(url.as_bytes())),
            EntrySelector::Purge(_) => return,
            // Their tags are not known yet, and purges are few.
            _ => Reach::Any,
        };
        self.recent_changes.note(reach, effect);
    }

    /// A response is in the store that was asked for after change `since`: what happened meanwhile holds for it too.
    pub(crate) fn catch_up(&self, since: u64, keys: [Key; 2], entry: &Entry) {
        if self.recent_changes.number() == since {
            return;
        }
        let url = short_hash(entry.url().as_bytes());
        let Some(effect) = self.recent_changes.effect(since, keys, url) else {
            return;
        };
        let [key, _] = keys;
        let mut shard = self.shard(key);
        let Some(id) = shard.find(key, entry) else {
            return;
        };
        match effect {
            Effect::Remove => self.release(shard.remove(id)),
            Effect::Invalidate => self.mark(&mut shard, id, Slot::invalidate),
        }
    }

    /// Marks all variants of a key, as after an unsafe request (RFC 9111, 4.4).
    pub fn invalidate(&self, key: Key) {
        self.change(&EntrySelector::Key(key), EntryChange::Invalidate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_contains_whole_labels_only() {
        assert!(is_below("example.com", "example.com"));
        assert!(is_below("WWW.Example.com", "example.COM"));
        assert!(!is_below("badexample.com", "example.com"));
        assert!(!is_below("com", "example.com"));
    }
}

#[cfg(test)]
#[path = "purge_tests.rs"]
mod change_tests;
