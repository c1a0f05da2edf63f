//! A group of the running program: its members behind a lock that is held briefly, their chains, and the check.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::health::{MemberHealth, MemberState, ProbeSchedule};
use super::selection::Members;
use crate::chain::Chain;
use crate::check_url::CheckUrl;
use crate::outbound_health::{OutboundHealth, OutboundKind, OutboundState, milliseconds};

pub(crate) struct Group {
    pub(crate) name: String,
    policy: privet_config::GroupPolicy,
    chains: Vec<Arc<Chain>>,
    members: Mutex<Members>,
    /// The URL to fetch through a member, and the limit for it. `None`: members are checked by connecting to their
    /// last hop.
    pub(crate) check: Option<(CheckUrl, Duration)>,
}

impl Group {
    /// Members that are unchanged keep their health from `previous`.
    pub(crate) fn new(
        config: &privet_config::Group,
        chains: Vec<Arc<Chain>>,
        check: Option<(CheckUrl, Duration)>,
        previous: Option<&Self>,
    ) -> Self {
        let now = Instant::now();
        let schedule = ProbeSchedule::new(config.check.as_ref().map(|check| check.interval));
        let members = chains
            .iter()
            .map(|chain| {
                previous
                    .and_then(|group| group.health_of(chain))
                    .map_or_else(
                        || MemberHealth::new(now, &schedule),
                        |health| health.carried_over(now, &schedule),
                    )
            })
            .collect();
        Self {
            name: config.name.clone(),
            policy: config.policy,
            members: Mutex::new(Members::new(config.policy, schedule, members)),
            chains,
            check,
        }
    }

    fn health_of(&self, chain: &Chain) -> Option<MemberHealth> {
        let place = self
            .chains
            .iter()
            .position(|it| it.last().name == chain.last().name && it.is_same(chain))?;
        self.members().get(place).cloned()
    }

    pub(crate) fn chain(&self, member: usize) -> Option<&Arc<Chain>> {
        self.chains.get(member)
    }

    pub(crate) fn chains(&self) -> &[Arc<Chain>] {
        &self.chains
    }

    pub(crate) fn has(&self, chain: &Arc<Chain>) -> bool {
        self.chains.iter().any(|member| Arc::ptr_eq(member, chain))
    }

    pub(crate) fn len(&self) -> usize {
        self.chains.len()
    }

    pub(crate) fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection through this member succeeded. Its latency counts only where no active check measures.
    pub(crate) fn succeeded(&self, member: usize, latency: Option<Duration>) {
        let mut members = self.members();
        let schedule = members.schedule;
        if let Some(health) = members.get_mut(member) {
            health.succeeded(Instant::now(), &schedule);
            if let (None, Some(latency)) = (schedule.interval, latency) {
                health.measured(latency);
            }
        }
    }

    pub(crate) fn failed(&self, member: usize) {
        let mut members = self.members();
        let schedule = members.schedule;
        if let Some(health) = members.get_mut(member) {
            health.failed(Instant::now(), &schedule, dice());
        }
    }

    pub(crate) fn suspected(&self, member: usize) {
        let mut members = self.members();
        let schedule = members.schedule;
        if let Some(health) = members.get_mut(member) {
            health.suspected(Instant::now(), &schedule);
        }
    }

    pub(crate) fn probed(&self, member: usize, result: Result<Duration, ()>) {
        let mut members = self.members();
        let schedule = members.schedule;
        if let Some(health) = members.get_mut(member) {
            health.probed(result, Instant::now(), &schedule, dice());
        }
    }

    /// The member whose probe is due at `now`; the probe counts as running from here on.
    pub(crate) fn take_due_probe(&self, now: Instant) -> Option<usize> {
        let mut members = self.members();
        let (member, at) = members.next_probe()?;
        if at > now {
            return None;
        }
        members.get_mut(member)?.probing();
        Some(member)
    }

    pub(crate) fn next_probe(&self) -> Option<Instant> {
        self.members().next_probe().map(|(_, at)| at)
    }

    pub(crate) fn report(&self) -> OutboundHealth {
        let members = self.members();
        let name = |place: usize| self.chain(place).map(|chain| chain.last().name.to_string());
        let current = members.current();
        let states: Vec<_> = members.all().map(MemberHealth::state).collect();
        let is_up = |it: &MemberState| matches!(it, MemberState::Up { .. });
        let state = if states.iter().any(is_up) {
            OutboundState::Up
        } else if members.all().all(MemberHealth::is_down) {
            OutboundState::Down
        } else {
            OutboundState::Unknown
        };
        OutboundHealth {
            name: self.name.clone(),
            kind: OutboundKind::Group,
            state,
            route: self.policy.as_str().to_owned(),
            last_error: match state {
                OutboundState::Down => self.chains.iter().find_map(|it| it.record.last_error()),
                _ => None,
            },
            latency_ms: current
                .and_then(|place| members.get(place)?.latency())
                .map(milliseconds),
            failures: members.all().map(MemberHealth::failures).sum(),
            members: (0..self.chains.len()).filter_map(name).collect(),
            current: current.and_then(name),
        }
    }
}

/// A random number: each `RandomState` has other keys.
fn dice() -> u64 {
    RandomState::new().hash_one(0u8)
}
