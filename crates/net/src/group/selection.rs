//! Which member the next connection takes. A member that is down is never taken while another is up.

use std::time::{Duration, Instant};

use privet_config::GroupPolicy;

use super::health::{MemberHealth, MemberState, ProbeSchedule};

/// By latency, another member takes over only when it is faster by a fifth and by at least this much.
const BETTER_BY: Duration = Duration::from_millis(5);
const BETTER_FACTOR: f64 = 0.8;

/// Which members may be tried when none is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastResort {
    /// All of them: there is no other route.
    Any,
    /// Those whose pause is over: the caller can connect directly instead.
    DueOnly,
}

/// The members of one group, in the file's order.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    policy: GroupPolicy,
    pub(crate) schedule: ProbeSchedule,
    members: Vec<MemberHealth>,
    /// Round-robin: the member that is next.
    turn: usize,
    /// Latency: the member in use.
    preferred: Option<usize>,
}

impl Members {
    pub(crate) fn new(
        policy: GroupPolicy,
        schedule: ProbeSchedule,
        members: Vec<MemberHealth>,
    ) -> Self {
        Self {
            policy,
            schedule,
            members,
            turn: 0,
            preferred: None,
        }
    }

    pub(crate) fn get(&self, member: usize) -> Option<&MemberHealth> {
        self.members.get(member)
    }

    pub(crate) fn get_mut(&mut self, member: usize) -> Option<&mut MemberHealth> {
        self.members.get_mut(member)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &MemberHealth> {
        self.members.iter()
    }

    /// Takes a member that is up and not among `tried`. `client`: the key of the policy "sticky".
    pub(crate) fn pick(&mut self, client: u64, tried: &[usize]) -> Option<usize> {
        let picked = self.choice(client, tried)?;
        match self.policy {
            GroupPolicy::RoundRobin => self.turn = (picked + 1) % self.members.len().max(1),
            // A member that is tried only to measure it does not become the preferred one.
            GroupPolicy::Latency if self.latency(picked).is_some() => {
                self.preferred = Some(picked);
            }
            _ => {}
        }
        Some(picked)
    }

    /// The member that the next connection would take; `None` for "sticky", where it depends on the client.
    pub(crate) fn current(&self) -> Option<usize> {
        match self.policy {
            GroupPolicy::Sticky => None,
            _ => self.choice(0, &[]),
        }
    }

    fn choice(&self, client: u64, tried: &[usize]) -> Option<usize> {
        let able = |place: &usize| {
            !tried.contains(place) && self.members.get(*place).is_some_and(|it| !it.is_down())
        };
        let places = 0..self.members.len();
        match self.policy {
            GroupPolicy::Failover => places.into_iter().find(able),
            GroupPolicy::RoundRobin => places
                .map(|step| (self.turn + step) % self.members.len())
                .find(able),
            GroupPolicy::Sticky => places
                .filter(able)
                .max_by_key(|place| mix(client, *place as u64)),
            GroupPolicy::Latency => self.fastest(places.filter(able)),
        }
    }

    /// A member without a measurement first, so that it gets one; else the fastest, if it is clearly faster.
    fn fastest(&self, able: impl Iterator<Item = usize>) -> Option<usize> {
        let able: Vec<usize> = able.collect();
        let best = *able
            .iter()
            .min_by_key(|place| self.latency(**place).unwrap_or(Duration::ZERO))?;
        let preferred = self.preferred.filter(|place| able.contains(place));
        let (Some(preferred), Some(new)) = (preferred, self.latency(best)) else {
            return Some(best);
        };
        let old = self.latency(preferred)?;
        let clearly = new < old.mul_f64(BETTER_FACTOR) && new + BETTER_BY < old;
        Some(if clearly { best } else { preferred })
    }

    fn latency(&self, member: usize) -> Option<Duration> {
        self.members.get(member).and_then(MemberHealth::latency)
    }

    /// The member to take when none is up: the one that has been down longest.
    pub(crate) fn last_resort(
        &self,
        now: Instant,
        tried: &[usize],
        last_resort: LastResort,
    ) -> Option<usize> {
        self.members
            .iter()
            .enumerate()
            .filter(|(place, health)| {
                health.is_down()
                    && !tried.contains(place)
                    && match last_resort {
                        LastResort::Any => true,
                        LastResort::DueOnly => health.is_due(now),
                    }
            })
            .min_by_key(|(_, health)| match health.state() {
                MemberState::Down { until } => until,
                _ => now,
            })
            .map(|(place, _)| place)
    }

    /// The member whose probe is due first, and when.
    pub(crate) fn next_probe(&self) -> Option<(usize, Instant)> {
        self.members
            .iter()
            .enumerate()
            .filter_map(|(place, health)| Some((place, health.probe_at()?)))
            .min_by_key(|(_, at)| *at)
    }
}

/// Rendezvous hashing: when a member comes or goes, only its own clients move. (The finalizer of SplitMix64.)
fn mix(client: u64, member: u64) -> u64 {
    let mut z = client ^ member.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
