//! The members of one site or group, shared by all threads: their state behind a lock that is taken when something
//! changes, their load in atomics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::member::{Member, MemberState, StateChange, Tier};
use crate::members::Members;
use crate::{Failure, Fallback, LatencySource, MemberId, Settings};

/// A member as the configuration has it.
#[derive(Debug, Clone)]
pub struct MemberConfig {
    pub id: MemberId,
    /// 0: no new requests. At most [`MAX_WEIGHT`](crate::MAX_WEIGHT).
    pub weight: u32,
    /// From the pool of the configuration before.
    pub carried: Option<CarriedMember>,
}

impl MemberConfig {
    pub fn new(id: MemberId, weight: u32) -> Self {
        Self {
            id,
            weight,
            carried: None,
        }
    }
}

/// What a member keeps over a reload: health, ejection, load, latency, and what was set by hand.
#[derive(Debug, Clone)]
pub struct CarriedMember {
    member: Member,
    load: Arc<Load>,
}

/// A member as it is shown.
#[derive(Debug, Clone)]
pub struct MemberView {
    pub state: MemberState,
    /// The current weight.
    pub weight: u32,
    /// The weight that was set by hand.
    pub manual_weight: Option<u32>,
    pub in_flight: u64,
    /// Requests since the start.
    pub requests: u64,
    /// Requests since the start that failed through its fault.
    pub failures: u64,
    /// Failures in a row, of requests and probes.
    pub failures_in_row: u32,
    /// Smoothed.
    pub latency: Option<Duration>,
    /// While it is ejected.
    pub ejected_until: Option<Instant>,
    /// The last changes of state, oldest first; at most [`HISTORY`](crate::HISTORY).
    pub history: Vec<StateChange>,
}

#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) id: MemberId,
    pub(crate) load: Arc<Load>,
    /// Whether a success has to be reported under the lock.
    awaits_success: AtomicBool,
}

/// See the [crate's documentation](crate).
#[derive(Debug)]
pub struct Pool {
    epoch: Instant,
    latency: LatencySource,
    published: Vec<Published>,
    members: Mutex<Members>,
    /// Changes with the tier, weight or ejection of any member.
    generation: AtomicU64,
    /// Nanoseconds from `epoch` to the end of the next ejection.
    next_return: AtomicU64,
}

impl Pool {
    /// Members are numbered by their place in `members` from here on.
    pub fn new(settings: Settings, members: Vec<MemberConfig>, now: Instant) -> Self {
        let (states, published) = members
            .into_iter()
            .map(|config| make_member(&settings, config, now))
            .unzip();
        let pool = Self {
            epoch: now,
            latency: settings.latency,
            published,
            members: Mutex::new(Members::new(settings, states, now)),
            generation: AtomicU64::new(0),
            next_return: AtomicU64::new(u64::MAX),
        };
        pool.change_all(|_| ());
        pool
    }

    /// A pool for a new configuration, in which members with the same identity keep their state. This pool is not
    /// changed.
    pub fn rebuild(
        &self,
        settings: Settings,
        mut members: Vec<MemberConfig>,
        now: Instant,
    ) -> Self {
        for member in &mut members {
            member.carried = self.carry(member.id);
        }
        Self::new(settings, members, now)
    }

    /// The state of one member, for [`MemberConfig::carried`].
    pub fn carry(&self, id: MemberId) -> Option<CarriedMember> {
        let place = self.published.iter().position(|it| it.id == id)?;
        Some(CarriedMember {
            member: self.lock().get(place)?.clone(),
            load: self.published.get(place)?.load.clone(),
        })
    }

    pub fn len(&self) -> usize {
        self.published.len()
    }

    pub fn is_empty(&self) -> bool {
        self.published.is_empty()
    }

    /// A request to the member failed to show what is to blame: the member, or what lies behind it. A probe decides.
    pub fn suspected(&self, place: usize, now: Instant) {
        self.lock().suspected(place, now);
    }

    /// The member whose probe is due at `now`. The probe counts as running until [`Pool::probed`].
    pub fn take_due_probe(&self, now: Instant) -> Option<usize> {
        self.lock().take_due_probe(now)
    }

    /// When the next probe is due; `None`: none is planned, or all are running.
    pub fn next_probe(&self) -> Option<Instant> {
        self.lock().next_probe().map(|(_, at)| at)
    }

    /// A probe ended: `Ok` with the time it took.
    pub fn probed(&self, place: usize, result: Result<Duration, ()>, now: Instant, dice: u64) {
        if let Ok(took) = result
            && self.latency != LatencySource::Requests
            && let Some(load) = self.load(place)
        {
            load.measured(took);
        }
        self.change(place, |members| {
            members.probed(place, result.map(|_| ()), now, dice);
        });
    }

