//! Happy Eyeballs v2 (RFC 8305 section 5): which address to try when. Pure; the clock is an argument.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The recommended Connection Attempt Delay (RFC 8305 section 8).
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The most addresses that are tried for one connection, however many a response has.
pub(super) const MAX_ATTEMPTS: usize = 16;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RaceStep {
    Start(SocketAddr),
    /// Wait for an attempt to end, until this moment at the latest.
    WaitUntil(Instant),
    /// Nothing is left to start; wait for an attempt to end.
    WaitForEnd,
    AllFailed,
}

pub(super) struct Race {
    waiting: VecDeque<SocketAddr>,
    running: usize,
    next_at: Option<Instant>,
}

impl Race {
    /// `addresses`: in order of preference. Families are interleaved, starting with the first one's (section 4).
    pub(super) fn new(addresses: &[SocketAddr]) -> Self {
        let mut unique: Vec<SocketAddr> = Vec::with_capacity(addresses.len().min(MAX_ATTEMPTS));
        for address in addresses {
            if !unique.contains(address) && unique.len() < MAX_ATTEMPTS {
                unique.push(*address);
            }
        }
        Self {
            waiting: interleave(&unique),
            running: 0,
            next_at: None,
        }
    }

    pub(super) fn next(&mut self, now: Instant) -> RaceStep {
        if self.waiting.is_empty() {
            return if self.running == 0 {
                RaceStep::AllFailed
            } else {
                RaceStep::WaitForEnd
            };
        }
        match self.next_at {
            Some(at) if self.running > 0 && now < at => RaceStep::WaitUntil(at),
            _ => match self.waiting.pop_front() {
                Some(address) => {
                    self.running += 1;
                    self.next_at = Some(now + ATTEMPT_DELAY);
                    RaceStep::Start(address)
                }
                None => RaceStep::AllFailed,
            },
        }
    }

    /// An attempt failed: the next one starts at once.
    pub(super) fn failed(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.next_at = None;
    }
}

fn interleave(addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut these, mut those): (VecDeque<_>, VecDeque<_>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let mut order = VecDeque::with_capacity(addresses.len());
    while !these.is_empty() || !those.is_empty() {
        order.extend(these.pop_front());
        order.extend(those.pop_front());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(v4: bool, host: u8) -> SocketAddr {
        if v4 {
            SocketAddr::from(([192, 0, 2, host], 80))
        } else {
            SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)], 80))
        }
    }

    #[test]
    fn families_take_turns_starting_with_the_preferred_one() {
        let given = [
            address(false, 1),
            address(false, 2),
            address(false, 3),
            address(true, 1),
        ];
        let order: Vec<_> = interleave(&given).into();
        assert_eq!(
            order,
            [
                address(false, 1),
                address(true, 1),
                address(false, 2),
                address(false, 3)
            ]
        );
    }

    #[test]
    fn the_second_address_waits_for_the_delay_and_a_failure_cuts_the_wait_short() {
        let now = Instant::now();
        let mut race = Race::new(&[address(false, 1), address(true, 1), address(true, 2)]);
        assert_eq!(race.next(now), RaceStep::Start(address(false, 1)));
        assert_eq!(race.next(now), RaceStep::WaitUntil(now + ATTEMPT_DELAY));
        assert_eq!(
            race.next(now + ATTEMPT_DELAY),
            RaceStep::Start(address(true, 1))
        );
        race.failed();
        assert_eq!(
            race.next(now + ATTEMPT_DELAY),
            RaceStep::Start(address(true, 2))
        );
        assert_eq!(race.next(now + ATTEMPT_DELAY), RaceStep::WaitForEnd);
        race.failed();
        race.failed();
        assert_eq!(race.next(now + ATTEMPT_DELAY), RaceStep::AllFailed);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Each address is tried once, two starts without a failure between them are at least the delay apart, an
        /// attempt runs whenever the race waits, and the race ends.
        #[test]
        fn every_history_tries_each_address_once_and_ends(
            hosts in prop::collection::vec((any::<bool>(), 0u8..20), 0..24),
            faults in prop::collection::vec((any::<bool>(), 0u64..400), 0..200),
        ) {
            let given: Vec<_> = hosts.iter().map(|(v4, host)| address(*v4, *host)).collect();
            let mut race = Race::new(&given);
            let (mut now, mut running, mut tried) = (Instant::now(), 0usize, Vec::new());
            let mut last_start: Option<Instant> = None;
            let mut faults = faults.into_iter();
            let lost = loop {
                match race.next(now) {
                    RaceStep::Start(address) => {
                        prop_assert!(!tried.contains(&address));
                        if let Some(last) = last_start {
                            prop_assert!(now >= last + ATTEMPT_DELAY);
                        }
                        tried.push(address);
                        running += 1;
                        last_start = Some(now);
                    }
                    RaceStep::WaitUntil(at) => {
                        prop_assert!(running > 0 && at > now);
                        match faults.next() {
                            Some((true, _)) => { race.failed(); running -= 1; last_start = None; }
                            Some((false, ms)) => now += Duration::from_millis(ms),
                            None => now = at,
                        }
                    }
                    RaceStep::WaitForEnd => {
                        prop_assert!(running > 0);
                        race.failed();
                        running -= 1;
                    }
                    RaceStep::AllFailed => break running == 0,
                }
            };
            prop_assert!(lost);
            let mut unique = given.clone();
            unique.sort();
            unique.dedup();
            prop_assert_eq!(tried.len(), unique.len().min(MAX_ATTEMPTS));
        }
    }
}
