use super::*;

const POLICIES: [Policy; 7] = [
    Policy::Failover,
    Policy::RoundRobin,
    Policy::LeastConnections,
    Policy::PeakEwma,
    Policy::Hash,
    Policy::Sticky,
    Policy::Latency,
];

#[test]
fn least_connections_compares_the_requests_in_flight_with_the_weight() {
    let now = Instant::now();
    for weights in [&[1, 1, 1][..], &[2, 1], &[1, 0, 1], &[5, 3, 1]] {
        let mut selector = Selector::new(pool(settings(), weights, now), Policy::LeastConnections);
        let mut leases = Vec::new();
        for round in 1..4 {
            for _ in 0..weights.iter().sum() {
                leases.push(selector.select(&request(now)).unwrap());
            }
            for (place, weight) in weights.iter().enumerate() {
                let in_flight = selector.pool().in_flight(place);
                assert_eq!(in_flight, u64::from(round * weight), "{weights:?}");
            }
        }
    }
    let mut selector = Selector::new(pool(settings(), &[1, 1, 1], now), Policy::LeastConnections);
    let mut leases: Vec<_> = (0..3)
        .map(|_| selector.select(&request(now)).unwrap())
        .collect();
    let ended = leases.swap_remove(1).member();
    assert_eq!(selector.select(&request(now)).unwrap().member(), ended);
    // One request after the other, all idle: round-robin.
    leases.clear();
    let mut counts = [0; 3];
    for _ in 0..300 {
        counts[selector.select(&request(now)).unwrap().member()] += 1;
    }
    assert!(
        counts.iter().all(|it| (97..=103).contains(it)),
        "{counts:?}"
    );
}

#[test]
fn without_an_available_member_the_fallback_decides() {
    let now = Instant::now();
    let pool = pool(settings(), &[1, 1, 1, 0], now);
    pool.set_draining(2, true, now);
    fall(&pool, 1, now);
    fall(&pool, 0, now + MS);
    for policy in POLICIES {
        let mut selector = Selector::new(pool.clone(), policy);
        let mut take = |fallback, tried: &[usize], now| {
            let request = Request {
                fallback,
                tried,
                now,
                ..request(now)
            };
            selector.select(&request).map(|lease| lease.member())
        };
        assert_eq!(take(Fallback::Refuse, &[], now), None);
        assert_eq!(take(Fallback::LongestDown, &[], now), Some(1));
        assert_eq!(take(Fallback::LongestDown, &[1], now), Some(0));
        assert_eq!(take(Fallback::Due, &[], now), None);
        assert_eq!(take(Fallback::Due, &[], now + 2 * SECOND), Some(1));
        assert!(matches!(take(Fallback::All, &[], now), Some(0 | 1)));
        assert_eq!(take(Fallback::All, &[0], now), Some(1));
        for fallback in [Fallback::All, Fallback::LongestDown] {
            assert_eq!(
                take(fallback, &[0, 1], now),
                None,
                "draining and weight 0 stay out"
            );
        }
    }
}

#[test]
fn a_pool_without_members_selects_none() {
    let now = Instant::now();
    let pool = pool(settings(), &[], now);
    assert!(pool.is_empty() && pool.next_probe().is_none());
    for policy in POLICIES {
        let mut selector = Selector::new(pool.clone(), policy);
        assert!(selector.peek(now).is_none());
        let fallback = Fallback::All;
        assert!(
            selector
                .select(&Request {
                    fallback,
                    ..request(now)
                })
                .is_none()
        );
    }
}

#[test]
fn a_reload_keeps_health_load_and_what_was_set_by_hand() {
    let now = Instant::now();
    let before = pool(settings(), &[1, 1, 1], now);
    let mut selector = Selector::new(before.clone(), Policy::Failover);
    let lease = selector.select(&request(now)).unwrap();
    lease.succeeded(Some(7 * MS), now);
    fall(&before, 1, now);
    before.set_draining(2, true, now);
    before.set_weight(2, Some(9));
    let mut turned = configs(&[4, 4, 4, 4]);
    turned.reverse();
    let after = before.rebuild(settings(), turned, now);
    let view = after.view();
    let states: Vec<_> = view.iter().map(|it| it.state).collect();
    use MemberState::{Draining, Healthy, Unhealthy, Unknown};
    assert_eq!(states, [Unknown, Draining, Unhealthy, Healthy]);
    assert_eq!(
        (view[1].weight, view[1].manual_weight, view[3].weight),
        (9, Some(9), 4)
    );
    assert_eq!(
        (view[3].in_flight, view[3].requests, view[3].latency),
        (1, 1, Some(7 * MS))
    );
    drop(lease);
    assert_eq!(after.in_flight(3), 0, "requests of before still end");
    // Where nobody probes any more, nobody stays unhealthy.
    let after = before.rebuild(Settings::without_probes(), configs(&[1, 1, 1]), now);
    assert_eq!(after.state(1), Some(Unknown));
}

