//! What a cache counts for its entries is what they take: less would let it outgrow its limit, more would leave memory unused.

#![expect(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use privet_cache::rules::storing;
use privet_cache::{
    Cache, CacheSettings, DiskSettings, Key, KeySecret, Lookup, LookupAttempt, LookupRequest,
    NewEntry, Policy, Request, Response, Target, Timestamp,
};

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

const NOW: Timestamp = Timestamp(1_900_000_000);

/// How a body arrives.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    /// With its head.
    AtOnce,
    /// After its head.
    InPieces,
}

fn look_up(cache: &Arc<Cache>, path: &str) -> Lookup {
    let none: [(&str, &str); 0] = [];
    let request = Request::new(b"GET", target(path), &none);
    cache.lookup(LookupRequest {
        key: Key::new(cache.secret(), "forward", b"", &request),
        request,
        now: NOW,
        attempt: LookupAttempt::First,
        part: None,
        parts: true,
    })
}

fn target(path: &str) -> Target<'_> {
    Target {
        scheme: "http",
        host: "origin.test",
        port: 80,
        path_and_query: path.as_bytes(),
    }
}

fn store(cache: &Arc<Cache>, path: &str, body: &[u8], arrival: Arrival) {
    let Lookup::Lead { permit, .. } = look_up(cache, path) else {
        panic!("it is not stored yet");
    };
    let none: [(&str, &str); 0] = [];
    let request = Request::new(b"GET", target(path), &none);
    let response = Response {
        status: 200,
        fields: &[
            ("Cache-Control", "max-age=3600"),
            ("Content-Type", "text/html"),
        ],
        body_len: Some(body.len() as u64),
    };
    let head = storing::store(&request, &response, NOW, NOW, cache.policy());
    let head = head.expect("it can be stored");
    let new = NewEntry {
        url: &target(path).url(),
        body_len: Some(body.len() as u64),
        owner: 0,
        page: 0,
        route: 0,
        keep_on_disk: true,
        took: Duration::ZERO,
    };
    match arrival {
        Arrival::AtOnce => drop(permit.store_whole(head, &new, body)),
        Arrival::InPieces => {
            let (entry, mut writer) = permit.store(head, &new);
            drop(entry);
            writer.push(body).expect("the length that was announced");
            writer.finish(b"").expect("the length that was announced");
        }
    }
}

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
