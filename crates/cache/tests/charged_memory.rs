//! What a cache counts for its entries is what they take: less would let it outgrow its limit, more would leave memory unused.

#![expect(unsafe_code, reason = "a counting allocator")]

mod store;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use privet_cache::{Cache, CacheSettings, DiskSettings, KeySecret, Policy};

use crate::store::{Arrival, store};

/// Counts the bytes that are allocated, each allocation with its header and rounded up as glibc's malloc does.
struct CountingAllocator;

static ALLOCATED: AtomicU64 = AtomicU64::new(0);

fn chunk(layout: Layout) -> u64 {
    (layout.size() as u64 + 8).next_multiple_of(16).max(32)
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(chunk(layout), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(chunk(layout), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Tests run one after the other: what others allocate would be counted too.
static ALONE: Mutex<()> = Mutex::new(());

/// Fails where what is counted is more than a twentieth away from what is allocated.
#[track_caller]
fn assert_charged(name: &str, entries: u64, allocated: u64, counted: u64) {
    let (allocated, counted) = (allocated / entries, counted / entries);
    assert!(
        allocated.abs_diff(counted) <= allocated / 20,
        "{name}: {allocated} bytes of each entry are allocated, {counted} are counted"
    );
}

fn open(memory: u64, disk: Option<DiskSettings>) -> Arc<Cache> {
    let settings = CacheSettings {
        policy: Policy::private(),
        memory,
        disk,
    };
    Cache::new(settings, KeySecret([1; 16]))
}

#[test]
fn entries_are_charged_what_they_take() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, entries, body, arrival) in [
        ("packed", 50_000, 100, Arrival::AtOnce),
        ("packed, larger", 20_000, 5000, Arrival::AtOnce),
        ("not packed", 12_000, 100, Arrival::InPieces),
        ("not packed, larger", 6000, 5000, Arrival::InPieces),
        ("in blocks", 500, 300_000, Arrival::InPieces),
    ] {
        let before = ALLOCATED.load(Ordering::Relaxed);
        let cache = open(1 << 30, None);
        let body = vec![b'x'; body];
        for number in 0..entries {
            store(&cache, &format!("/path/{number}"), &body, arrival);
        }
        let after = ALLOCATED.load(Ordering::Relaxed) - body.len() as u64;
        assert_eq!(cache.stats().entries, entries);
        assert_charged(name, entries, after - before, cache.stats().memory);
    }
}

#[test]
fn a_full_cache_takes_what_it_may() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    const MEMORY: u64 = 16 << 20;
    let before = ALLOCATED.load(Ordering::Relaxed);
    let cache = open(MEMORY, None);
    for number in 0..100_000 {
        let body = vec![b'x'; number % 1000];
        store(&cache, &format!("/path/{number}"), &body, Arrival::AtOnce);
    }
    let allocated = ALLOCATED.load(Ordering::Relaxed) - before;
    assert!(cache.stats().counts.evicted > 50_000);
    assert!(
        allocated.abs_diff(MEMORY) <= MEMORY / 20,
        "{allocated} bytes are allocated"
    );
}

#[test]
fn entries_on_disk_are_charged_what_they_take_in_memory() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    const ENTRIES: u64 = 20_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = || {
        Some(DiskSettings {
            folder: folder.path().to_owned(),
            limit: 1 << 40,
            key: None,
        })
    };
    let cache = open(1 << 30, disk());
    for number in 0..ENTRIES {
        store(
            &cache,
            &format!("/path/{number}"),
            b"a body",
            Arrival::AtOnce,
        );
        if number % 200 == 0 {
            assert!(cache.flush(Duration::from_secs(60)), "the disk is too slow");
        }
    }
    cache.close();
    drop(cache);
    let before = ALLOCATED.load(Ordering::Relaxed);
    let cache = open(1 << 30, disk());
    assert_eq!(cache.stats().entries, ENTRIES);
    // Its threads compare the files with the index, of which they have a list.
    cache.close();
    let allocated = ALLOCATED.load(Ordering::Relaxed) - before;
    assert_charged("on disk", ENTRIES, allocated, cache.stats().memory);
}
