//! One pool, a selector on each of several threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use privet_balance::*;

const THREADS: u64 = 4;
const REQUESTS: u64 = 20_000;

fn run(thread: u64, pool: &Arc<Pool>, policy: Policy) -> u64 {
    let mut selector = Selector::new(pool.clone(), policy);
    let mut dice = Dice::new(thread);
    let (mut leases, mut selected) = (Vec::new(), 0);
    for step in 0..REQUESTS {
        let now = Instant::now();
        let request = Request {
            key: dice.roll() % 8,
            tried: &[],
            fallback: Fallback::All,
            now,
            dice: dice.roll(),
        };
        let lease = selector.select(&request).expect("there is a fallback");
        selected += 1;
        match dice.roll() % 10 {
            0 => lease.failed(Failure::Reset, now, dice.roll()),
            1 => {}
            _ => lease.succeeded(Some(Duration::from_micros(dice.roll() % 1_000)), now),
        }
        leases.push(lease);
        if step % 7 == 0 {
            leases.clear();
        }
    }
    // Leases may end on another thread.
    thread::spawn(move || drop(leases)).join().unwrap();
    selected
}

#[test]
fn no_request_is_lost_or_counted_twice() {
    for policy in [
        Policy::RoundRobin,
        Policy::LeastConnections,
        Policy::PeakEwma,
        Policy::Hash,
    ] {
        let members = (0..5).map(|it| MemberConfig::new(MemberId::of(&it.to_string()), 1 + it % 2));
        let settings = Settings::with_probes(Duration::from_millis(1), 2, 2);
        let pool = Arc::new(Pool::new(settings, members.collect(), Instant::now()));
        let done = AtomicBool::new(false);
        let selected: u64 = thread::scope(|scope| {
            scope.spawn(|| {
                let mut dice = Dice::new(99);
                while !done.load(Ordering::Relaxed) {
                    let now = Instant::now();
                    if let Some(member) = pool.take_due_probe(now) {
                        let result = if dice.roll().is_multiple_of(3) {
                            Err(())
                        } else {
                            Ok(Duration::ZERO)
                        };
                        pool.probed(member, result, now, dice.roll());
                    }
                    let place = (dice.roll() % 5) as usize;
                    pool.set_draining(place, dice.roll().is_multiple_of(8), now);
                    // A count that wrapped would be far above.
                    assert!((0..5).all(|it| pool.in_flight(it) <= THREADS * REQUESTS));
                    thread::yield_now();
                }
                (0..5).for_each(|place| pool.set_draining(place, false, Instant::now()));
            });
            let pool = &pool;
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| scope.spawn(move || run(thread, pool, policy)))
                .collect();
            let selected = threads.into_iter().map(|it| it.join().unwrap()).sum();
            done.store(true, Ordering::Relaxed);
            selected
        });
        let view = pool.view();
        assert_eq!(view.iter().map(|it| it.requests).sum::<u64>(), selected);
        assert!(view.iter().all(|it| it.in_flight == 0), "{policy:?}");
    }
}
