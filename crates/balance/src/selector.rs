//! Which member the next request takes. One selector for each thread: it writes to nothing that others read but the
//! selected member's load.

use std::sync::Arc;
use std::time::Instant;

use crate::lease::{Lease, Owner};
use crate::member::Tier;
use crate::pool::Pool;
use crate::request::{Fallback, Request};
use crate::select::slot::{Slot, Wanted};
use crate::select::{Policy, hash, latency, least_connections, peak_ewma, round_robin};

/// See the [crate's documentation](crate).
pub struct Selector {
    owner: Arc<Owner>,
    policy: Policy,
    slots: Vec<Slot>,
    generation: Option<u64>,
    /// For each slot the sum of the weights of the available slots up to it.
    sums: Vec<u64>,
    /// Policy "latency": the member in use.
    preferred: Option<usize>,
}

impl Selector {
    pub fn new(pool: Arc<Pool>, policy: Policy) -> Self {
        let slots = pool.published().iter().map(|it| Slot {
            id: it.id,
            load: it.load.clone(),
            tier: Tier::Never,
            weight: 0,
            lag: 0,
            in_flight: 0,
        });
        Self {
            slots: slots.collect(),
            sums: Vec::with_capacity(pool.len()),
            owner: Arc::new(Owner { pool }),
            policy,
            generation: None,
            preferred: None,
        }
    }

    pub fn pool(&self) -> &Arc<Pool> {
        &self.owner.pool
    }

    /// Takes a member. No allocation; the cost grows linearly with the members.
    pub fn select(&mut self, request: &Request<'_>) -> Option<Lease> {
        self.refresh(request.now, request.dice);
        let place = self
            .choose(request, Tier::Available)
            .or_else(|| self.fall_back(request))?;
        Some(Lease::new(&self.owner, place))
    }

    /// The members that a request would be sent to one after another, while each fails. For display: nothing is counted as in
    /// flight.
    pub fn order(&mut self, request: &Request<'_>) -> Vec<usize> {
        self.refresh(request.now, request.dice);
        let mut order = request.tried.to_vec();
        loop {
            let next = Request {
                tried: &order,
                ..*request
            };
            let chosen = self.choose(&next, Tier::Available);
            match chosen.or_else(|| self.fall_back(&next)) {
                Some(place) => order.push(place),
                None => break,
            }
        }
        order.split_off(request.tried.len())
    }

    /// The member that the next request would take; `None` where that depends on the request, or none is available.
    pub fn peek(&mut self, now: Instant) -> Option<usize> {
        self.refresh(now, 0);
        let wanted = Wanted {
            tier: Tier::Available,
            tried: &[],
        };
        match self.policy {
            Policy::Failover => wanted.among(&self.slots).next().map(|(place, _)| place),
            Policy::RoundRobin => round_robin::peek(wanted.among(&self.slots)),
            Policy::Latency => latency::choose(wanted.among(&self.slots), self.preferred),
            Policy::LeastConnections | Policy::PeakEwma | Policy::Hash | Policy::Sticky => None,
        }
    }

    fn fall_back(&mut self, request: &Request<'_>) -> Option<usize> {
        match request.fallback {
            Fallback::Refuse => None,
            Fallback::All => self.choose(request, Tier::LastResort),
            fallback @ (Fallback::LongestDown | Fallback::Due) => {
                let pool = &self.owner.pool;
                pool.longest_down(request.now, request.tried, fallback)
            }
        }
    }

    fn choose(&mut self, request: &Request<'_>, tier: Tier) -> Option<usize> {
        let wanted = Wanted {
            tier,
            tried: request.tried,
        };
        let slots = &mut self.slots;
        match self.policy {
            Policy::Failover => wanted.among(slots).next().map(|(place, _)| place),
            Policy::RoundRobin => round_robin::take(slots, |place, slot| wanted.has(place, slot)),
            Policy::LeastConnections => least_connections::take(slots, wanted),
            Policy::PeakEwma => {
                let sums = match (tier, request.tried) {
                    (Tier::Available, []) => Some(&*self.sums),
                    _ => None,
                };
                peak_ewma::choose(slots, wanted, sums, request.now, request.dice)
            }
            Policy::Hash => hash::choose_bounded(slots, wanted, request.key),
            Policy::Sticky => hash::choose(slots, wanted, request.key),
            Policy::Latency => {
                let place = latency::choose(wanted.among(slots), self.preferred)?;
                // A member that is tried only to measure it does not become the preferred one.
                if slots.get(place)?.load.latency().is_some() {
                    self.preferred = Some(place);
                }
                Some(place)
            }
        }
    }

    fn refresh(&mut self, now: Instant, dice: u64) {
        let pool = &self.owner.pool;
        if self.generation == Some(pool.generation(now)) {
            return;
        }
        let slots = &mut self.slots;
        self.generation = Some(pool.read_states(|place, tier, weight| {
            if let Some(slot) = slots.get_mut(place) {
                (slot.tier, slot.weight, slot.lag) = (tier, weight, 0);
            }
        }));
        let mut sum = 0;
        self.sums.clear();
        self.sums.extend(slots.iter().map(|slot| {
            sum += u64::from(if slot.tier == Tier::Available {
                slot.weight
            } else {
                0
            });
            sum
        }));
        if matches!(self.policy, Policy::RoundRobin | Policy::LeastConnections) {
            round_robin::start(slots, dice);
        }
    }
}
