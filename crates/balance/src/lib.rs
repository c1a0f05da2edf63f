//! Load balancing without I/O: members, their health, selection, retry budgets and outlier ejection, for the groups
//! of upstreams and the backends of sites.
//!
//! Everything here is a state machine over the clock and random numbers that its caller passes in: no task, no timer,
//! no socket. Health and ejection of all members are one value behind a lock ([`Pool`]); it is taken when something
//! fails, when a member that was not healthy answers, and for probes, never for a request that simply succeeds.
//!
//! # Threads
//!
//! A [`Pool`] is shared (`Arc`). Each thread has a [`Selector`] of its own for it, which holds the turns of
//! round-robin and a copy of the members' states and weights; it copies them again when the pool's generation has
//! changed. All that a request writes where other threads read is the selected member's count of started and of ended
//! requests, and its latency. Counts for each thread would avoid that, but each selection by load would then read as
//! many cache lines as there are threads times members. Selection allocates nothing. With 10 members it costs 30 to
//! 200 ns with its report (`examples/select_cost.rs`).
//!
//! # One request
//!
//! [`Selector::select`] returns a [`Lease`]: the request is in flight until the lease is dropped. Report the outcome
//! when it is known: [`Lease::succeeded`] with the time to the first byte as soon as the head of the answer is there,
//! [`Lease::failed`] when the member is to blame, also after a success (the body broke off). Report nothing where the
//! client went away. Keep the lease until the end of the body. To try again, ask the thread's [`RetryBudget`], and
//! pass the places that were used as [`Request::tried`].
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use privet_balance::*;
//!
//! // When the configuration is read.
//! let now = Instant::now();
//! let settings = Settings::with_probes(Duration::from_secs(2), 2, 2);
//! let backend = |url: &str, weight| MemberConfig::new(MemberId::of(url), weight);
//! let members = vec![backend("http://127.0.0.1:9001", 2), backend("http://127.0.0.1:9002", 1)];
//! let pool = Arc::new(Pool::new(settings, members.clone(), now));
//!
//! // On each thread that handles requests.
//! let mut selector = Selector::new(pool.clone(), Policy::PeakEwma);
//! let mut budget = RetryBudget::new(RetrySettings::default(), now);
//! let mut dice = Dice::new(0x5eed); // from the system's random numbers, once a thread
//!
//! // For each request.
//! budget.requested(now);
//! let mut tried = Vec::new(); // a SmallVec in the real thing
//! let answered_by = loop {
//!     let request = Request {
//!         key: hash_key(b"192.0.2.7"), // Policy::Hash: the client, a cookie, a header or the path
//!         tried: &tried,
//!         fallback: Fallback::All,
//!         now,
//!         dice: dice.roll(),
//!     };
//!     let Some(lease) = selector.select(&request) else {
//!         panic!("503: no backend is left");
//!     };
//!     // Send it to backend number `lease.member()`. Here the first one refuses the connection.
//!     if lease.member() == 0 {
//!         lease.failed(Failure::Connect, now, dice.roll());
//!         tried.push(lease.member());
//!         assert!(budget.try_retry(now), "503: too many retries already");
//!         continue;
//!     }
//!     lease.succeeded(Some(Duration::from_millis(3)), now);
//!     break lease.member(); // the lease is dropped after the body
//! };
//! assert_eq!(answered_by, 1);
//! assert_eq!(pool.in_flight(1), 0);
//!
//! // In one task for each pool: probes.
//! while let Some(member) = pool.take_due_probe(now) {
//!     let result = Ok(Duration::from_millis(1)); // GET /healthz; Err(()) where it fails or takes too long
//!     pool.probed(member, result, now, dice.roll());
//! }
//! let sleep_until = pool.next_probe();
//! assert!(sleep_until > Some(now));
//!
//! // By hand, and for display.
//! pool.set_draining(0, true, now);
//! assert_eq!(pool.view()[0].state, MemberState::Draining);
//!
//! // When the configuration changes: the same members keep health, load, latency and what was set by hand.
//! let reloaded = Arc::new(pool.rebuild(settings, members, now));
//! assert_eq!(reloaded.view()[0].state, MemberState::Draining);
//! ```
//!
//! # States
//!
//! A member is *available* when its weight is above 0 and it is not draining, unhealthy or ejected. An available
//! member that was not tried is always preferred; what happens without one is the request's [`Fallback`]. Probes make
//! a member unhealthy after [`HealthSettings::unhealthy_after`] failures in a row and healthy after
//! [`HealthSettings::healthy_after`] successes in a row. What the results of requests do is [`PassiveChecks`]: they
//! count like probes (groups), or they eject a member for a while (sites), see [`OutlierSettings`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod dice;
mod failure;
mod hash;
mod health;
mod lease;
mod load;
mod member;
mod members;
mod outlier;
mod pool;
mod request;
mod retry_budget;
mod select;
mod selector;
mod settings;
#[cfg(test)]
mod tests;

pub use dice::Dice;
pub use failure::Failure;
pub use hash::{MemberId, hash_key};
pub use health::{FORGIVE_AFTER, FirstProbe, HealthSettings, ProbeSchedule};
pub use lease::Lease;
pub use load::EWMA_DECAY;
pub use member::{Cause, HISTORY, MAX_WEIGHT, MemberState, StateChange};
pub use outlier::OutlierSettings;
pub use pool::{CarriedMember, MemberConfig, MemberView, Pool};
pub use request::{Fallback, Request};
pub use retry_budget::{RetryBudget, RetrySettings};
pub use select::Policy;
pub use select::hash::LOAD_BOUND;
pub use selector::Selector;
pub use settings::{LatencySource, PassiveChecks, Settings};