/// What a caller sees of a pool, kept apart.
struct Model {
    pool: Arc<Pool>,
    selectors: Vec<Selector>,
    leases: Vec<Lease>,
    in_flight: Vec<u64>,
    now: Instant,
}

impl Model {
    fn is_available(&self, place: usize) -> bool {
        let member = &self.pool.view()[place];
        let state = matches!(member.state, MemberState::Unknown | MemberState::Healthy);
        state && member.weight > 0
    }

    fn select(&mut self, dice: &mut Dice) {
        // Half of the members at most, so that there is something left.
        let tried: Vec<usize> = (0..self.in_flight.len())
            .filter(|_| dice.chance(20))
            .collect();
        let fallback = [
            Fallback::Refuse,
            Fallback::All,
            Fallback::LongestDown,
            Fallback::Due,
        ];
        let request = Request {
            key: dice.below(4),
            tried: &tried,
            fallback: fallback[dice.below(4) as usize],
            now: self.now,
            dice: dice.roll(),
        };
        let selector = dice.below(self.selectors.len() as u64) as usize;
        let lease = self.selectors[selector].select(&request);
        // After the selection: it ends the ejections whose time is over.
        let left = |place: &usize| !tried.contains(place) && self.is_available(*place);
        let available = (0..self.in_flight.len()).any(|place| left(&place));
        let Some(lease) = lease else {
            assert!(!available, "an available member was not used");
            return;
        };
        let member = lease.member();
        assert_eq!(left(&member), available, "available members come first");
        assert!(!tried.contains(&member));
        assert!(available || request.fallback != Fallback::Refuse);
        let view = &self.pool.view()[member];
        assert!(view.weight > 0 && view.state != MemberState::Draining);
        self.in_flight[member] += 1;
        self.leases.push(lease);
    }

    fn end_one(&mut self, dice: &mut Dice) {
        if self.leases.is_empty() {
            return;
        }
        let lease = self
            .leases
            .swap_remove(dice.below(self.leases.len() as u64) as usize);
        match dice.below(4) {
            0 => lease.failed(Failure::Connect, self.now, dice.roll()),
            1 => lease.failed(Failure::ServerError, self.now, dice.roll()),
            2 => lease.succeeded(Some(dice.below(100) as u32 * MS), self.now),
            _ => {}
        }
        self.in_flight[lease.member()] -= 1;
    }

    fn step(&mut self, dice: &mut Dice) {
        let place = dice.below(self.in_flight.len() as u64) as usize;
        match dice.below(12) {
            0 => self.now += Duration::from_millis(dice.below(10_000)),
            1 => self.pool.set_draining(place, dice.chance(40), self.now),
            2 => self
                .pool
                .set_weight(place, [None, Some(0), Some(5)][dice.below(3) as usize]),
            3 => {
                if let Some(place) = self.pool.take_due_probe(self.now) {
                    let result = if dice.chance(50) { Ok(MS) } else { Err(()) };
                    self.pool.probed(place, result, self.now, dice.roll());
                }
            }
            4..=6 => self.end_one(dice),
            _ => self.select(dice),
        }
        for (place, expected) in self.in_flight.iter().enumerate() {
            assert_eq!(self.pool.in_flight(place), *expected);
        }
    }
}

/// Every policy, selectors of several threads, every kind of event: never a member that is not available while
/// another is, and what is in flight is what was selected and has not ended.
#[test]
fn after_any_history_available_members_come_first_and_all_leases_return() {
    histories(|dice| {
        let now = Instant::now();
        let count = 1 + dice.below(5) as usize;
        let weights: Vec<u32> = (0..count).map(|_| dice.below(4) as u32).collect();
        let settings = match dice.below(3) {
            0 => settings(),
            1 => Settings::without_probes(),
            _ => Settings {
                passive: PassiveChecks::Health,
                latency: LatencySource::Both,
                ..settings()
            },
        };
        let policy = POLICIES[dice.below(POLICIES.len() as u64) as usize];
        let pool = pool(settings, &weights, now);
        let selectors = (0..2).map(|_| Selector::new(pool.clone(), policy));
        let mut model = Model {
            selectors: selectors.collect(),
            pool,
            leases: Vec::new(),
            in_flight: vec![0; count],
            now,
        };
        for _ in 0..50 {
            model.step(dice);
        }
        let view = model.pool.view();
        model.leases.clear();
        for (place, member) in view.iter().enumerate() {
            assert_eq!(member.in_flight, model.in_flight[place]);
            assert_eq!(model.pool.in_flight(place), 0);
        }
    });
}
