//! What the one request that goes to the origin for a key may do with the response.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::cache::Cache;
use crate::entry::{Entry, NewEntry};
use crate::flight::Outcome;
use crate::incoming::{Gone, Incoming, IncomingWriter, Incomplete, incoming};
use crate::key::Key;
use crate::purge::{Change, Selection};
use crate::rules::stored::StoredHead;
use crate::rules::time::Timestamp;

/// The right and the duty to ask the origin for a key. Others wait for what comes of it.
/// Dropping it hands the lead to one of them.
#[must_use = "others wait for what its owner gets"]
pub struct FillPermit {
    cache: Arc<Cache>,
    key: Key,
    serial: u64,
    /// The entry that the origin is asked to confirm.
    pub(crate) validates: Option<Entry>,
    started: Instant,
    open: bool,
}

impl FillPermit {
    pub(crate) fn new(cache: &Arc<Cache>, key: Key, serial: u64) -> FillPermit {
        FillPermit {
            cache: cache.clone(),
            key,
            serial,
            validates: None,
            started: Instant::now(),
            open: true,
        }
    }

    pub fn key(&self) -> Key {
        self.key
    }

    /// The response is to be stored. The entry can be read while its body is received.
    pub fn store(mut self, head: StoredHead, new: &NewEntry<'_>) -> (Entry, FillWriter) {
        self.open = false;
        let limit = self.cache.largest_object();
        let (writer, body) = incoming(new.body_len, limit, self.cache.budget());
        let entry = Entry::incoming(head, new, body.clone());
        self.cache.begin(self.key, &entry);
        self.cache
            .end_flight(self.key, self.serial, Outcome::LookAgain);
        let writer = FillWriter {
            cache: self.cache.clone(),
            key: self.key,
            entry: entry.clone(),
            writer: Some(writer),
            body,
            started: self.started,
        };
        (entry, writer)
    }

    /// The origin confirmed the entry that was to be validated: `head` is what the 304 made of it.
    /// None where there was nothing to validate.
    pub fn not_modified(mut self, head: StoredHead) -> Option<Entry> {
        self.open = false;
        let updated = self.validates.take().map(|old| {
            let entry = old.with_head(head);
            self.cache.update(self.key, &old, entry.clone());
            entry
        });
        self.cache
            .end_flight(self.key, self.serial, Outcome::LookAgain);
        updated
    }

    /// The response cannot be stored. Those who wait go on alone, and so does who asks for the key soon after.
    pub fn uncacheable(mut self, now: Timestamp) {
        self.open = false;
        self.cache.remember_uncacheable(self.key, now);
        self.cache
            .end_flight(self.key, self.serial, Outcome::LookAgain);
    }

    /// The response may not be kept any longer: what was to be validated leaves the store.
    pub fn forget(self, now: Timestamp) {
        self.cache.change(&Selection::Key(self.key), Change::Remove);
        self.uncacheable(now);
    }

    /// There is nothing to fetch: those who wait look again.
    pub(crate) fn release(mut self) {
        self.open = false;
        self.cache
            .end_flight(self.key, self.serial, Outcome::LookAgain);
    }

    /// The origin could not be asked, or its answer could not be read. The first failure makes another one ask; after
    /// the second one all who wait fail.
    pub fn failed(mut self) {
        self.open = false;
        self.cache.fail_flight(self.key, self.serial);
    }
}

impl Drop for FillPermit {
    fn drop(&mut self) {
        if self.open {
            self.cache.hand_over(self.key, self.serial);
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

/// Writes the body of an entry. Dropping it aborts the body and takes the entry out of the store.
#[derive(Debug)]
pub struct FillWriter {
    cache: Arc<Cache>,
    key: Key,
    entry: Entry,
    /// None once it is finished.
    writer: Option<IncomingWriter>,
    body: Incoming,
    started: Instant,
}

impl FillWriter {
    /// Waits until more of the body is wanted.
    ///
    /// # Errors
    ///
    /// [`Gone`] where it is not stored and nobody reads it.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        match &mut self.writer {
            Some(writer) => writer.poll_ready(cx),
            None => Poll::Ready(Err(Gone)),
        }
    }

    /// Waits until nobody reads it.
    pub fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.writer {
            Some(writer) => writer.poll_unread(cx),
            None => Poll::Ready(()),
        }
    }

    /// How many read it now.
    pub fn readers(&self) -> usize {
        self.writer.as_ref().map_or(0, IncomingWriter::readers)
    }

    /// Appends a copy of `data`.
    ///
    /// # Errors
    ///
    /// Where the body becomes longer than announced. It is aborted then.
    pub fn push(&mut self, data: &[u8]) -> Result<(), Incomplete> {
        let Some(writer) = &mut self.writer else {
            return Err(Incomplete::TooLong);
        };
        if writer.is_kept() {
            self.cache.make_room(data.len() as u64);
        }
        writer.push(data)
    }

    /// Completes the body: from now on the entry answers until it leaves the store.
    ///
    /// # Errors
    ///
    /// Where it is shorter than announced. It is aborted then.
    pub fn finish(mut self, trailers: &[u8]) -> Result<(), Incomplete> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let finished = writer.finish(trailers);
        match &finished {
            Ok(Some(body)) => {
                let took = self.started.elapsed();
                self.cache.complete(self.key, &self.body, body, took);
            }
            Ok(None) | Err(_) => self.cache.drop_incoming(self.key, &self.body),
        }
        finished.map(|_| ())
    }

    /// Ends the body before its end.
    pub fn abort(self) {}

    /// The entry whose body this is.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Drop for FillWriter {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.abort();
            self.cache.drop_incoming(self.key, &self.body);
        }
    }
}