    /// By hand: takes the member out of use for new requests, or back.
    pub fn set_draining(&self, place: usize, draining: bool, now: Instant) {
        self.change(place, |members| members.set_draining(place, draining, now));
    }

    /// By hand: `None` restores the weight of the configuration.
    pub fn set_weight(&self, place: usize, weight: Option<u32>) {
        self.change(place, |members| members.set_weight(place, weight));
    }

    pub fn state(&self, place: usize) -> Option<MemberState> {
        self.lock().get(place).map(Member::state)
    }

    pub fn in_flight(&self, place: usize) -> u64 {
        self.load(place).map_or(0, Load::in_flight)
    }

    /// All members in their order.
    pub fn view(&self) -> Vec<MemberView> {
        let members = self.lock();
        let published = self.published.iter();
        members
            .iter()
            .zip(published)
            .map(|(member, published)| view(member, &published.load))
            .collect()
    }

    pub(crate) fn succeeded(&self, place: usize, latency: Option<Duration>, now: Instant) {
        let Some(published) = self.published.get(place) else {
            return;
        };
        if let Some(latency) = latency {
            published.load.observe(latency, now);
            if self.latency != LatencySource::Probes {
                published.load.measured(latency);
            }
        }
        if published.awaits_success.load(Ordering::Relaxed) {
            self.change(place, |members| members.succeeded(place, now));
        }
    }

    pub(crate) fn failed(&self, place: usize, failure: Failure, now: Instant, dice: u64) {
        if let Some(load) = self.load(place) {
            load.failed(now);
        }
        self.change(place, |members| members.failed(place, failure, now, dice));
    }

    pub(crate) fn longest_down(
        &self,
        now: Instant,
        tried: &[usize],
        fallback: Fallback,
    ) -> Option<usize> {
        self.lock().longest_down(now, tried, fallback)
    }

    pub(crate) fn load(&self, place: usize) -> Option<&Load> {
        self.published.get(place).map(|it| &*it.load)
    }

    pub(crate) fn published(&self) -> &[Published] {
        &self.published
    }

    /// The number of the current state, after ejections that are over at `now` were ended.
    pub(crate) fn generation(&self, now: Instant) -> u64 {
        let next_return = self.next_return.load(Ordering::Relaxed);
        if next_return != u64::MAX && self.nanos(now) >= next_return {
            self.change_all(|members| members.advance(now));
        }
        self.generation.load(Ordering::Acquire)
    }

    /// The tier and weight of each member, with their generation.
    pub(crate) fn read_states(&self, mut each: impl FnMut(usize, Tier, u32)) -> u64 {
        let members = self.lock();
        for (place, member) in members.iter().enumerate() {
            each(place, member.tier(), member.weight());
        }
        self.generation.load(Ordering::Relaxed)
    }

    fn change(&self, place: usize, change: impl FnOnce(&mut Members)) {
        let mut members = self.lock();
        let what_counts = |members: &Members| {
            Some(members.get(place)?).map(|it| (it.tier(), it.weight(), it.outlier.ejected_until()))
        };
        let before = what_counts(&members);
        change(&mut members);
        self.publish(&members, place);
        if what_counts(&members) != before {
            self.advance_generation(&members);
        }
    }

    fn change_all(&self, change: impl FnOnce(&mut Members)) {
        let mut members = self.lock();
        change(&mut members);
        for place in 0..self.published.len() {
            self.publish(&members, place);
        }
        self.advance_generation(&members);
    }

    fn publish(&self, members: &Members, place: usize) {
        if let (Some(member), Some(published)) = (members.get(place), self.published.get(place)) {
            let awaits = member.awaits_success(&members.settings().passive);
            published.awaits_success.store(awaits, Ordering::Relaxed);
        }
    }

    fn advance_generation(&self, members: &Members) {
        let next_return = members
            .next_return()
            .map_or(u64::MAX, |(_, until)| self.nanos(until));
        self.next_return.store(next_return, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Held briefly. After a panic the values are still worth using.
    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_member(settings: &Settings, config: MemberConfig, now: Instant) -> (Member, Published) {
    let mut member = Member::new(config.weight, now, &settings.health);
    let load = match config.carried {
        None => Arc::new(Load::new(now)),
        Some(carried) => {
            member.take_over(carried.member, settings, now);
            carried.load
        }
    };
    let published = Published {
        id: config.id,
        load,
        awaits_success: AtomicBool::new(true),
    };
    (member, published)
}

fn view(member: &Member, load: &Load) -> MemberView {
    MemberView {
        state: member.state(),
        weight: member.weight(),
        manual_weight: member.manual_weight,
        in_flight: load.in_flight(),
        requests: load.started(),
        failures: load.failures(),
        failures_in_row: member.health.failures().max(member.outlier.failures()),
        latency: load.latency(),
        ejected_until: member.outlier.ejected_until(),
        history: member.history().copied().collect(),
    }
}
