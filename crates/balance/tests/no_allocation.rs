//! A request that succeeds allocates nothing.

#![expect(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_balance::*;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|it| it.set(it.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn selecting_and_reporting_allocate_nothing() {
    let now = Instant::now();
    let members = (0..10).map(|it| MemberConfig::new(MemberId::of(&it.to_string()), 1 + it % 3));
    let settings = Settings::with_probes(Duration::from_secs(2), 2, 2);
    let pool = Arc::new(Pool::new(settings, members.collect(), now));
    let mut dice = Dice::new(1);
    // The first success of each member is kept in its history.
    for place in 0..pool.len() {
        pool.probed(place, Ok(Duration::from_millis(1)), now, 0);
    }
    for policy in [
        Policy::Failover,
        Policy::RoundRobin,
        Policy::LeastConnections,
        Policy::PeakEwma,
        Policy::Hash,
        Policy::Sticky,
        Policy::Latency,
    ] {
        let mut selector = Selector::new(pool.clone(), policy);
        let mut send = |step: usize, dice: &mut Dice| {
            let request = Request {
                key: dice.roll(),
                tried: if step.is_multiple_of(2) { &[] } else { &[3] },
                fallback: Fallback::All,
                now,
                dice: dice.roll(),
            };
            let lease = selector.select(&request).unwrap();
            lease.succeeded(Some(Duration::from_millis(2)), now);
        };
        send(0, &mut dice);
        let before = ALLOCATIONS.get();
        assert!(before > 0, "the allocator counts");
        for step in 0..1_000 {
            // A change of state is read without an allocation too.
            if step % 100 == 0 {
                pool.set_weight(0, Some(step as u32));
            }
            send(step, &mut dice);
        }
        assert_eq!(ALLOCATIONS.get(), before, "{policy:?}");
    }
}
