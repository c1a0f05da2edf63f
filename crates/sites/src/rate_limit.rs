//! `limit.requests_per_second` and `burst`: a token bucket for each client address.
//!
//! A bucket is one number, the moment when it is full again (the generic cell rate algorithm), so that an idle bucket
//! needs no refill and a full one no memory. The table has a fixed size.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets in one set; a set that is full gives up the bucket that is full again first.
const WAYS: usize = 8;
/// Sets under one lock.
const SETS: usize = 256;
/// Locks.
const SHARDS: usize = 16;
/// Clients that are counted at the same time.
pub const MAX_CLIENTS: usize = WAYS * SETS * SHARDS;

/// How many requests a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    per_second: u32,
    /// Requests that may come at once; at least 1.
    depth: u32,
}

impl Rate {
    /// `None`: no limit. A burst of 0 is one second's worth of requests.
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        let depth = if burst == 0 { per_second } else { burst };
        (per_second > 0).then_some(Self { per_second, depth })
    }

    /// Requests that may come at once.
    pub fn depth(self) -> u32 {
        self.depth
    }

    /// Nanoseconds for one request.
    fn interval(self) -> u64 {
        1_000_000_000 / u64::from(self.per_second.max(1))
    }

    /// Takes one request from a bucket. `full_at`: when it is full again; `now`: both in nanoseconds of one clock. Returns
    /// the new moment.
    ///
    /// # Errors
    /// How long until a request is admitted.
    fn take(self, full_at: u64, now: u64) -> Result<u64, Duration> {
        let interval = self.interval();
        let next = full_at.max(now) + interval;
        let room = now + interval * u64::from(self.depth.max(1));
        match next.checked_sub(room) {
            None | Some(0) => Ok(next),
            Some(early) => Err(Duration::from_nanos(early)),
        }
    }
}

/// What counts as one client: an IPv4 address, or the /64 network of an IPv6 one, since one household has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ClientKey(u64, bool);

impl ClientKey {
    fn of(client: IpAddr) -> Self {
        match client.to_canonical() {
            IpAddr::V4(ip) => Self(u64::from(u32::from(ip)), false),
            IpAddr::V6(ip) => Self((u128::from(ip) >> 64) as u64, true),
        }
    }
}

#[derive(Clone, Copy)]
struct Bucket {
    client: ClientKey,
    full_at: u64,
}

type Set = [Option<Bucket>; WAYS];

/// The buckets of one site.
pub struct RateLimiter {
    rate: Rate,
    started: Instant,
    hash: RandomState,
    shards: Box<[Mutex<Vec<Set>>]>,
}

impl RateLimiter {
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            started: now,
            hash: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::new(Vec::new())).collect(),
        }
    }

    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts a request of the client.
    ///
    /// # Errors
    /// How long until the client may send one.
    pub fn admit(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let key = ClientKey::of(client);
        let place = self.hash.hash_one(key) as usize;
        let now = now.saturating_duration_since(self.started).as_nanos() as u64;
        let Some(shard) = self.shards.get(place % SHARDS) else {
            return Ok(());
        };
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.is_empty() {
            sets.resize(SETS, [None; WAYS]);
        }
        match sets.get_mut(place / SHARDS % SETS) {
            Some(set) => take_of_set(set, key, self.rate, now),
            None => Ok(()),
        }
    }
}

fn take_of_set(set: &mut Set, client: ClientKey, rate: Rate, now: u64) -> Result<(), Duration> {
    if let Some(bucket) = set.iter_mut().flatten().find(|it| it.client == client) {
        bucket.full_at = rate.take(bucket.full_at, now)?;
        return Ok(());
    }
    let full_at = rate.take(0, now)?;
    let victim = set
        .iter_mut()
        .min_by_key(|slot| slot.as_ref().map_or(0, |bucket| bucket.full_at));
    if let Some(slot) = victim {
        *slot = Some(Bucket { client, full_at });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn limiter(per_second: u32, burst: u32, now: Instant) -> RateLimiter {
        RateLimiter::new(Rate::new(per_second, burst).unwrap(), now)
    }

    #[test]
    fn a_burst_is_admitted_at_once_and_then_the_rate() {
        let now = Instant::now();
        let limiter = limiter(10, 3, now);
        let client = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..3 {
            assert_eq!(limiter.admit(client, now), Ok(()));
        }
        let wait = limiter.admit(client, now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(limiter.admit(client, now + wait), Ok(()));
        assert!(limiter.admit(client, now + wait).is_err());
        assert_eq!(limiter.admit(IpAddr::from([192, 0, 2, 2]), now), Ok(()));
        assert_eq!(Rate::new(0, 5), None);
        assert_eq!(Rate::new(7, 0), Rate::new(7, 7));
    }

    #[test]
    fn the_addresses_of_one_64_network_are_one_client() {
        let now = Instant::now();
        let limiter = limiter(1, 1, now);
        let of =
            |net: u16, host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host));
        assert_eq!(limiter.admit(of(1, 1), now), Ok(()));
        assert!(limiter.admit(of(1, 2), now).is_err());
        assert_eq!(limiter.admit(of(2, 1), now), Ok(()));
    }

    #[test]
    fn many_addresses_leave_the_table_at_its_size_and_a_limited_client_limited() {
        let now = Instant::now();
        let limiter = limiter(1, 2, now);
        let hot = IpAddr::from([198, 51, 100, 1]);
        assert_eq!(limiter.admit(hot, now), Ok(()));
        assert_eq!(limiter.admit(hot, now), Ok(()));
        for number in 0..4 * MAX_CLIENTS as u32 {
            let _ = limiter.admit(Ipv4Addr::from(number).into(), now);
        }
        // The others have sent one request each: they are full again sooner and are given up first.
        assert!(limiter.admit(hot, now).is_err());
        let kept: usize = limiter
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap().iter().flatten().flatten().count())
            .sum();
        assert!(kept <= MAX_CLIENTS);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// In no span of time more is admitted than the depth and what the rate allows for the span; who keeps to the
        /// announced wait is admitted.
        #[test]
        fn no_history_admits_more_than_burst_and_rate(
            per_second in 1u32..1000,
            burst in 0u32..20,
            steps in prop::collection::vec(0u64..300, 1..120),
        ) {
            let start = Instant::now();
            let limiter = limiter(per_second, burst, start);
            let client = IpAddr::from([192, 0, 2, 9]);
            let depth = if burst == 0 { per_second } else { burst };
            let (mut now, mut admitted) = (start, Vec::new());
            for step in steps {
                now += Duration::from_millis(step);
                match limiter.admit(client, now) {
                    Ok(()) => admitted.push(now),
                    Err(wait) => {
                        prop_assert!(!wait.is_zero());
                        now += wait;
                        prop_assert_eq!(limiter.admit(client, now), Ok(()));
                        admitted.push(now);
                    }
                }
                for (first, since) in admitted.iter().enumerate() {
                    let span = now.duration_since(*since).as_secs_f64();
                    let most = f64::from(depth) + span * f64::from(per_second) * 1.001 + 1e-3;
                    prop_assert!((admitted.len() - first) as f64 <= most.floor().max(1.0));
                }
            }
        }
    }
}
