//! The requests of one thread, written by it alone: the newest so many. Readers contend for its lock only while they copy
//! pointers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::filter::RequestFilter;
use super::row::{
    MAX_ERROR, MAX_URL, MAX_WORD, NewRequest, RequestRow, RequestScan, cut, media_type, word,
};
use crate::row::ConnectionRow;
use crate::shard_number::SHARDS;
use crate::wipe_range::WipeRange;

/// Requests that one thread keeps.
pub(crate) const ROWS_PER_THREAD: usize = 5_000;
/// Bytes of texts that one thread keeps.
const BYTES_PER_THREAD: usize = 4 << 20;
/// Bytes that the longest row takes.
const LONGEST_ROW: usize =
    size_of::<RequestRow>() + size_of::<RequestScan>() + MAX_URL + 2 * MAX_ERROR + 2 * MAX_WORD;

#[derive(Default)]
struct Rows {
    rows: VecDeque<Arc<RequestRow>>,
    bytes: usize,
    /// Rows recorded so far.
    count: u64,
    /// How often recording was started or stopped, or rows were wiped.
    changes: u64,
}

impl Rows {
    /// Drops the oldest rows until another one fits. Returns the last of them: its memory is used again unless a reader
    /// holds it.
    fn make_room(&mut self) -> Option<Arc<RequestRow>> {
        let mut dropped = None;
        while self.rows.len() >= ROWS_PER_THREAD || self.bytes + LONGEST_ROW > BYTES_PER_THREAD {
            let oldest = self.rows.pop_front()?;
            self.bytes = self.bytes.saturating_sub(size(&oldest));
            dropped = Some(oldest);
        }
        dropped
    }
}

/// Aligned so that two rings share no cache line.
#[repr(align(128))]
pub(crate) struct RequestRing {
    number: usize,
    recording: AtomicBool,
    rows: Mutex<Rows>,
}

impl RequestRing {
    pub fn new(number: usize) -> Self {
        Self {
            number,
            recording: AtomicBool::new(false),
            rows: Mutex::default(),
        }
    }

    pub fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    pub fn set_recording(&self, wanted: bool) {
        let mut rows = self.lock();
        if self.recording.swap(wanted, Ordering::Relaxed) != wanted {
            rows.changes += 1;
        }
        if !wanted {
            // The count goes on: ids are unique in a run.
            *rows = Rows {
                count: rows.count,
                changes: rows.changes,
                ..Rows::default()
            };
        }
    }

    /// Records a request of a connection. `now`: Unix milliseconds.
    pub fn record(&self, connection: &ConnectionRow, now: u64, new: &NewRequest<'_>) {
        if !self.is_recording() {
            return;
        }
        let total = u64::try_from(new.total.as_millis()).unwrap_or(u64::MAX);
        let mut rows = self.lock();
        // Recording may have stopped meanwhile.
        if !self.is_recording() {
            return;
        }
        let mut dropped = rows.make_room();
        let reused = dropped.as_mut().and_then(Arc::get_mut);
        let mut url = reused.map_or_else(String::new, |row| std::mem::take(&mut row.url));
        url.clear();
        url.push_str(cut(new.url, MAX_URL));
        rows.count += 1;
        let row = RequestRow {
            id: rows.count * SHARDS as u64 + self.number as u64,
            connection: connection.id,
            started: now.saturating_sub(total),
            client: connection.client(),
            user: connection.texts.user.clone(),
            route: connection.texts.route.clone(),
            method: word(new.method),
            url,
            version: new.version,
            remote: connection.remote(),
            status: new.status,
            media_type: new.media_type.map(media_type),
            up: new.up,
            down: new.down,
            up_head: new.up_head,
            down_head: new.down_head,
            dial: new.dial,
            first_byte: new.first_byte,
            total: new.total,
            error: new.error.map(|error| cut(error, MAX_ERROR).into()),
            cache: new.cache,
            scan: new.scan.cloned().map(Box::new),
        };
        rows.bytes += size(&row);
        let row = replace(dropped, row);
        rows.rows.push_back(row);
    }

    /// Drops the requests that ended in the range.
    pub fn wipe(&self, range: WipeRange) {
        let mut rows = self.lock();
        rows.rows.retain(|row| !range.covers(row.ended()));
        rows.bytes = rows.rows.iter().map(|row| size(row)).sum();
        rows.changes += 1;
    }

    /// Grows with every change of the rows.
    pub fn version(&self) -> u64 {
        let rows = self.lock();
        rows.count + rows.changes
    }

    pub fn copy_matching(&self, filter: &RequestFilter, into: &mut Vec<Arc<RequestRow>>) {
        let rows: Vec<_> = self.lock().rows.iter().cloned().collect();
        into.extend(rows.into_iter().filter(|row| filter.matches(row)));
    }

    /// Ignores poisoning: the values are consistent after a panic of a holder.
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a row into the memory of an old one, unless somebody reads that.
fn replace(old: Option<Arc<RequestRow>>, row: RequestRow) -> Arc<RequestRow> {
    if let Some(mut old) = old
        && let Some(place) = Arc::get_mut(&mut old)
    {
        *place = row;
        return old;
    }
    Arc::new(row)
}

fn size(row: &RequestRow) -> usize {
    // Short words are kept within the row; the URL's memory is used again by later rows.
    let words = [Some(&row.method), row.media_type.as_ref()];
    let words: usize = words.into_iter().flatten().map(|word| word.len()).sum();
    let scan = row.scan.as_ref();
    let scan = scan.map_or(0, |scan| scan.text_len() + size_of::<RequestScan>());
    let error = row.error.as_ref().map_or(0, |error| error.len());
    words + row.url.capacity() + error + scan + size_of::<RequestRow>()
}
