//! What the leader, the one request that goes to the origin for a key, may do with the response.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::body::MemoryBody;
use crate::budget::block;
use crate::cache::Cache;
use crate::entry::{Body, Entry};
use crate::fill_writer::FillWriter;
use crate::in_flight::Outcome;
use crate::incoming::{Incoming, IncomingWriter, incoming};
use crate::key::Key;
use crate::new_entry::NewEntry;
use crate::partial_hit::PartialHit;
use crate::purge::{EntryChange, EntrySelector};
use crate::rules::range::ContentRange;
use crate::rules::stored::StoredHead;
use crate::rules::time::Timestamp;
use crate::shared::{PurgeReach, SharedFill};
use crate::store::packed;

/// Permission to ask the origin for a key. One request, the leader, has it; others wait. Dropping it makes one
/// of these the leader.
#[must_use = "others wait for what its owner gets"]
pub struct FillPermit {
    cache: Arc<Cache>,
    key: Key,
    serial: u64,
    /// The entry that the origin is asked to confirm.
    pub(crate) validates: Option<Entry>,
    /// Its request was answered by a stale response.
    pub(crate) refreshes: bool,
    /// Stored parts to which the rest is asked for.
    pub(crate) partial_hit: Option<PartialHit>,
    kind: Kind,
    /// The key under which the response is stored, where that is another one.
    stored_as: Option<Key>,
    /// What the response needs to be written for other machines.
    pub(crate) shared: Option<Box<SharedFill>>,
    started: Instant,
    /// The newest change of the cache before the origin is asked.
    since: u64,
    open: bool,
}

/// What the leader fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The whole: others wait for it.
    Whole,
    /// A part: those who want some of the same bytes wait.
    Part,
    /// Nobody waits.
    Alone,
}

impl FillPermit {
    pub(crate) fn new(cache: &Arc<Cache>, key: Key, serial: u64) -> FillPermit {
        FillPermit {
            cache: cache.clone(),
            key,
            serial,
            validates: None,
            refreshes: false,
            partial_hit: None,
            kind: Kind::Whole,
            stored_as: None,
            shared: None,
            started: Instant::now(),
            since: cache.recent_changes.number(),
            open: true,
        }
    }

    pub(crate) fn new_part(
        cache: &Arc<Cache>,
        key: Key,
        serial: u64,
        partial_hit: Option<PartialHit>,
    ) -> FillPermit {
        let mut permit = FillPermit::new(cache, key, serial);
        permit.partial_hit = partial_hit;
        permit.kind = Kind::Part;
        permit
    }

    /// For a request whose response nobody waits for, as that to a POST.
    pub fn alone(cache: &Arc<Cache>, key: Key) -> FillPermit {
        let mut permit = FillPermit::new(cache, key, 0);
        permit.kind = Kind::Alone;
        permit
    }

    pub fn key(&self) -> Key {
        self.key
    }

    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// The response was asked for so long ago.
    pub(crate) fn fetched_in(mut self, took: Duration) -> FillPermit {
        self.started = self.started.checked_sub(took).unwrap_or(self.started);
        self
    }

    /// Whether it is for a part only.
    pub fn is_part(&self) -> bool {
        self.kind == Kind::Part
    }

    /// The stored parts to which the rest is asked for. They are given once: without them all is asked for.
    pub fn take_partial_hit(&mut self) -> Option<PartialHit> {
        self.partial_hit.take()
    }

    /// Stores the response under another key than the one that is fetched.
    pub fn stored_as(mut self, key: Key) -> FillPermit {
        self.stored_as = (key != self.key).then_some(key);
        self
    }

    /// What happened while the response was on its way holds for it too.
    fn catch_up(&self, entry: &Entry) {
        let keys = [self.store_key(), self.key];
        self.cache.catch_up(self.since, keys, entry);
    }

    fn store_key(&self) -> Key {
        self.stored_as.unwrap_or(self.key)
    }

