//! Tables, and ten thousand random histories for each state machine.

mod groups;
mod hash;
mod health;
mod outlier;
mod peak_ewma;
mod retry_budget;
mod round_robin;
mod selection;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::*;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Runs a history for each of 10,000 seeds; the seed of one that fails is printed.
fn histories(run: impl Fn(&mut Dice)) {
    struct Seed(u64);
    impl Drop for Seed {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the history of seed {}", self.0);
            }
        }
    }
    for seed in 0..10_000 {
        let _shown = Seed(seed);
        run(&mut Dice::new(seed));
    }
}

impl Dice {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

fn configs(weights: &[u32]) -> Vec<MemberConfig> {
    let config = |(place, weight): (usize, &u32)| {
        MemberConfig::new(MemberId::of(&format!("member {place}")), *weight)
    };
    weights.iter().enumerate().map(config).collect()
}

fn pool(settings: Settings, weights: &[u32], now: Instant) -> Arc<Pool> {
    Arc::new(Pool::new(settings, configs(weights), now))
}

fn settings() -> Settings {
    Settings::with_probes(2 * SECOND, 2, 2)
}

fn request(now: Instant) -> Request<'static> {
    Request {
        key: 0,
        tried: &[],
        fallback: Fallback::Refuse,
        now,
        dice: 0,
    }
}

fn fall(pool: &Pool, place: usize, now: Instant) {
    for _ in 0..2 {
        pool.probed(place, Err(()), now, 0);
    }
    assert_eq!(pool.state(place), Some(MemberState::Unhealthy));
}
