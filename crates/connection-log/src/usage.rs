//! The answer to "what moved when": minute counters summed into steps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::minutes::{Counters, MINUTE, OTHER};

/// Keys in one answer; the smallest ones past it are summed under [`OTHER`].
pub const KEYS_PER_ANSWER: usize = 200;
/// Rows in one answer, roughly: with many steps it has fewer keys, though at least ten.
pub const ROWS_PER_ANSWER: usize = 20_000;
/// One row of a usage answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Start of the step, Unix milliseconds.
    pub start: u64,
    /// The app, domain, route or verdict; "(other)" and "(unknown)" are sums.
    pub key: String,
    pub up: u64,
    pub down: u64,
    pub connections: u64,
    pub blocked: u64,
}

/// One row of an answer about savings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheRow {
    /// Start of the step, Unix milliseconds.
    pub start: u64,
    /// The domain or the app; empty where all are one.
    pub key: String,
    /// Requests that the cache was asked for.
    pub requests: u64,
    pub hits: u64,
    /// Bytes that origins did not send.
    pub bytes: u64,
    /// How much longer origins would have taken.
    pub time: Duration,
}

impl From<UsageRow> for CacheRow {
    fn from(row: UsageRow) -> Self {
        Self {
            start: row.start,
            key: row.key,
            requests: row.blocked,
            hits: row.connections,
            bytes: row.down,
            time: Duration::from_micros(row.up),
        }
    }
}

/// Sums counters into steps of `step` milliseconds, 0 for one step over everything. The keys past [`KEYS_PER_ANSWER`]
/// with the fewest bytes are summed up.
pub(crate) struct UsageSteps {
    from: u64,
    step: u64,
    sums: HashMap<String, BTreeMap<u64, Counters>>,
}

impl UsageSteps {
    pub fn new(from: u64, step: u64) -> Self {
        Self {
            from,
            step,
            sums: HashMap::new(),
        }
    }

    pub fn add(&mut self, minute: u64, key: &str, figures: Counters) {
        let at = minute * MINUTE;
        let start = match self.step {
            0 => self.from,
            step => at - at % step,
        };
        let steps = match self.sums.get_mut(key) {
            Some(steps) => steps,
            None => self.sums.entry(key.to_owned()).or_default(),
        };
        steps.entry(start).or_default().add(figures);
    }

    /// Ordered by time, then by bytes, the most first.
    pub fn rows(self) -> Vec<UsageRow> {
        let mut keys: Vec<(u64, u64, String, BTreeMap<u64, Counters>)> = self
            .sums
            .into_iter()
            .map(|(key, steps)| {
                let bytes = steps.values().map(Counters::total_bytes).sum();
                let connections = steps.values().map(|figures| figures.connections).sum();
                (bytes, connections, key, steps)
            })
            .collect();
        keys.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then_with(|| a.2.cmp(&b.2)));
        let starts: BTreeSet<u64> = keys.iter().flat_map(|key| key.3.keys().copied()).collect();
        let most = (ROWS_PER_ANSWER / starts.len().max(1)).clamp(10, KEYS_PER_ANSWER);
        let rest = keys.split_off(keys.len().min(most));
        let mut sums: Vec<(String, BTreeMap<u64, Counters>)> = keys
            .into_iter()
            .map(|(_, _, key, steps)| (key, steps))
            .collect();
        for (_, _, _, steps) in rest {
            merge_other(&mut sums, steps);
        }
        let mut rows: Vec<UsageRow> = sums
            .into_iter()
            .flat_map(|(key, steps)| {
                steps
                    .into_iter()
                    .map(move |(start, figures)| row(start, key.clone(), figures))
            })
            .collect();
        rows.sort_by_key(|row| row.start);
        rows
    }
}

fn merge_other(sums: &mut Vec<(String, BTreeMap<u64, Counters>)>, steps: BTreeMap<u64, Counters>) {
    let index = match sums.iter().position(|(key, _)| key == OTHER) {
        Some(index) => index,
        None => {
            sums.push((OTHER.to_owned(), BTreeMap::new()));
            sums.len() - 1
        }
    };
    for (start, figures) in steps {
        sums[index].1.entry(start).or_default().add(figures);
    }
}

fn row(start: u64, key: String, figures: Counters) -> UsageRow {
    UsageRow {
        start,
        key,
        up: figures.up,
        down: figures.down,
        connections: figures.connections,
        blocked: figures.blocked,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_lose_no_byte_however_many_names_there_are(
            adds in prop::collection::vec((0..90_u64, 0..400_u32, 1..9_u64), 0..600),
            step in prop_oneof![Just(0), Just(MINUTE), Just(60 * MINUTE)],
        ) {
            let mut steps = UsageSteps::new(0, step);
            let total: u64 = adds.iter().map(|(_, _, up)| up).sum();
            for (minute, key, up) in adds {
                steps.add(minute, &key.to_string(), Counters { up, ..Counters::default() });
            }
            let rows = steps.rows();
            prop_assert_eq!(rows.iter().map(|row| row.up).sum::<u64>(), total);
            prop_assert!(rows.is_sorted_by_key(|row| row.start));
            let names: std::collections::HashSet<&str> = rows.iter().map(|row| &*row.key).collect();
            prop_assert!(names.len() <= KEYS_PER_ANSWER + 1);
        }
    }
}