    /// Wakes the waiting requests.
    fn end(&mut self, outcome: Outcome) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        match self.kind {
            Kind::Whole => self.cache.end_flight(self.key, self.serial, outcome),
            Kind::Part => self.cache.end_part_flight(self.key, self.serial),
            Kind::Alone => {}
        }
    }

    /// The response is to be stored. The entry can be read while its body is received.
    pub fn store(mut self, head: StoredHead, new: &NewEntry<'_>) -> (Entry, FillWriter) {
        let limit = self.cache.largest_object();
        let target = self.cache.spill_target(new.keep_on_disk);
        let (writer, body) = incoming(new.body_len, limit, self.cache.budget(), target);
        let entry = Entry::new(self.store_key(), head, new, Body::Incoming(body.clone()));
        self.cache.begin(self.store_key(), &entry);
        self.catch_up(&entry);
        self.end(Outcome::LookAgain);
        let mut writer = self.writer(entry.clone(), writer, body);
        writer.shared = self.shared.take();
        (entry, writer)
    }

    /// Whether a whole body of this length is stored at once, by [`store_whole`](Self::store_whole).
    pub fn takes_whole(&self, len: usize) -> bool {
        let most = packed::MOST.min(self.cache.largest_object());
        self.kind != Kind::Part && len as u64 <= most
    }

    /// The response is to be stored, and all of its body is there, without trailers.
    pub fn store_whole(mut self, head: StoredHead, new: &NewEntry<'_>, body: &[u8]) -> Entry {
        let (cache, len) = (&self.cache, body.len() as u64);
        cache.make_room(len);
        cache.budget().force(len);
        let block = (len > 0).then(|| block(body.into(), cache.budget()));
        let new = NewEntry {
            took: self.started.elapsed(),
            ..*new
        };
        let body = MemoryBody::new(block.into_iter(), Bytes::new());
        let entry = Entry::new(self.store_key(), head, &new, Body::Memory(body));
        cache.add(self.store_key(), &entry);
        self.catch_up(&entry);
        if let Some(shared) = self.shared.take() {
            shared.put(&entry);
        }
        self.end(Outcome::LookAgain);
        entry
    }

    fn writer(&self, entry: Entry, writer: IncomingWriter, body: Incoming) -> FillWriter {
        FillWriter {
            cache: self.cache.clone(),
            key: self.store_key(),
            entry,
            writer: Some(writer),
            body,
            shared: None,
            started: self.started,
        }
    }

    /// The response is a part that is to be stored, under the head of all parts. `held` has the other parts, where it was
    /// asked for to complete them. The entry can be read while the body is received.
    pub fn store_part(
        mut self,
        head: StoredHead,
        part: ContentRange,
        new: &NewEntry<'_>,
        held: Option<&Entry>,
    ) -> (Entry, FillWriter) {
        let limit = self.cache.largest_object();
        let target = self.cache.part_target(new.keep_on_disk);
        let (writer, body) = incoming(Some(part.range.len()), limit, self.cache.budget(), target);
        let entry = self
            .cache
            .begin_part(self.store_key(), head, part, new, &body, held);
        self.catch_up(&entry);
        self.end(Outcome::LookAgain);
        let writer = self.writer(entry.clone(), writer, body);
        (entry, writer)
    }

    /// The origin confirmed the entry that was to be validated: `head` is what the 304 made of it.
    /// None where there was nothing to validate.
    pub fn not_modified(mut self, head: StoredHead) -> Option<Entry> {
        let updated = self.validates.take().map(|old| {
            let entry = old.with_head(head);
            self.cache.update(self.key, &old, entry.clone());
            self.cache.catch_up(self.since, [self.key; 2], &entry);
            if let Some(shared) = self.shared.take() {
                shared.put(&entry);
            }
            entry
        });
        self.end(Outcome::LookAgain);
        updated
    }

    /// The response cannot be stored. Waiting requests go to the origin themselves, as do later ones for a while. What was to
    /// be validated is not what the origin has now.
    pub fn uncacheable(mut self, now: Timestamp) {
        if let Some(old) = self.validates.take() {
            self.cache.outdate(self.key, &old);
        }
        self.cache.remember_uncacheable(self.key, now);
        self.end(Outcome::LookAgain);
    }

    /// The origin has answered with an error. Waiting requests go to the origin themselves. What was to be validated stays as
    /// it is, and later requests may use it where that is allowed.
    pub fn origin_error(mut self, now: Timestamp) {
        if self.validates.is_none() {
            self.cache.remember_uncacheable(self.key, now);
        }
        self.end(Outcome::LookAgain);
    }

    /// The response may not be kept any longer: what was to be validated leaves the store.
    pub fn forget(self, now: Timestamp, reach: PurgeReach) {
        if let Some(old) = &self.validates {
            self.cache.purge_shared_url(old.url(), reach);
        }
        self.cache
            .change(&EntrySelector::Key(self.key), EntryChange::Remove);
        self.uncacheable(now);
    }

    /// There is nothing to fetch: waiting requests look up again.
    pub(crate) fn release(mut self) {
        self.end(Outcome::LookAgain);
    }

    /// The origin could not be asked, or its answer could not be read. The first failure makes another one ask; after
    /// the second one all who wait fail.
    pub fn failed(mut self) {
        match self.kind {
            Kind::Whole => {
                self.open = false;
                self.cache.fail_flight(self.key, self.serial);
            }
            Kind::Part | Kind::Alone => self.end(Outcome::LookAgain),
        }
    }
}

impl Drop for FillPermit {
    fn drop(&mut self) {
        match self.kind {
            Kind::Whole if self.open => self.cache.hand_over(self.key, self.serial),
            _ => self.end(Outcome::LookAgain),
        }
    }
}

impl fmt::Debug for FillPermit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FillPermit")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
