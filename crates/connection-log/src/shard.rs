//! A part of the live table that one thread writes: opening and closing a row touch nothing that another connection's
//! thread writes. Only readers contend for its lock, and they hold it for as long as it takes to copy pointers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::connection::{CloseReason, NewConnection, Verdict};
use crate::live::{ConnectionRow, SharedTexts};
use crate::totals::{ByteCounts, Totals};

/// Parts of a table. More threads than these share parts, which costs them speed and nothing else.
pub(crate) const SHARDS: usize = 32;
/// Closed rows that wait in one shard until the books collect them. Past it a row is lost to the history, and its figures
/// are booked under "(other)".
pub(crate) const WAITING_PER_SHARD: usize = 16_384;
/// Combinations of user, route and reason that a shard remembers to share.
const SHARED_TEXTS: usize = 16;
/// The slot of a row that is not in the table.
pub(crate) const GONE: u32 = u32::MAX;

/// Aligned so that two shards share no cache line.
#[repr(align(128))]
pub(crate) struct Shard {
    number: usize,
    clock: Clock,
    /// Whether ended rows are kept for the books; off where nothing is remembered.
    keeps: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    opened: u64,
    live: Vec<Arc<ConnectionRow>>,
    ended: Vec<ClosedConnection>,
    lost: DroppedRows,
    totals: Totals,
    texts: Vec<Arc<SharedTexts>>,
    next_text: usize,
}

/// A row that ended, and how.
#[derive(Clone)]
pub(crate) struct ClosedConnection {
    pub row: Arc<ConnectionRow>,
    /// Unix milliseconds.
    pub at: u64,
    pub end: CloseReason,
    /// Differs from the row's own where it never stood.
    pub verdict: Verdict,
    pub error: Option<Box<str>>,
}

/// What the books never saw row by row.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DroppedRows {
    pub rows: u64,
    /// Connections among them that the minute buckets had not counted yet.
    pub connections: u64,
    pub blocked: u64,
    pub up: u64,
    pub down: u64,
}

impl Shard {
    pub fn new(number: usize, clock: Clock, keeps: Arc<AtomicBool>) -> Self {
        Self {
            number,
            clock,
            keeps,
            state: Mutex::default(),
        }
    }

    pub fn open(&self, opening: NewConnection) -> Arc<ConnectionRow> {
        let now = self.clock.now();
        let started = self.clock.unix(now);
        let verdict = Verdict::of_route(&opening.route);
        let mut state = self.lock();
        state.totals.connections += 1;
        let row = state.make(self.number, (started, now), opening, verdict);
        let slot = u32::try_from(state.live.len()).unwrap_or(GONE - 1);
        row.slot.store(slot, Ordering::Relaxed);
        state.live.push(row.clone());
        row
    }

