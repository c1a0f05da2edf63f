use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A store of keys with a limit in bytes, as the index uses the queues.
struct Store {
    eviction: Eviction,
    limit: u64,
    entries: HashMap<u64, u32>,
    keys: Vec<u64>,
}

impl Store {
    fn new(limit: u64) -> Store {
        Store {
            eviction: Eviction::default(),
            limit,
            entries: HashMap::new(),
            keys: Vec::new(),
        }
    }

    /// Asks for a key: whether it was there. It is afterwards.
    fn ask(&mut self, key: u64, bytes: u64) -> bool {
        if let Some(entry) = self.entries.get(&key) {
            self.eviction.used(*entry);
            return true;
        }
        let entry = self.keys.len() as u32;
        self.keys.push(key);
        self.entries.insert(key, entry);
        self.eviction.insert(entry, bytes, hash(key));
        while self.eviction.bytes() > self.limit {
            let keys = &self.keys;
            let evicted = self.eviction.evict(|entry| hash(keys[entry as usize]));
            let (evicted, _) = evicted.expect("nothing is pinned");
            self.entries.remove(&self.keys[evicted as usize]);
        }
        false
    }
}

fn hash(key: u64) -> u64 {
    key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn one_scan_does_not_flush_what_is_used() {
    let mut store = Store::new(1000 * 64);
    for _ in 0..3 {
        for key in 0..500 {
            store.ask(key, 64);
        }
    }
    for key in 10_000..110_000 {
        store.ask(key, 64);
    }
    let kept = (0..500)
        .filter(|key| store.entries.contains_key(key))
        .count();
    assert!(
        kept >= 495,
        "{kept} of 500 are left after a scan of 100,000"
    );
}

#[test]
fn a_key_that_comes_back_soon_is_kept() {
    let mut store = Store::new(100 * 64);
    for key in 0..130 {
        store.ask(key, 64);
    }
    assert!(!store.ask(5, 64), "it left the small queue");
    for key in 1000..2000 {
        store.ask(key, 64);
    }
    assert!(
        store.ask(5, 64),
        "it came back, so that it went to the main queue"
    );
}

#[test]
fn what_is_not_used_any_more_leaves() {
    let mut store = Store::new(100 * 64);
    for key in (0..100).cycle().take(500) {
        store.ask(key, 64);
    }
    for key in (1000..1090).cycle().take(5000) {
        store.ask(key, 64);
    }
    let new = (1000..1090)
        .filter(|key| store.entries.contains_key(key))
        .count();
    assert!(new >= 85, "{new} of 90");
}

#[test]
fn pinned_entries_stay_and_evicting_ends() {
    let mut eviction = Eviction::default();
    for entry in 0..10 {
        eviction.insert(entry, 100, u64::from(entry));
        eviction.pin(entry, entry < 3);
        (0..5).for_each(|_| eviction.used(entry));
    }
    let mut left = Vec::new();
    while let Some((entry, bytes)) = eviction.evict(u64::from) {
        assert_eq!(bytes, 128, "rounded up to units");
        left.push(entry);
    }
    left.sort_unstable();
    assert_eq!(left, (3..10).collect::<Vec<_>>());
    assert_eq!((eviction.len(), eviction.bytes()), (3, 3 * 128));
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u32, u64),
    Used(u32),
    Remove(u32),
    Resize(u32, u64),
    Evict,
}

fn step() -> impl Strategy<Value = Step> {
    let entry = 0_u32..40;
    prop_oneof![
        3 => (entry.clone(), 0_u64..1 << 40).prop_map(|(entry, bytes)| Step::Insert(entry, bytes)),
        2 => entry.clone().prop_map(Step::Used),
        1 => entry.clone().prop_map(Step::Remove),
        1 => (entry, 0_u64..10_000).prop_map(|(entry, bytes)| Step::Resize(entry, bytes)),
        2 => Just(Step::Evict),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Bytes and entries are counted right through any history, and every entry leaves once.
    #[test]
    fn the_queues_hold_exactly_what_was_put_in(steps in proptest::collection::vec(step(), 0..200)) {
        let mut eviction = Eviction::default();
        let mut model = HashMap::new();
        let rounded = |bytes: u64| u64::from(units(bytes)) * UNIT;
        for step in steps {
            match step {
                Step::Insert(entry, bytes) => {
                    eviction.insert(entry, bytes, hash(u64::from(entry)));
                    model.insert(entry, rounded(bytes));
                }
                Step::Used(entry) => eviction.used(entry),
                Step::Remove(entry) => {
                    prop_assert_eq!(eviction.remove(entry), model.remove(&entry).unwrap_or(0));
                }
                Step::Resize(entry, bytes) => {
                    let expected = model.get_mut(&entry).map_or(0, |old| {
                        let more = rounded(bytes) as i64 - *old as i64;
                        *old = rounded(bytes);
                        more
                    });
                    prop_assert_eq!(eviction.resize(entry, bytes), expected);
                }
                Step::Evict => match eviction.evict(|entry| hash(u64::from(entry))) {
                    Some((entry, bytes)) => prop_assert_eq!(model.remove(&entry), Some(bytes)),
                    None => prop_assert!(model.is_empty()),
                },
            }
            prop_assert_eq!(eviction.bytes(), model.values().sum::<u64>());
            prop_assert_eq!(eviction.len() as usize, model.len());
            prop_assert!(model.keys().all(|entry| eviction.contains(*entry)));
        }
    }
}
