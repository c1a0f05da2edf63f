//! Keys whose responses could not be stored lately: requests for them do not wait for one another.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::key::Key;
use crate::rules::time::Timestamp;

/// How long a key is remembered, in seconds.
const REMEMBERED: i64 = 120;
/// Places, of 8 bytes. A later key takes the place of an earlier one.
const PLACES: usize = 1 << 14;

const TIME_BITS: u32 = 24;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// Each place holds 40 bits of a key and the time at which it is forgotten. Reading it takes no lock.
#[derive(Debug)]
pub(crate) struct Uncacheable {
    places: Box<[AtomicU64]>,
}

impl Default for Uncacheable {
    fn default() -> Self {
        Uncacheable {
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Uncacheable {
    pub(crate) fn remember(&self, key: Key, now: Timestamp) {
        if let Some(place) = self.place(key) {
            place.store(mark(key) | time(now.plus(REMEMBERED)), Ordering::Relaxed);
        }
    }

    pub(crate) fn forget(&self, key: Key) {
        if let Some(place) = self.place(key)
            && place.load(Ordering::Relaxed) & !TIME_MASK == mark(key)
        {
            place.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn contains(&self, key: Key, now: Timestamp) -> bool {
        let Some(place) = self.place(key) else {
            return false;
        };
        let found = place.load(Ordering::Relaxed);
        // The difference of two times that have lost their upper bits.
        let left = (found & TIME_MASK).wrapping_sub(time(now)) & TIME_MASK;
        found != 0 && found & !TIME_MASK == mark(key) && left > 0 && left <= REMEMBERED as u64
    }

    fn place(&self, key: Key) -> Option<&AtomicU64> {
        self.places.get(key.0 as usize % PLACES)
    }
}

fn mark(key: Key) -> u64 {
    ((key.0 >> 64) as u64) & !TIME_MASK
}

fn time(time: Timestamp) -> u64 {
    time.0 as u64 & TIME_MASK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_for_two_minutes_whatever_the_clock() {
        for start in [0, 1_900_000_000, (1 << 24) - 60, (1 << 24) * 100 - 1] {
            let keys = Uncacheable::default();
            let (key, now) = (Key(0x1234_5678 << 96 | 7), Timestamp(start));
            assert!(!keys.contains(key, now));
            keys.remember(key, now);
            assert!(keys.contains(key, now));
            assert!(keys.contains(key, now.plus(119)));
            assert!(!keys.contains(key, now.plus(120)));
            assert!(!keys.contains(key, now.plus(100_000)));
            assert!(
                !keys.contains(key, now.plus(-10)),
                "a clock that was set back"
            );
            assert!(
                !keys.contains(Key(0x1234_5679 << 96 | 7), now),
                "another key"
            );
            keys.forget(key);
            assert!(!keys.contains(key, now));
        }
    }
}
