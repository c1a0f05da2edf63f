use super::*;
use crate::cache::{Cache, CacheSettings};
use crate::key::KeySecret;
use crate::rules::policy::Policy;
use crate::testing::*;

const LIMIT: u64 = 4 << 20;

fn sharing(pool: &Arc<MemoryPool>) -> Arc<Cache> {
    let settings = CacheSettings {
        policy: Policy::shared(),
        memory: 0,
        disk: None,
    };
    Cache::sharing(pool, settings, KeySecret([7; 16]))
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
    let pool = MemoryPool::new(LIMIT);
    let (first, second) = (sharing(&pool), sharing(&pool));
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

    pool.set_limit(LIMIT / 2);
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
    let pool = MemoryPool::new(LIMIT);
    let (pinned, other) = (sharing(&pool), sharing(&pool));
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
