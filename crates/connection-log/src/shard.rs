//! A part of the live table, written by one thread: opening and closing a row touches nothing that other threads write.
//! Readers contend for its lock only while they copy pointers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::cached::{CacheSaving, CacheSums};
use crate::clock::Clock;
use crate::closed::{ClosedConnection, DroppedRows};
use crate::connection::{CloseReason, NewConnection, Verdict};
use crate::requests::RequestRing;
use crate::row::{ConnectionRow, NOT_LIVE, SharedTexts};
use crate::shard_number::SHARDS;
use crate::totals::{ByteCounts, Totals};

/// Closed rows that wait in one shard to be collected. Past it a row is missing from the history, and its bytes are
/// counted under "(other)".
pub(crate) const WAITING_PER_SHARD: usize = 16_384;
/// Combinations of user, route and reason that a shard shares between rows.
const SHARED_TEXTS: usize = 16;
/// Aligned so that two shards share no cache line.
#[repr(align(128))]
pub(crate) struct Shard {
    number: usize,
    clock: Clock,
    /// Whether closed rows are kept for the recorder; `false` with [`crate::Retention::None`] and in a mode without history.
    recording: Arc<AtomicBool>,
    state: Mutex<State>,
    pub(crate) requests: RequestRing,
}

#[derive(Default)]
struct State {
    opened: u64,
    live: Vec<Arc<ConnectionRow>>,
    ended: Vec<ClosedConnection>,
    lost: DroppedRows,
    totals: Totals,
    /// What the cache saved for connections since the recorder asked last, by the row's own number.
    savings: HashMap<u64, (Arc<ConnectionRow>, CacheSums)>,
    texts: Vec<Arc<SharedTexts>>,
    next_text: usize,
}

impl Shard {
    pub fn new(number: usize, clock: Clock, recording: Arc<AtomicBool>) -> Self {
        Self {
            number,
            clock,
            recording,
            state: Mutex::default(),
            requests: RequestRing::new(number),
        }
    }

    pub fn open(&self, opening: NewConnection) -> Arc<ConnectionRow> {
        let now = self.clock.now();
        let started = self.clock.unix(now);
        let verdict = Verdict::of_route(&opening.route);
        let unrecorded = !self.is_recording();
        let mut state = self.lock();
        state.totals.connections += 1;
        let mut row = state.make(self.number, (started, now), opening, verdict);
        row.unrecorded = unrecorded;
        let row = Arc::new(row);
        let slot = u32::try_from(state.live.len()).unwrap_or(NOT_LIVE - 1);
        row.slot.store(slot, Ordering::Relaxed);
        state.live.push(row.clone());
        row
    }

    /// Closes a row of this shard; a second call does nothing.
    pub fn close(&self, row: &Arc<ConnectionRow>, end: CloseReason, error: Option<String>) {
        if row.slot.load(Ordering::Relaxed) == NOT_LIVE {
            return;
        }
        let at = self.clock.unix(self.clock.now());
        let error = error.map(String::into_boxed_str);
        let mut state = self.lock();
        if !state.remove(row) {
            return;
        }
        state.totals.of(row.verdict()).add(ByteCounts {
            up: row.up_bytes(),
            down: row.down_bytes(),
        });
        let end = row.cancelled().unwrap_or(end);
        let verdict = verdict_of(end).unwrap_or(row.verdict());
        state.totals.count(verdict);
        let row = row.clone();
        let ended = ClosedConnection {
            row,
            at,
            end,
            verdict,
            error,
        };
        if self.is_recording() && !ended.row.unrecorded {
            state.keep(ended);
        }
    }

    /// Counts what the cache did for a request of a connection. Past [`WAITING_PER_SHARD`] connections it is not counted.
    pub fn cache_used(&self, row: &Arc<ConnectionRow>, saving: CacheSaving) {
        if !self.is_recording() || row.unrecorded {
            return;
        }
        let mut state = self.lock();
        let is_full = state.savings.len() >= WAITING_PER_SHARD;
        match state.savings.get_mut(&row.id) {
            Some((_, sums)) => sums.add(saving),
            None if is_full => {}
            None => {
                let mut sums = CacheSums::default();
                sums.add(saving);
                state.savings.insert(row.id, (row.clone(), sums));
            }
        }
    }

    /// Takes what was counted since the last call.
    pub fn take_savings(&self) -> HashMap<u64, (Arc<ConnectionRow>, CacheSums)> {
        std::mem::take(&mut self.lock().savings)
    }

