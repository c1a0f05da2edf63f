//! A stored response: its head, and its body wherever that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::body::MemoryBody;
use crate::body_reader::BodyReader;
use crate::budget::{allocated_shared, allocated_text};
use crate::incoming::Incoming;
use crate::key::Key;
use crate::new_entry::NewEntry;
use crate::parts::Parts;
use crate::rules::stored::StoredHead;
use crate::store::disk::description::Description;
use crate::store::disk::format::Record;
use crate::store::disk::reader::DiskBody;

/// Entries are numbered, so that one is known again after it was packed.
static SERIALS: AtomicU64 = AtomicU64::new(1);

fn next_serial() -> u64 {
    SERIALS.fetch_add(1, Ordering::Relaxed)
}

/// A stored response, or one that is being received to be stored. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Entry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    serial: u64,
    key: Key,
    head: StoredHead,
    url: Arc<str>,
    body: Body,
    owner: u64,
    page: u32,
    route: u32,
    fetch_millis: u32,
    keep_on_disk: bool,
    /// What judged the body, as a number of the caller's; 0: nothing did. With [`BEING_JUDGED`] what judges it now.
    judged: AtomicU64,
}

/// Beside the number of what judges a body that arrives.
const BEING_JUDGED: u64 = 1 << 63;

/// Where a body is.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Memory(MemoryBody),
    Disk(DiskBody),
    Incoming(Incoming),
    /// Not all of it, or not in one piece.
    Parts(Parts),
    /// Of this length, in a file that was not opened.
    Unread(u64),
}

fn millis(took: Duration) -> u32 {
    u32::try_from(took.as_millis()).unwrap_or(u32::MAX)
}

impl Entry {
    pub(crate) fn new(key: Key, head: StoredHead, new: &NewEntry<'_>, body: Body) -> Entry {
        Entry(Arc::new(Inner {
            serial: next_serial(),
            key,
            head,
            url: new.url.into(),
            body,
            owner: new.owner,
            page: new.page,
            route: new.route,
            fetch_millis: millis(new.took),
            keep_on_disk: new.keep_on_disk,
            judged: AtomicU64::new(0),
        }))
    }

    fn described(from: Description, body: Body, serial: u64, keep_on_disk: bool) -> Entry {
        Entry(Arc::new(Inner {
            serial,
            key: from.key,
            head: from.head,
            url: from.url,
            body,
            owner: from.owner,
            page: from.page,
            route: from.route,
            fetch_millis: from.fetch_millis,
            keep_on_disk,
            judged: AtomicU64::new(from.judged),
        }))
    }

    /// An entry as it was on disk.
    pub(crate) fn restored(from: Description, body: Result<MemoryBody, DiskBody>) -> Entry {
        let body = body.map_or_else(Body::Disk, Body::Memory);
        Entry::described(from, body, next_serial(), true)
    }

    /// What the index knows of an entry on disk, for listings. Its head has no fields, and its body cannot be read.
    pub(crate) fn unread(record: &Record) -> Entry {
        Entry(Arc::new(Inner {
            serial: next_serial(),
            key: record.key,
            head: record.head(),
            url: record.url.clone(),
            body: Body::Unread(record.body_len),
            owner: record.owner,
            page: record.page,
            route: 0,
            fetch_millis: 0,
            keep_on_disk: true,
            judged: AtomicU64::new(0),
        }))
    }

    /// An entry as it was before it was packed.
    pub(crate) fn unpacked(
        from: Description,
        body: MemoryBody,
        serial: u64,
        keep_on_disk: bool,
    ) -> Entry {
        Entry::described(from, Body::Memory(body), serial, keep_on_disk)
    }

    pub(crate) fn serial(&self) -> u64 {
        self.0.serial
    }

    pub(crate) fn key(&self) -> Key {
        self.0.key
    }

    /// The same entry with its body complete.
    pub(crate) fn completed(&self, body: MemoryBody, took: Duration) -> Entry {
        self.with(self.0.head.clone(), Body::Memory(body), took)
    }

    /// The same entry whose body took so long to arrive.
    pub(crate) fn fetched_in(&self, took: Duration) -> Entry {
        self.with(self.0.head.clone(), self.0.body.clone(), took)
    }

