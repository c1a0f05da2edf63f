//! Entries that wait to be written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use privet_cache::shared::SharedPut;

/// Limits of queued entries, and of their bytes in memory. Further ones are dropped: other machines then ask the origin.
const MOST: usize = 256;
const MOST_BYTES: u64 = 16 << 20;

#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    puts: VecDeque<SharedPut>,
    bytes: u64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `false`: the queue is full.
    pub(crate) fn push(&self, put: SharedPut) -> bool {
        let mut waiting = self.lock();
        let bytes = waiting.bytes.saturating_add(put.size());
        let fits = waiting.puts.len() < MOST && bytes <= MOST_BYTES;
        if fits {
            waiting.bytes = bytes;
            waiting.puts.push_back(put);
        }
        fits
    }

    pub(crate) fn pop(&self) -> Option<SharedPut> {
        let mut waiting = self.lock();
        let put = waiting.puts.pop_front()?;
        waiting.bytes = waiting.bytes.saturating_sub(put.size());
        Some(put)
    }

    /// Drops all entries. Returns how many there were.
    pub(crate) fn clear(&self) -> u64 {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.puts).len() as u64
    }
}