    /// Records a connection that was never opened.
    pub fn refuse(
        &self,
        opening: NewConnection,
        end: CloseReason,
        error: Option<String>,
    ) -> Option<Arc<ConnectionRow>> {
        let now = self.clock.now();
        let at = self.clock.unix(now);
        let error = error.map(String::into_boxed_str);
        let verdict = verdict_of(end).unwrap_or(Verdict::Failed);
        let mut state = self.lock();
        state.totals.connections += 1;
        state.totals.count(verdict);
        if !self.is_recording() {
            return None;
        }
        let row = Arc::new(state.make(self.number, (at, now), opening, verdict));
        row.slot.store(NOT_LIVE, Ordering::Relaxed);
        let ended = ClosedConnection {
            row: row.clone(),
            at,
            end,
            verdict,
            error,
        };
        state.keep(ended);
        Some(row)
    }

    /// Appends this shard's live rows.
    pub fn copy_live(&self, into: &mut Vec<Arc<ConnectionRow>>) {
        into.extend_from_slice(&self.lock().live);
    }

    /// Appends up to `most` live rows from index `from` on. Rows may move to the front between two calls, so that a walk
    /// may miss one; it never sees one twice.
    pub fn copy_some(&self, from: usize, most: usize, into: &mut Vec<Arc<ConnectionRow>>) {
        let state = self.lock();
        let rest = state.live.get(from..).unwrap_or_default();
        into.extend(rest.iter().take(most).cloned());
    }

    pub fn find(&self, id: u64) -> Option<Arc<ConnectionRow>> {
        self.lock().live.iter().find(|row| row.id == id).cloned()
    }

    /// Takes the rows that closed since the last call.
    pub fn collect(&self, into: &mut Vec<ClosedConnection>) -> DroppedRows {
        let mut state = self.lock();
        let ended = std::mem::take(&mut state.ended);
        let lost = std::mem::take(&mut state.lost);
        drop(state);
        into.extend(ended);
        lost
    }

    /// Adds this shard's totals, live rows included.
    pub fn add_totals(&self, totals: &mut Totals) {
        let state = self.lock();
        totals.add(&state.totals);
        totals.active += state.live.len() as u64;
        for row in &state.live {
            totals.of(row.verdict()).add(ByteCounts {
                up: row.up_bytes(),
                down: row.down_bytes(),
            });
        }
    }

    /// Unix milliseconds.
    pub fn unix_now(&self) -> u64 {
        self.clock.unix(self.clock.now())
    }

    fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    /// Ignores poisoning: the values are consistent after a panic of a holder.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make(
        &mut self,
        shard: usize,
        (started, now): (u64, u64),
        opening: NewConnection,
        verdict: Verdict,
    ) -> ConnectionRow {
        self.opened += 1;
        let id = self.opened * SHARDS as u64 + shard as u64;
        let texts = self.share(&opening);
        ConnectionRow::new(id, started, now, texts, opening, verdict)
    }

    /// The shared texts of a new connection: most connections of a thread have the same few.
    fn share(&mut self, opening: &NewConnection) -> Arc<SharedTexts> {
        if let Some(known) = self.texts.iter().find(|known| known.match_opening(opening)) {
            return known.clone();
        }
        let texts = Arc::new(SharedTexts::of(opening));
        if self.texts.len() < SHARED_TEXTS {
            self.texts.push(texts.clone());
        } else {
            self.texts[self.next_text] = texts.clone();
            self.next_text = (self.next_text + 1) % SHARED_TEXTS;
        }
        texts
    }

    fn remove(&mut self, row: &Arc<ConnectionRow>) -> bool {
        let slot = row.slot.swap(NOT_LIVE, Ordering::Relaxed);
        if slot == NOT_LIVE {
            return false;
        }
        let index = slot as usize;
        self.live.swap_remove(index);
        if let Some(moved) = self.live.get(index) {
            moved.slot.store(slot, Ordering::Relaxed);
        }
        // Frees the memory of a burst.
        if self.live.capacity() > 1024 && self.live.len() < self.live.capacity() / 4 {
            self.live.shrink_to(self.live.len() * 2);
        }
        true
    }

    fn keep(&mut self, ended: ClosedConnection) {
        if self.ended.len() < WAITING_PER_SHARD {
            self.ended.push(ended);
        } else {
            self.lost.add(&ended);
        }
    }
}

/// The verdict that follows from the close reason alone.
fn verdict_of(end: CloseReason) -> Option<Verdict> {
    match end {
        CloseReason::Blocked => Some(Verdict::Blocked),
        CloseReason::Failed => Some(Verdict::Failed),
        _ => None,
    }
}
