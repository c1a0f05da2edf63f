//! CPU time of one request: selection, report and end of its lease. On Linux; run with `--release`.

#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_balance::*;

const REQUESTS: u32 = 1_000_000;

/// Of this thread. A busy machine adds to elapsed time, not to this.
fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = schedstat.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn cost(policy: Policy, members: u32, threads: u64) -> Duration {
    let now = Instant::now();
    let configs =
        (0..members).map(|it| MemberConfig::new(MemberId::of(&it.to_string()), 1 + it % 2));
    let settings = Settings::with_probes(Duration::from_secs(2), 2, 2);
    let pool = Arc::new(Pool::new(settings, configs.collect(), now));
    let pool = &pool;
    let run = move |thread: u64| {
        let mut selector = Selector::new(pool.clone(), policy);
        let mut dice = Dice::new(thread);
        let (start, before) = (Instant::now(), cpu_time());
        for _ in 0..REQUESTS {
            let request = Request {
                key: dice.roll(),
                tried: &[],
                fallback: Fallback::All,
                now: start,
                dice: dice.roll(),
            };
            if let Some(lease) = selector.select(&request) {
                lease.succeeded(Some(Duration::from_millis(1)), start);
            }
        }
        (cpu_time() - before) / REQUESTS
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        let times = threads.into_iter().filter_map(|it| it.join().ok());
        times.max().unwrap_or_default()
    })
}

fn main() {
    println!("per request            10 members  10, 2 threads  1,000 members");
    for policy in [
        Policy::Failover,
        Policy::RoundRobin,
        Policy::LeastConnections,
        Policy::PeakEwma,
        Policy::Hash,
        Policy::Sticky,
    ] {
        let [few, shared, many] =
            [(10, 1), (10, 2), (1_000, 1)].map(|(members, threads)| cost(policy, members, threads));
        println!(
            "{:<20} {few:>12?} {shared:>14?} {many:>14?}",
            format!("{policy:?}")
        );
    }
}
