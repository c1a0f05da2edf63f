//! Counters by the minute: bytes, connections and blocks by program, domain, route and verdict, bounded in number.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::cached::CacheSums;
use crate::group::GroupBy;

/// Keys of one kind in one minute; further ones are counted under [`OTHER`].
pub const KEYS_PER_MINUTE: usize = 2_000;
/// The key that sums up what the bounds leave no room for.
pub const OTHER: &str = "(other)";
/// One minute, in milliseconds.
pub(crate) const MINUTE: u64 = 60_000;

/// What a minute has counters of. Those of the cache have other contents in the same columns: see the conversion from
/// [`CacheSums`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CounterKind {
    App = 0,
    Domain,
    Route,
    Verdict,
    CacheAll,
    CacheDomain,
    CacheApp,
}

impl CounterKind {
    pub const ALL: [Self; 7] = [
        Self::App,
        Self::Domain,
        Self::Route,
        Self::Verdict,
        Self::CacheAll,
        Self::CacheDomain,
        Self::CacheApp,
    ];
}

impl From<GroupBy> for CounterKind {
    fn from(by: GroupBy) -> Self {
        match by {
            GroupBy::App => Self::App,
            GroupBy::Domain => Self::Domain,
            GroupBy::Route => Self::Route,
            GroupBy::Verdict => Self::Verdict,
        }
    }
}

/// What savings are summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheGroup {
    /// Not at all: one row for each step.
    All,
    Domain,
    App,
}

impl From<CacheGroup> for CounterKind {
    fn from(by: CacheGroup) -> Self {
        match by {
            CacheGroup::All => Self::CacheAll,
            CacheGroup::Domain => Self::CacheDomain,
            CacheGroup::App => Self::CacheApp,
        }
    }
}

/// Bytes up and down, connections opened, connections blocked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    pub up: u64,
    pub down: u64,
    pub connections: u64,
    pub blocked: u64,
}

impl From<CacheSums> for Counters {
    fn from(sums: CacheSums) -> Self {
        Self {
            up: sums.micros,
            down: sums.bytes,
            connections: sums.hits,
            blocked: sums.requests,
        }
    }
}

impl Counters {
    pub fn add(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
        self.connections += other.connections;
        self.blocked += other.blocked;
    }

    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    pub fn total_bytes(&self) -> u64 {
        self.up.saturating_add(self.down)
    }
}

/// The counters of one minute: a map for each [`CounterKind`].
#[derive(Debug, Default)]
struct Minute([HashMap<Box<str>, Counters>; CounterKind::ALL.len()]);

impl Minute {
    fn len(&self) -> usize {
        self.0.iter().map(HashMap::len).sum()
    }

    fn of(&self, by: CounterKind) -> &HashMap<Box<str>, Counters> {
        &self.0[by as usize]
    }

    /// Adds to a key's counters. `true`: the key is new.
    fn add(&mut self, by: CounterKind, key: &str, counters: Counters) -> bool {
        let cells = &mut self.0[by as usize];
        // Most keys are known: they are looked up without a copy.
        if let Some(cell) = cells.get_mut(key) {
            cell.add(counters);
            return false;
        }
        let key = match cells.len() >= KEYS_PER_MINUTE {
            true => OTHER,
            false => key,
        };
        let known = cells.len();
        cells.entry(key.into()).or_default().add(counters);
        cells.len() > known
    }
}

/// Counters by minute, kind and key.
#[derive(Debug)]
pub(crate) struct Minutes {
    minutes: BTreeMap<u64, Minute>,
    cells: usize,
    most_cells: usize,
}

impl Minutes {
    /// Past `most_cells` counters the oldest minute is dropped.
    pub fn new(most_cells: usize) -> Self {
        Self {
            minutes: BTreeMap::new(),
            cells: 0,
            most_cells,
        }
    }

    /// Adds to the counters of a key in a minute (Unix time / 60 s).
    pub fn add(&mut self, minute: u64, by: CounterKind, key: &str, counters: Counters) {
        let cells = self.minutes.entry(minute).or_default();
        if cells.add(by, key, counters) {
            self.cells += 1;
        }
        while self.cells > self.most_cells && self.minutes.len() > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, cells)) = self.minutes.pop_first() {
            self.cells -= cells.len();
        }
    }

    /// Removes the counters of these minutes.
    pub fn remove(&mut self, minutes: &Range<u64>) {
        self.minutes.retain(|minute, _| !minutes.contains(minute));
        self.cells = self.minutes.values().map(Minute::len).sum();
    }

    /// Takes all counters out.
    pub fn take(&mut self) -> Vec<MinuteUsage> {
        self.cells = 0;
        let mut all = Vec::new();
        for (minute, cells) in std::mem::take(&mut self.minutes) {
            for (by, cells) in CounterKind::ALL.into_iter().zip(cells.0) {
                all.extend(cells.into_iter().map(|(key, counters)| MinuteUsage {
                    minute,
                    by,
                    key,
                    counters,
                }));
            }
        }
        all
    }

    pub fn is_empty(&self) -> bool {
        self.minutes.is_empty()
    }

    #[cfg(test)]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The counters of one kind in the minutes `from..to`.
    pub fn range(
        &self,
        by: CounterKind,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = (u64, &str, Counters)> {
        self.minutes
            .range(from.min(to)..to)
            .flat_map(move |(minute, cells)| {
                let cells = cells.of(by).iter();
                cells.map(move |(key, counters)| (*minute, &**key, *counters))
            })
    }
}

/// The counters of one key in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MinuteUsage {
    pub minute: u64,
    pub by: CounterKind,
    pub key: Box<str>,
    pub counters: Counters,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(up: u64) -> Counters {
        Counters {
            up,
            ..Counters::default()
        }
    }

    proptest! {
        #[test]
        fn counters_stay_within_their_bound_and_are_counted_correctly(
            adds in prop::collection::vec((0..6_u64, 0..30_u32, 1..9_u64), 0..200),
        ) {
            let mut minutes = Minutes::new(40);
            for (minute, key, up) in adds {
                minutes.add(minute, CounterKind::App, &key.to_string(), one(up));
                let real: usize = minutes.minutes.values().map(Minute::len).sum();
                prop_assert_eq!(minutes.cells(), real);
                prop_assert!(real <= 40 || minutes.minutes.len() == 1);
            }
            let cells = minutes.cells();
            prop_assert_eq!(minutes.take().len(), cells);
            prop_assert!(minutes.is_empty() && minutes.cells() == 0);
        }
    }

    #[test]
    fn a_known_key_still_counts_after_the_minute_is_full() {
        let mut minutes = Minutes::new(usize::MAX);
        for key in 0..KEYS_PER_MINUTE + 10 {
            minutes.add(1, CounterKind::App, &key.to_string(), one(1));
        }
        minutes.add(1, CounterKind::App, "0", one(5));
        let of = |wanted: &str| {
            let found = minutes
                .range(CounterKind::App, 0, 2)
                .find(|(_, key, _)| *key == wanted);
            found.map(|(_, _, counters)| counters.up)
        };
        assert_eq!((of("0"), of(OTHER)), (Some(6), Some(10)));
    }
}
