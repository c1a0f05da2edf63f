//! Figures by the minute: bytes, connections and blocks by app, domain, route and verdict. Pure; bounded in keys and in
//! cells.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::page::GroupBy;

/// Names of one kind in one minute; the rest is booked under [`OTHER`].
pub const KEYS_PER_MINUTE: usize = 2_000;
/// Names that one answer tells apart; the smaller rest is summed under [`OTHER`].
pub const KEYS_PER_ANSWER: usize = 200;
/// Lines of one answer, roughly: with many steps fewer names are told apart, though never less than ten.
pub const ROWS_PER_ANSWER: usize = 20_000;
/// Where names go that the bounds leave no room for.
pub const OTHER: &str = "(other)";
/// Where private domains go.
pub const PRIVATE: &str = "(private)";
/// Milliseconds of a minute.
pub(crate) const MINUTE: u64 = 60_000;

/// What is counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub up: u64,
    pub down: u64,
    pub connections: u64,
    pub blocked: u64,
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
        self.connections += other.connections;
        self.blocked += other.blocked;
    }

    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn weight(&self) -> u64 {
        self.up.saturating_add(self.down)
    }
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// Start of the step, Unix milliseconds.
    pub start: u64,
    /// The app, domain, route or verdict; "(other)", "(private)" and "(unknown)" are sums.
    pub key: String,
    pub up: u64,
    pub down: u64,
    pub connections: u64,
    pub blocked: u64,
}

type Minute = HashMap<(GroupBy, Box<str>), Figures>;

/// Minutes, each with what its names moved.
#[derive(Debug)]
pub(crate) struct Minutes {
    minutes: BTreeMap<u64, Minute>,
    keys: HashMap<(u64, GroupBy), usize>,
    cells: usize,
    most_cells: usize,
}

impl Minutes {
    /// Past `most_cells` the oldest minute is let go.
    pub fn new(most_cells: usize) -> Self {
        Self {
            minutes: BTreeMap::new(),
            keys: HashMap::new(),
            cells: 0,
            most_cells,
        }
    }

    /// Adds to a name's cell of a minute (Unix minutes).
    pub fn add(&mut self, minute: u64, by: GroupBy, key: &str, figures: Figures) {
        let cells = self.minutes.entry(minute).or_default();
        let keys = self.keys.entry((minute, by)).or_default();
        let mut key: Box<str> = key.into();
        if *keys >= KEYS_PER_MINUTE && !cells.contains_key(&(by, key.clone())) {
            key = OTHER.into();
        }
        let cell = cells.entry((by, key)).or_insert_with(|| {
            *keys += 1;
            self.cells += 1;
            Figures::default()
        });
        cell.add(figures);
        while self.cells > self.most_cells && self.minutes.len() > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((minute, cells)) = self.minutes.pop_first() {
            self.cells -= cells.len();
            self.keys.retain(|(of, _), _| *of != minute);
        }
    }

    /// All cells, emptying the minutes.
    pub fn take(&mut self) -> Vec<MinuteUsage> {
        self.keys.clear();
        self.cells = 0;
        std::mem::take(&mut self.minutes)
            .into_iter()
            .flat_map(|(minute, cells)| {
                cells
                    .into_iter()
                    .map(move |((by, key), figures)| MinuteUsage {
                        minute,
                        by,
                        key,
                        figures,
                    })
            })
            .collect()
    }

    pub fn is_empty(&self) -> bool {
        self.minutes.is_empty()
    }

    #[cfg(test)]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The cells of one kind from one minute to before another.
    pub fn range(
        &self,
        by: GroupBy,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = (u64, &str, Figures)> {
        self.minutes
            .range(from.min(to)..to)
            .flat_map(move |(minute, cells)| {
                cells
                    .iter()
                    .filter(move |((of, _), _)| *of == by)
                    .map(|((_, key), figures)| (*minute, &**key, *figures))
            })
    }
}

/// What one name moved in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MinuteUsage {
    pub minute: u64,
    pub by: GroupBy,
    pub key: Box<str>,
    pub figures: Figures,
}

/// ByteCounts cells into steps; `step` in milliseconds, 0 for one step over all. Names past [`KEYS_PER_ANSWER`], the ones that
/// moved least, are summed up.
pub(crate) struct Steps {
    from: u64,
    step: u64,
    sums: HashMap<String, BTreeMap<u64, Figures>>,
}