    /// The same entry with its body on disk.
    pub(crate) fn arrived_on_disk(&self, body: DiskBody) -> Entry {
        self.with(self.0.head.clone(), Body::Disk(body), self.fetch_time())
    }

    /// Parts that are the whole, as one body.
    pub(crate) fn joined(&self, body: MemoryBody) -> Entry {
        self.whole(Body::Memory(body))
    }

    /// Parts that are the whole, as one body on disk.
    pub(crate) fn joined_on_disk(&self, body: DiskBody) -> Entry {
        self.whole(Body::Disk(body))
    }

    fn whole(&self, body: Body) -> Entry {
        let mut head = self.0.head.clone();
        head.status = 200;
        self.with(head, body, self.fetch_time())
    }

    /// The same body with another head, as a 304 has updated it. It is not stored.
    #[must_use]
    pub fn with_head(&self, head: StoredHead) -> Entry {
        self.with(head, self.0.body.clone(), self.fetch_time())
    }

    fn with(&self, head: StoredHead, body: Body, took: Duration) -> Entry {
        let old = &*self.0;
        Entry(Arc::new(Inner {
            serial: next_serial(),
            key: old.key,
            head,
            url: old.url.clone(),
            body,
            owner: old.owner,
            page: old.page,
            route: old.route,
            fetch_millis: millis(took),
            keep_on_disk: old.keep_on_disk,
            judged: AtomicU64::new(self.judged()),
        }))
    }

    /// What judged the body, as [`Self::set_judged`] has it. 0: nothing did.
    pub fn judged(&self) -> u64 {
        match self.0.judged.load(Ordering::Relaxed) {
            by if by & BEING_JUDGED == 0 => by,
            _ => 0,
        }
    }

    /// Notes what judges the body while it arrives: nothing of it is here before it may be sent.
    pub fn set_judging(&self, by: u64) {
        self.0.judged.store(by | BEING_JUDGED, Ordering::Relaxed);
    }

    /// Whether the body is judged while it arrives.
    pub fn is_being_judged(&self) -> bool {
        self.0.judged.load(Ordering::Relaxed) & BEING_JUDGED != 0
    }

    /// Whether the body is judged by this while it arrives.
    pub fn is_judged_on_arrival(&self, by: u64) -> bool {
        let now = self.0.judged.load(Ordering::Relaxed);
        now == by | BEING_JUDGED || now == by
    }

    /// Notes what judged the body, as a number of the caller's. [`Cache::keep_verdict`](crate::Cache::keep_verdict) keeps it
    /// on disk, where the body is there already.
    pub fn set_judged(&self, by: u64) {
        self.0.judged.store(by, Ordering::Relaxed);
    }