    /// Ends a row of this shard; a second call does nothing.
    pub fn close(&self, row: &Arc<ConnectionRow>, end: CloseReason, error: Option<String>) {
        if row.slot.load(Ordering::Relaxed) == GONE {
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
        state.keep(self.keeps(), ended);
    }

    /// Recorder a connection that never stood.
    pub fn refuse(&self, opening: NewConnection, end: CloseReason, error: Option<String>) {
        let now = self.clock.now();
        let at = self.clock.unix(now);
        let error = error.map(String::into_boxed_str);
        let verdict = verdict_of(end).unwrap_or(Verdict::Failed);
        let mut state = self.lock();
        state.totals.connections += 1;
        state.totals.count(verdict);
        if !self.keeps() {
            return;
        }
        let row = state.make(self.number, (at, now), opening, verdict);
        row.slot.store(GONE, Ordering::Relaxed);
        let ended = ClosedConnection {
            row,
            at,
            end,
            verdict,
            error,
        };
        state.keep(true, ended);
    }

    /// Appends this shard's live rows.
    pub fn copy_live(&self, into: &mut Vec<Arc<ConnectionRow>>) {
        into.extend_from_slice(&self.lock().live);
    }

    /// Appends up to `most` live rows from a place in the table on. Between two calls rows may move to the front, so a
    /// walk in pieces may miss one; it never sees one twice.
    pub fn copy_some(&self, from: usize, most: usize, into: &mut Vec<Arc<ConnectionRow>>) {
        let state = self.lock();
        let rest = state.live.get(from..).unwrap_or_default();
        into.extend(rest.iter().take(most).cloned());
    }

    pub fn find(&self, id: u64) -> Option<Arc<ConnectionRow>> {
        self.lock().live.iter().find(|row| row.id == id).cloned()
    }

    /// Takes what ended since the last call.
    pub fn collect(&self, into: &mut Vec<ClosedConnection>) -> DroppedRows {
        let mut state = self.lock();
        let ended = std::mem::take(&mut state.ended);
        let lost = std::mem::take(&mut state.lost);
        drop(state);
        into.extend(ended);
        lost
    }

    /// Adds this shard's figures, bytes of the rows that stand included.
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

    fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    /// A thread that panicked inside left plain values that are still whole: go on with them.
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
    ) -> Arc<ConnectionRow> {
        self.opened += 1;
        let id = self.opened * SHARDS as u64 + shard as u64;
        let texts = self.share(&opening);
        Arc::new(ConnectionRow::new(
            id, started, now, texts, opening, verdict,
        ))
    }

    /// The texts of an opening, as few copies as may be: most connections of a thread have the same few.
    fn share(&mut self, opening: &NewConnection) -> Arc<SharedTexts> {
        if let Some(known) = self.texts.iter().find(|known| known.are_of(opening)) {
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
        let slot = row.slot.swap(GONE, Ordering::Relaxed);
        if slot == GONE {
            return false;
        }
        let place = slot as usize;
        self.live.swap_remove(place);
        if let Some(moved) = self.live.get(place) {
            moved.slot.store(slot, Ordering::Relaxed);
        }
        // A burst's table is given back once it is mostly empty.
        if self.live.capacity() > 1024 && self.live.len() < self.live.capacity() / 4 {
            self.live.shrink_to(self.live.len() * 2);
        }
        true
    }

    fn keep(&mut self, keeps: bool, ended: ClosedConnection) {
        if !keeps {
            return;
        }
        if self.ended.len() < WAITING_PER_SHARD {
            self.ended.push(ended);
        } else {
            self.lost.add(&ended);
        }
    }
}

impl SharedTexts {
    pub fn of(opening: &NewConnection) -> Self {
        Self {
            user: opening.user.clone(),
            route: opening.route.clone(),
            why: opening.why.clone(),
        }
    }

    pub fn are_of(&self, opening: &NewConnection) -> bool {
        let same_user = match (&self.user, &opening.user) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs) || ours == theirs,
            _ => false,
        };
        same_user
            && self.why.kind == opening.why.kind
            && (Arc::ptr_eq(&self.route, &opening.route) || self.route == opening.route)
            && (Arc::ptr_eq(&self.why.text, &opening.why.text) || self.why.text == opening.why.text)
    }
}

impl DroppedRows {
    fn add(&mut self, ended: &ClosedConnection) {
        let row = &ended.row;
        self.rows += 1;
        self.connections += u64::from(!row.counted.load(Ordering::Relaxed));
        self.blocked += u64::from(ended.verdict == Verdict::Blocked);
        let seen_up = row.sample.up.load(Ordering::Relaxed);
        let seen_down = row.sample.down.load(Ordering::Relaxed);
        self.up += row.up_bytes().saturating_sub(seen_up);
        self.down += row.down_bytes().saturating_sub(seen_down);
    }
}

/// The verdict that an end tells by itself, whatever the row was opened for.
fn verdict_of(end: CloseReason) -> Option<Verdict> {
    match end {
        CloseReason::Blocked => Some(Verdict::Blocked),
        CloseReason::Failed => Some(Verdict::Failed),
        _ => None,
    }
}

/// The part of the calling thread: threads are numbered as they first come.
pub(crate) fn of_this_thread() -> usize {
    privet_policy::thread_index::current() % SHARDS
}