impl Steps {
    pub fn new(from: u64, step: u64) -> Self {
        Self {
            from,
            step,
            sums: HashMap::new(),
        }
    }

    pub fn add(&mut self, minute: u64, key: &str, figures: Figures) {
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

    /// By time, then by what moved most.
    pub fn rows(self) -> Vec<UsageRow> {
        let mut keys: Vec<(u64, u64, String, BTreeMap<u64, Figures>)> = self
            .sums
            .into_iter()
            .map(|(key, steps)| {
                let bytes = steps.values().map(Figures::weight).sum();
                let connections = steps.values().map(|figures| figures.connections).sum();
                (bytes, connections, key, steps)
            })
            .collect();
        keys.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then_with(|| a.2.cmp(&b.2)));
        let starts: BTreeSet<u64> = keys.iter().flat_map(|key| key.3.keys().copied()).collect();
        let most = (ROWS_PER_ANSWER / starts.len().max(1)).clamp(10, KEYS_PER_ANSWER);
        let rest = keys.split_off(keys.len().min(most));
        let mut sums: Vec<(String, BTreeMap<u64, Figures>)> = keys
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

fn merge_other(sums: &mut Vec<(String, BTreeMap<u64, Figures>)>, steps: BTreeMap<u64, Figures>) {
    let place = match sums.iter().position(|(key, _)| key == OTHER) {
        Some(place) => place,
        None => {
            sums.push((OTHER.to_owned(), BTreeMap::new()));
            sums.len() - 1
        }
    };
    for (start, figures) in steps {
        sums[place].1.entry(start).or_default().add(figures);
    }
}

fn row(start: u64, key: String, figures: Figures) -> UsageRow {
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

    fn one(up: u64) -> Figures {
        Figures {
            up,
            ..Figures::default()
        }
    }

    proptest! {
        #[test]
        fn cells_stay_within_their_bound_and_are_counted_right(
            adds in prop::collection::vec((0..6_u64, 0..30_u32, 1..9_u64), 0..200),
        ) {
            let mut minutes = Minutes::new(40);
            for (minute, key, up) in adds {
                minutes.add(minute, GroupBy::App, &key.to_string(), one(up));
                let real: usize = minutes.minutes.values().map(HashMap::len).sum();
                prop_assert_eq!(minutes.cells(), real);
                prop_assert!(real <= 40 || minutes.minutes.len() == 1);
            }
            let cells = minutes.cells();
            prop_assert_eq!(minutes.take().len(), cells);
            prop_assert!(minutes.is_empty() && minutes.cells() == 0 && minutes.keys.is_empty());
        }

        #[test]
        fn steps_lose_no_byte_however_many_names_there_are(
            adds in prop::collection::vec((0..90_u64, 0..400_u32, 1..9_u64), 0..600),
            step in prop_oneof![Just(0), Just(MINUTE), Just(60 * MINUTE)],
        ) {
            let mut steps = Steps::new(0, step);
            let total: u64 = adds.iter().map(|(_, _, up)| up).sum();
            for (minute, key, up) in adds {
                steps.add(minute, &key.to_string(), one(up));
            }
            let rows = steps.rows();
            prop_assert_eq!(rows.iter().map(|row| row.up).sum::<u64>(), total);
            prop_assert!(rows.is_sorted_by_key(|row| row.start));
            let names: std::collections::HashSet<&str> = rows.iter().map(|row| &*row.key).collect();
            prop_assert!(names.len() <= KEYS_PER_ANSWER + 1);
        }
    }

    #[test]
    fn a_name_that_is_known_still_counts_after_the_minute_is_full() {
        let mut minutes = Minutes::new(usize::MAX);
        for key in 0..KEYS_PER_MINUTE + 10 {
            minutes.add(1, GroupBy::App, &key.to_string(), one(1));
        }
        minutes.add(1, GroupBy::App, "0", one(5));
        let of = |wanted: &str| {
            let found = minutes
                .range(GroupBy::App, 0, 2)
                .find(|(_, key, _)| *key == wanted);
            found.map(|(_, _, figures)| figures.up)
        };
        assert_eq!((of("0"), of(OTHER)), (Some(6), Some(10)));
    }
}