    pub fn head(&self) -> &StoredHead {
        &self.0.head
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Whose entry it is: [`NewEntry::owner`].
    pub fn owner(&self) -> u64 {
        self.0.owner
    }

    /// The site of the page that caused it: [`NewEntry::page`].
    pub fn page(&self) -> u32 {
        self.0.page
    }

    /// The way it came: [`NewEntry::route`].
    pub fn route(&self) -> u32 {
        self.0.route
    }

    /// How long the origin took for the whole response, so that one can say what a hit saved; for its head, while the body is
    /// received and for parts.
    pub fn fetch_time(&self) -> Duration {
        Duration::from_millis(self.0.fetch_millis.into())
    }

    /// The body's length in bytes, unless it is still received and was not announced.
    pub fn body_len(&self) -> Option<u64> {
        match &self.0.body {
            Body::Memory(body) => Some(body.len()),
            Body::Disk(body) => Some(body.len()),
            Body::Incoming(body) => body.len(),
            Body::Parts(parts) => parts.complete(),
            Body::Unread(len) => Some(*len),
        }
    }

    pub fn is_complete(&self) -> bool {
        match &self.0.body {
            Body::Memory(_) | Body::Disk(_) | Body::Unread(_) => true,
            Body::Incoming(body) => body.is_complete(),
            Body::Parts(parts) => parts.is_complete(),
        }
    }

    /// Whether its body can be read from the beginning.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.0.body {
            Body::Memory(_) | Body::Disk(_) => true,
            Body::Incoming(body) => body.is_whole(),
            Body::Parts(parts) => parts.covers_all(),
            Body::Unread(_) => false,
        }
    }

    /// Whether its body can only be read from disk.
    pub fn is_on_disk(&self) -> bool {
        matches!(self.0.body, Body::Disk(_) | Body::Unread(_))
    }

    /// Whether its first bytes have to be read from disk before one knows that they are right.
    pub fn begins_unchecked(&self) -> bool {
        match &self.0.body {
            Body::Disk(body) => !body.begins_checked(),
            Body::Unread(_) => true,
            Body::Memory(_) | Body::Incoming(_) | Body::Parts(_) => false,
        }
    }

    /// Whether it may outlive the process.
    pub(crate) fn keep_on_disk(&self) -> bool {
        self.0.keep_on_disk
    }

    pub(crate) fn memory_body(&self) -> Option<&MemoryBody> {
        match &self.0.body {
            Body::Memory(body) => Some(body),
            Body::Disk(_) | Body::Incoming(_) | Body::Parts(_) | Body::Unread(_) => None,
        }
    }

    pub(crate) fn parts(&self) -> Option<&Parts> {
        match &self.0.body {
            Body::Parts(parts) => Some(parts),
            _ => None,
        }
    }

    pub(crate) fn trailers(&self) -> Bytes {
        match &self.0.body {
            Body::Memory(body) => body.trailers(),
            Body::Disk(body) => body.trailers().clone(),
            Body::Incoming(_) | Body::Parts(_) | Body::Unread(_) => Bytes::new(),
        }
    }

    /// Whether its body is being received, or is not in its place yet.
    pub(crate) fn is_arriving(&self) -> bool {
        matches!(self.0.body, Body::Incoming(_))
    }

    /// Whether both have the same body, which is being received.
    pub(crate) fn receives(&self, incoming: &Incoming) -> bool {
        matches!(&self.0.body, Body::Incoming(body) if body.is_same(incoming))
    }

    #[cfg(test)]
    pub(crate) fn is_same(&self, other: &Entry) -> bool {
        self.0.serial == other.0.serial
    }

    /// Reads the body from `offset` to its end.
    pub fn reader(&self, offset: u64) -> BodyReader {
        self.range_reader(offset, u64::MAX)
    }

    /// Reads `len` bytes of the body from `offset` on, or fewer where it ends before.
    pub fn range_reader(&self, offset: u64, len: u64) -> BodyReader {
        match &self.0.body {
            Body::Memory(body) => BodyReader::memory(body.clone(), offset, len),
            Body::Disk(body) => BodyReader::disk(body.reader(offset), len),
            Body::Incoming(body) => BodyReader::incoming(body.reader(offset), len),
            Body::Parts(parts) => parts.reader(offset, len),
            Body::Unread(_) => BodyReader::unread(),
        }
    }

    /// What its file says of it.
    pub(crate) fn description(&self, body_len: u64) -> Description {
        Description {
            key: self.0.key,
            head: self.0.head.clone(),
            url: self.0.url.clone(),
            owner: self.0.owner,
            page: self.0.page,
            route: self.0.route,
            fetch_millis: self.0.fetch_millis,
            judged: self.judged(),
            body_len,
            trailers: self.trailers().to_vec(),
        }
    }

    /// Bytes of the head and of what belongs to every entry.
    pub(crate) fn head_weight(&self) -> u64 {
        let head = &self.0.head;
        let beside = match &self.0.body {
            Body::Memory(body) => body.overhead(),
            Body::Incoming(_) => Incoming::OVERHEAD,
            Body::Disk(_) | Body::Parts(_) | Body::Unread(_) => 0,
        };
        allocated_shared(size_of::<Inner>())
            + allocated_text(head.lines.len())
            + allocated_text(head.vary_key.len())
            + allocated_shared(self.0.url.len())
            + beside
    }

    /// Bytes that it takes in memory; those of a body that is being received are not known yet.
    pub(crate) fn weight(&self) -> u64 {
        let body = match &self.0.body {
            Body::Memory(body) => body.len(),
            Body::Parts(parts) => parts.stored_bytes(),
            Body::Disk(_) | Body::Incoming(_) | Body::Unread(_) => 0,
        };
        self.head_weight() + body
    }
}
