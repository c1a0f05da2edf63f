//! How a cache uses a store that machines share.

use std::sync::Arc;

use super::ask::SharedEntry;
use super::fill::SharedFill;
use super::key::{PurgeReach, PurgedPart};
use super::store::SharedStore;
use crate::cache::Cache;
use crate::fill::FillPermit;
use crate::new_entry::NewEntry;
use crate::purge::{EntryChange, EntrySelector};
use crate::site::host_of;

impl Cache {
    /// Uses this store behind memory and disk from now on, or none. A private cache has none.
    pub fn set_shared_store(&self, store: Option<Arc<dyn SharedStore>>) {
        self.shared_tier.set(store.filter(|_| self.policy().shared));
    }

    /// The store that machines share.
    pub fn shared_store(&self) -> Option<Arc<dyn SharedStore>> {
        self.shared_tier.get()
    }

    /// What a URL has on other machines is not used any more either, as far as they ask the store.
    pub fn purge_shared_url(&self, url: &str, reach: PurgeReach) {
        match reach {
            PurgeReach::AllMachines => self.purge_shared(Some(PurgedPart::Url(url))),
            PurgeReach::ThisMachine => {
                if let Some(store) = self.shared_store() {
                    store.purges().withhold(url);
                }
            }
        }
    }

    fn purge_shared(&self, part: Option<PurgedPart<'_>>) {
        if let Some(part) = part
            && let Some(store) = self.shared_store()
        {
            store.purges().begin(part);
            store.deliver_purges();
        }
    }

    /// The same for what is selected, where it is changed so that it may not be used as it is.
    pub(crate) fn change_shared(&self, selection: &EntrySelector<'_>, change: EntryChange) {
        match change {
            EntryChange::Remove | EntryChange::Invalidate | EntryChange::PurgeSoftly(_) => {
                self.purge_shared(part_of(selection));
            }
            EntryChange::Restore | EntryChange::Pin | EntryChange::Unpin => {}
        }
    }
}

/// The smallest part that contains everything that is selected. `None`: nothing is purged by it.
pub(super) fn part_of<'a>(selection: &EntrySelector<'a>) -> Option<PurgedPart<'a>> {
    Some(match *selection {
        EntrySelector::Url(url) => PurgedPart::Url(url),
        EntrySelector::Host(host) => PurgedPart::Host(host),
        EntrySelector::Prefix(prefix) => match whole_host(prefix) {
            Some(host) => PurgedPart::Host(host),
            None => PurgedPart::All,
        },
        EntrySelector::Group { origin, .. } => PurgedPart::Host(host_of(origin)),
        EntrySelector::Tag(tag) => PurgedPart::Tag(tag),
        EntrySelector::All
        | EntrySelector::Domain(_)
        | EntrySelector::Site(_)
        | EntrySelector::Owner(_) => PurgedPart::All,
        EntrySelector::Key(_) | EntrySelector::Purge(_) => return None,
    })
}

/// The host of a prefix that contains all of it.
fn whole_host(prefix: &str) -> Option<&str> {
    let (_, rest) = prefix.split_once("://")?;
    rest.contains('/').then(|| host_of(prefix))
}

impl FillPermit {
    /// The response is written to the store too.
    pub fn shared_by(mut self, fill: Box<SharedFill>) -> FillPermit {
        self.shared = Some(fill);
        self
    }

    /// Stores what another machine has stored, and ends the wait of all. Gives the permit back where it was purged meanwhile,
    /// or does not fit: the origin is to be asked.
    #[must_use = "with the permit, the origin is to be asked"]
    pub fn install(
        self,
        found: SharedEntry,
        url: &str,
        keep_on_disk: bool,
        store: &dyn SharedStore,
    ) -> Option<FillPermit> {
        let len = found.body.len() as u64;
        let replaces = self.validates.as_ref();
        // Its time was rounded down to a second.
        let received = found.head.received.plus(1);
        let is_newer = replaces.is_none_or(|old| old.head().received <= received);
        let own = found.generations.tags();
        let tags = store.purges().keep_tags(&found.tags, own, found.found_tags);
        if tags.is_lost {
            store.deliver_purges();
        }
        if len > self.cache().largest_object() || !is_newer || !tags.are_kept {
            return Some(self);
        }
        let new = NewEntry {
            url,
            body_len: Some(len),
            owner: 0,
            page: 0,
            // Its validators are not sent by a way that has an identity of its own.
            route: 0,
            keep_on_disk,
            took: found.fetched_in,
        };
        let (cache, key) = (self.cache().clone(), self.key());
        let (validates, refreshes) = (self.validates.is_some(), self.refreshes);
        let mut permit = Some(self);
        let stored =
            store
                .purges()
                .while_current(&found.scopes, &found.tags, &found.generations, || {
                    let permit = permit.take()?.fetched_in(found.fetched_in);
                    let (_, mut writer) = permit.store(found.head, &new);
                    writer.push(&found.body).ok()?;
                    writer.finish(&[]).ok()
                });
        match (stored, permit) {
            (None, Some(permit)) => Some(permit),
            _ if refreshes => None,
            _ => {
                // The look-up took it for a question to the origin.
                let mut shard = cache.shard(key);
                shard.counts.validated -= u64::from(validates);
                shard.counts.missed -= u64::from(!validates);
                None
            }
        }
    }
}
