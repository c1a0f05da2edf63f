//! What an entry takes of the process's memory. A test of its own, so that no other one is measured.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod store;

use privet_cache::{Cache, CacheSettings, KeySecret, Policy};

use crate::store::{Arrival, store};

const BODY: &[u8] = &[b'x'; 100];
const ENTRIES: u64 = 200_000;
/// Bytes of memory beyond head, URL and body.
const MOST: u64 = 200;

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    4096 * pages.unwrap_or(0_u64)
}

#[test]
fn an_entry_takes_little_beyond_its_head_and_body() {
    for arrival in [Arrival::AtOnce, Arrival::InPieces] {
        let settings = CacheSettings {
            policy: Policy::private(),
            memory: 1 << 30,
            disk: None,
        };
        let before = resident();
        let cache = Cache::new(settings, KeySecret([1; 16]));
        let text: u64 = (0..ENTRIES)
            .map(|number| store(&cache, &format!("/path/{number}"), BODY, arrival))
            .sum();
        assert_eq!(cache.stats().entries, ENTRIES);
        let beyond = (resident() - before).saturating_sub(text) / ENTRIES;
        assert!((80..MOST).contains(&beyond), "{beyond} bytes each");
        // What the first round gives back would hide what the second one takes.
        std::mem::forget(cache);
    }
}
