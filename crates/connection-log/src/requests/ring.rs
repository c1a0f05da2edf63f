//! The requests of one thread, written by it alone: the newest so many. Readers contend for its lock only while they copy
//! pointers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::filter::RequestFilter;
use super::{MAX_ERROR, MAX_URL, MAX_WORD, NewRequest, RequestRow, cut, media_type};
use crate::row::ConnectionRow;
use crate::shard::SHARDS;

/// Requests that one thread keeps.
pub(crate) const ROWS_PER_THREAD: usize = 5_000;
/// Bytes of texts that one thread keeps.
const BYTES_PER_THREAD: usize = 4 << 20;

#[derive(Default)]
struct Rows {
    rows: VecDeque<Arc<RequestRow>>,
    bytes: usize,
    /// Rows recorded so far.
    count: u64,
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
        self.recording.store(wanted, Ordering::Relaxed);
        if !wanted {
            // The count goes on: ids are unique in a run.
            *rows = Rows {
                count: rows.count,
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
        let mut row = RequestRow {
            id: 0,
            connection: connection.id,
            started: now.saturating_sub(total),
            client: connection.client(),
            user: connection.texts.user.clone(),
            route: connection.texts.route.clone(),
            method: cut(&String::from_utf8_lossy(new.method), MAX_WORD),
            url: cut(new.url, MAX_URL),
            status: new.status,
            media_type: new.media_type.map(media_type),
            up: new.up,
            down: new.down,
            first_byte: new.first_byte,
            total: new.total,
            error: new.error.map(|error| cut(error, MAX_ERROR)),
            cache: new.cache,
        };
        let mut rows = self.lock();
        // Recording may have stopped meanwhile.
        if !self.is_recording() {
            return;
        }
        rows.count += 1;
        row.id = rows.count * SHARDS as u64 + self.number as u64;
        rows.bytes += size(&row);
        rows.rows.push_back(Arc::new(row));
        while rows.rows.len() > ROWS_PER_THREAD || rows.bytes > BYTES_PER_THREAD {
            let Some(oldest) = rows.rows.pop_front() else {
                return;
            };
            rows.bytes = rows.bytes.saturating_sub(size(&oldest));
        }
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

fn size(row: &RequestRow) -> usize {
    let texts = [
        Some(&row.method),
        Some(&row.url),
        row.media_type.as_ref(),
        row.error.as_ref(),
    ];
    let bytes: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
    bytes + size_of::<RequestRow>()
}
