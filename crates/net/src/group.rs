//! A group of upstreams: its members' chains, their health, which one the next connection takes, and its check.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use privet_balance::{
    Fallback, FirstProbe, HealthSettings, LatencySource, Lease, MemberConfig, MemberId,
    MemberState, PassiveChecks, Policy, Pool, ProbeSchedule, Request, Selector, Settings,
};
use privet_config::GroupPolicy;

use crate::chain::Chain;
use crate::check_url::CheckUrl;
use crate::outbound_health::{OutboundHealth, OutboundKind, OutboundState, milliseconds};

/// Failures in a row until a member is down.
const UNHEALTHY_AFTER: u32 = 2;
/// Successful probes in a row until a member that was down is up.
const HEALTHY_AFTER: u32 = 2;

pub(crate) struct Group {
    pub(crate) name: String,
    policy: GroupPolicy,
    chains: Vec<Arc<Chain>>,
    pool: Arc<Pool>,
    /// One for all threads, held briefly: a dial costs far more, and round-robin counts all dials.
    selector: Mutex<Selector>,
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
        let interval = config.check.as_ref().map(|check| check.interval);
        let member = |chain: &Arc<Chain>| MemberConfig {
            carried: previous
                .filter(|group| group.chains.iter().any(|it| is_unchanged(it, chain)))
                .and_then(|group| group.pool.carry(member_id(chain))),
            ..MemberConfig::new(member_id(chain), 1)
        };
        let members = chains.iter().map(member).collect();
        let pool = Arc::new(Pool::new(settings(interval), members, Instant::now()));
        let selector = Selector::new(pool.clone(), policy(config.policy));
        Self {
            name: config.name.clone(),
            policy: config.policy,
            chains,
            pool,
            selector: Mutex::new(selector),
            check,
        }
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

    /// Takes a member that is not among `tried`. `client`: the key of the policy "sticky".
    pub(crate) fn select(&self, client: u64, tried: &[usize], fallback: Fallback) -> Option<Lease> {
        let request = Request {
            key: client,
            tried,
            fallback,
            now: Instant::now(),
            // These policies draw nothing; round-robin starts with the first member.
            dice: 0,
        };
        self.with_selector(|selector| selector.select(&request))
    }

    /// The member that the next connection would take; `None` for "sticky", where it depends on the client.
    pub(crate) fn current(&self) -> Option<usize> {
        self.with_selector(|selector| selector.peek(Instant::now()))
    }

    /// A connection through it got no answer about its target, and another member's did. Either may be to blame: a probe
    /// decides.
    pub(crate) fn suspected(&self, member: usize) {
        self.pool.suspected(member, Instant::now());
    }

    pub(crate) fn probed(&self, member: usize, result: Result<Duration, ()>) {
        self.pool.probed(member, result, Instant::now(), dice());
    }

    /// The member whose probe is due at `now`; the probe counts as running from here on.
    pub(crate) fn take_due_probe(&self, now: Instant) -> Option<usize> {
        self.pool.take_due_probe(now)
    }

    pub(crate) fn next_probe(&self) -> Option<Instant> {
        self.pool.next_probe()
    }

    pub(crate) fn report(&self) -> OutboundHealth {
        let name = |place: usize| self.chain(place).map(|chain| chain.last().name.to_string());
        let current = self.current();
        let members = self.pool.view();
        let state = if members.iter().any(|it| it.state == MemberState::Healthy) {
            OutboundState::Up
        } else if members.iter().all(|it| it.state == MemberState::Unhealthy) {
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
                .and_then(|place| members.get(place)?.latency)
                .map(milliseconds),
            failures: members.iter().map(|it| it.failures_in_row).sum(),
            members: (0..self.chains.len()).filter_map(name).collect(),
            current: current.and_then(name),
        }
    }

    fn with_selector<T>(&self, select: impl FnOnce(&mut Selector) -> T) -> T {
        let mut selector = self.selector.lock().unwrap_or_else(PoisonError::into_inner);
        select(&mut selector)
    }
}

/// The results of connections count like those of probes. Their latency counts only where no check measures.
fn settings(interval: Option<Duration>) -> Settings {
    Settings {
        health: HealthSettings {
            unhealthy_after: UNHEALTHY_AFTER,
            healthy_after: HEALTHY_AFTER,
            first_probe: FirstProbe::Counts,
            schedule: ProbeSchedule::with_backoff(interval),
        },
        passive: PassiveChecks::Health,
        latency: match interval {
            Some(_) => LatencySource::Probes,
            None => LatencySource::Both,
        },
    }
}

fn policy(policy: GroupPolicy) -> Policy {
    match policy {
        GroupPolicy::Failover => Policy::Failover,
        GroupPolicy::Latency => Policy::Latency,
        GroupPolicy::RoundRobin => Policy::RoundRobin,
        GroupPolicy::Sticky => Policy::Sticky,
    }
}

fn member_id(chain: &Chain) -> MemberId {
    MemberId::of(&chain.last().name)
}

fn is_unchanged(before: &Chain, chain: &Chain) -> bool {
    before.last().name == chain.last().name && before.is_same(chain)
}

/// A random number: each `RandomState` has other keys.
pub(crate) fn dice() -> u64 {
    RandomState::new().hash_one(0u8)
}
