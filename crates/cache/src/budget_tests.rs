use std::time::Duration;

use super::*;
use crate::cache::{Cache, CacheSettings};
use crate::key::KeySecret;
use crate::rules::policy::Policy;
use crate::store::disk::store::DiskSettings;
use crate::testing::*;

const LIMIT: u64 = 4 << 20;

fn sharing(pools: &Pools) -> Arc<Cache> {
    let settings = CacheSettings {
        policy: Policy::shared(),
        memory: 0,
        disk: None,
    };
    Cache::sharing(pools, settings, KeySecret([7; 16]))
}

/// Stores a thousand responses, more than all memory.
fn fill(cache: &Arc<Cache>, folder: &str, limit: u64, caches: &[&Arc<Cache>]) {
    let body = vec![b'x'; 10_000];
    for number in 0..1000 {
        get(&format!("/{folder}/{number}")).fill(cache, FRESH, &body);
        let used: u64 = caches.iter().map(|cache| cache.stats().memory).sum();
        assert!(used <= limit, "{used}");
    }
}

#[test]
fn caches_share_their_memory_and_each_keeps_its_half_when_both_want_more() {
    let pools = Pools::new(LIMIT, 0);
    let (first, second) = (sharing(&pools), sharing(&pools));
    let both = [&first, &second];
    fill(&first, "a", LIMIT, &both);
    let alone = first.stats();
    assert!(alone.memory > LIMIT * 9 / 10, "it has all: {alone:?}");
    assert_eq!(second.stats().memory, 0);

    fill(&second, "a", LIMIT, &both);
    let (one, other) = (first.stats().memory, second.stats().memory);
    let near = |used: u64| used.abs_diff(LIMIT / 2) < LIMIT / 50;
    assert!(near(one) && near(other), "{one} {other}");
    assert!(get("/a/999").body(&first).is_some() && get("/a/999").body(&second).is_some());

    pools.memory.set_limit(LIMIT / 2);
    assert!(first.stats().memory + second.stats().memory <= LIMIT / 2);
    drop(second);
    fill(&first, "b", LIMIT / 2, &[&first]);
    assert!(
        first.stats().memory > LIMIT * 9 / 20,
        "what another one had is free"
    );
}

#[test]
fn what_cannot_leave_one_cache_leaves_the_other() {
    let pools = Pools::new(LIMIT, 0);
    let (pinned, other) = (sharing(&pools), sharing(&pools));
    fill(&pinned, "a", LIMIT, &[&pinned]);
    let all = crate::purge::EntrySelector::All;
    pinned.change(&all, crate::purge::EntryChange::Pin);
    let kept = pinned.stats().entries;
    for number in 0..10 {
        get(&format!("/{number}")).fill(&other, FRESH, b"small");
    }
    assert_eq!(pinned.stats().entries, kept);
    assert!(pinned.stats().memory + other.stats().memory <= LIMIT + 20_000);
}

/// Stores a thousand responses, more than all of the disk, and waits until they are there or have left.
fn fill_disk(cache: &Arc<Cache>, name: &str, limit: u64, caches: &[&Arc<Cache>]) {
    let body = vec![b'x'; 10_000];
    for number in 0..1000 {
        get(&format!("/{name}/{number}")).fill(cache, FRESH, &body);
        if number % 50 == 49 {
            assert!(cache.flush(Duration::from_secs(60)), "the disk is too slow");
            let used: u64 = caches.iter().map(|cache| disk_of(cache)).sum();
            assert!(used <= limit, "{used}");
        }
    }
}

fn disk_of(cache: &Cache) -> u64 {
    cache.stats().disk.map_or(0, |disk| disk.bytes)
}

#[test]
fn caches_share_their_disk_and_each_keeps_its_half_when_both_want_more() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pools = Pools::new(64 << 20, LIMIT);
    let open = |name: &str| {
        let settings = CacheSettings {
            policy: Policy::shared(),
            memory: 0,
            disk: Some(DiskSettings {
                folder: folder.path().join(name),
                limit: 0,
                key: None,
            }),
        };
        Cache::sharing(&pools, settings, KeySecret([7; 16]))
    };
    let (first, second) = (open("first"), open("second"));
    let both = [&first, &second];
    fill_disk(&first, "a", LIMIT, &both);
    assert!(disk_of(&first) > LIMIT * 9 / 10, "it has all");
    assert_eq!(disk_of(&second), 0);

    fill_disk(&second, "a", LIMIT, &both);
    let near = |used: u64| used.abs_diff(LIMIT / 2) < LIMIT / 20;
    assert!(
        near(disk_of(&first)) && near(disk_of(&second)),
        "{} {}",
        disk_of(&first),
        disk_of(&second)
    );
    pools.disk.set_limit(LIMIT / 2);
    assert!(disk_of(&first) + disk_of(&second) <= LIMIT / 2);
    second.close();
    drop(second);
    fill_disk(&first, "b", LIMIT / 2, &[&first]);
    let free = disk_of(&first) > LIMIT * 9 / 20;
    assert!(free, "what another one had is free");

    // What both have does not fit any more after a restart.
    let second = open("second");
    assert!(disk_of(&first) + disk_of(&second) <= LIMIT / 2);
    first.close();
    second.close();
}
