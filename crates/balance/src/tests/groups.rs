//! Members as the groups of upstreams use them: the results of connections count like probes.

use super::*;

/// Failures until a member is down.
const FALL: u32 = 2;

fn group_settings(interval: Option<Duration>) -> Settings {
    Settings {
        health: HealthSettings {
            unhealthy_after: FALL,
            healthy_after: 2,
            first_probe: FirstProbe::Counts,
            schedule: ProbeSchedule::with_backoff(interval),
        },
        passive: PassiveChecks::Health,
        latency: LatencySource::Both,
    }
}

fn group(policy: Policy, count: usize, now: Instant) -> (Arc<Pool>, Selector) {
    let pool = pool(group_settings(None), &vec![1; count], now);
    (pool.clone(), Selector::new(pool, policy))
}

fn pick(selector: &mut Selector, key: u64, tried: &[usize], now: Instant) -> Option<usize> {
    let request = Request {
        key,
        tried,
        ..request(now)
    };
    selector.select(&request).map(|lease| lease.member())
}

fn fail(pool: &Pool, member: usize, now: Instant) {
    pool.failed(member, Failure::Connect, now, 0);
}

#[test]
fn failover_uses_the_first_until_two_failures_and_returns_after_two_successes() {
    let mut now = Instant::now();
    let (pool, mut selector) = group(Policy::Failover, 2, now);
    assert_eq!(pick(&mut selector, 0, &[], now), Some(0));
    fail(&pool, 0, now);
    assert_eq!(pick(&mut selector, 0, &[], now), Some(0));
    assert_eq!(pick(&mut selector, 0, &[0], now), Some(1));
    fail(&pool, 0, now);
    assert_eq!(pick(&mut selector, 0, &[], now), Some(1));
    // Before the pause is over it does not count.
    pool.succeeded(0, None, now);
    pool.succeeded(0, None, now);
    assert_eq!(pick(&mut selector, 0, &[], now), Some(1));
    now += 2 * SECOND;
    pool.succeeded(0, None, now);
    assert_eq!(pick(&mut selector, 0, &[], now), Some(1));
    pool.succeeded(0, None, now);
    assert_eq!(pick(&mut selector, 0, &[], now), Some(0));
}

#[test]
fn round_robin_takes_all_that_are_up_in_turn() {
    let now = Instant::now();
    let (pool, mut selector) = group(Policy::RoundRobin, 3, now);
    fail(&pool, 1, now);
    fail(&pool, 1, now);
    let picks: Vec<_> = (0..4)
        .map(|_| pick(&mut selector, 0, &[], now).unwrap())
        .collect();
    assert_eq!(picks, [0, 2, 0, 2]);
}

#[test]
fn latency_stays_with_its_member_until_another_is_clearly_faster() {
    let now = Instant::now();
    let (pool, mut selector) = group(Policy::Latency, 2, now);
    let mut measure = |member: usize, ms: u32| {
        for _ in 0..50 {
            pool.succeeded(member, Some(ms * MS), now);
        }
        pick(&mut selector, 0, &[], now)
    };
    measure(0, 100);
    assert_eq!(measure(1, 120), Some(0));
    assert_eq!(measure(1, 90), Some(0));
    assert_eq!(measure(1, 50), Some(1));
    assert_eq!(measure(0, 45), Some(1));
    // By half, but only by 4 ms.
    measure(1, 8);
    assert_eq!(measure(0, 4), Some(1));
}

#[test]
fn where_checks_measure_the_latency_of_connections_does_not_count() {
    let now = Instant::now();
    for (latency, expected) in [
        (LatencySource::Requests, 10 * MS),
        (LatencySource::Probes, 20 * MS),
        (LatencySource::Both, 13 * MS),
    ] {
        let settings = Settings {
            latency,
            ..group_settings(None)
        };
        let pool = pool(settings, &[1], now);
        pool.succeeded(0, Some(10 * MS), now);
        pool.probed(0, Ok(20 * MS), now, 0);
        assert_eq!(pool.view()[0].latency, Some(expected));
    }
}

#[test]
fn sticky_keeps_a_client_on_its_member_when_another_goes_down() {
    let now = Instant::now();
    let (pool, mut selector) = group(Policy::Sticky, 4, now);
    let before: Vec<_> = (0..200)
        .map(|client| pick(&mut selector, client, &[], now).unwrap())
        .collect();
    assert!((0..4).all(|member| before.contains(&member)));
    fail(&pool, 2, now);
    fail(&pool, 2, now);
    for (client, member) in before.iter().enumerate() {
        let after = pick(&mut selector, client as u64, &[], now).unwrap();
        assert!(if *member == 2 {
            after != 2
        } else {
            after == *member
        });
    }
}

#[test]
fn a_suspected_member_is_probed_soon_and_stays_in_use() {
    let now = Instant::now();
    let (pool, mut selector) = group(Policy::Failover, 2, now);
    assert_eq!(pool.next_probe(), None);
    pool.suspected(0, now);
    assert_eq!(pool.next_probe(), Some(now + SECOND));
    assert_eq!(pick(&mut selector, 0, &[], now), Some(0));
    assert_eq!(pool.take_due_probe(now), None);
    assert_eq!(pool.take_due_probe(now + SECOND), Some(0));
    // While it runs, another suspicion plans no second one.
    pool.suspected(0, now + SECOND);
    assert_eq!(pool.next_probe(), None);
}

/// A group whose members fail and recover, with a simulated clock.
struct Simulation {
    pool: Arc<Pool>,
    selector: Selector,
    alive: Vec<bool>,
    now: Instant,
    falls: Vec<u32>,
}

impl Simulation {
    fn is_down(&self, member: usize) -> bool {
        self.pool.state(member) == Some(MemberState::Unhealthy)
    }

    fn report(&mut self, member: usize, dice: u64, probe: bool) {
        let (now, alive) = (self.now, self.alive[member]);
        let was_down = self.is_down(member);
        match (probe, alive) {
            (true, true) => self.pool.probed(member, Ok(20 * MS), now, dice),
            (true, false) => self.pool.probed(member, Err(()), now, dice),
            (false, true) => self.pool.succeeded(member, None, now),
            (false, false) => self.pool.failed(member, Failure::Connect, now, dice),
        }
        if !was_down && self.is_down(member) {
            self.falls[member] += 1;
        }
    }

    /// Advances the clock; probes run when they are due.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.pool.next_probe()
            && at <= end
        {
            self.now = self.now.max(at);
            let member = self.pool.take_due_probe(self.now).unwrap();
            self.report(member, 3, true);
        }
        self.now = end;
    }

    fn dial(&mut self, client: u64, dice: u64) {
        let mut tried = Vec::new();
        loop {
            let up = (0..self.alive.len()).any(|it| !tried.contains(&it) && !self.is_down(it));
            let picked = pick(&mut self.selector, client, &tried, self.now);
            assert_eq!(
                picked.is_some(),
                up,
                "an up member is taken, a down one never"
            );
            let Some(member) = picked else { break };
            assert!(!self.is_down(member) && !tried.contains(&member));
            tried.push(member);
            self.report(member, dice, false);
            if self.alive[member] {
                break;
            }
        }
    }

    /// Each fall costs a pause at least twice the last one, up to the longest.
    fn check_falls(&self, start: Instant, schedule: &ProbeSchedule) {
        let lived = self.now - start;
        let forgiven = (lived.as_secs() / FORGIVE_AFTER.as_secs()) as u32;
        for falls in &self.falls {
            let pause = |fall: u32| {
                let doublings = (fall - 1).saturating_sub(forgiven).min(16);
                schedule
                    .first
                    .saturating_mul(1 << doublings)
                    .min(schedule.longest)
            };
            let least: Duration = (1..*falls).map(pause).sum();
            assert!(lived >= least, "{falls} falls in {lived:?}");
        }
    }
}

#[test]
fn after_any_history_a_group_uses_healthy_members_without_flapping_and_recovers() {
    const POLICIES: [Policy; 4] = [
        Policy::Failover,
        Policy::Latency,
        Policy::RoundRobin,
        Policy::Sticky,
    ];
    histories(|dice| {
        let start = Instant::now();
        let count = 1 + dice.below(4) as usize;
        let interval = dice
            .chance(50)
            .then(|| Duration::from_millis(200 + dice.below(59_800)));
        let settings = group_settings(interval);
        let pool = pool(settings, &vec![1; count], start);
        let policy = POLICIES[dice.below(4) as usize];
        let mut simulation = Simulation {
            selector: Selector::new(pool.clone(), policy),
            pool,
            alive: vec![true; count],
            now: start,
            falls: vec![0; count],
        };
        for _ in 0..dice.below(60) {
            match dice.below(4) {
                0 => simulation.wait(Duration::from_millis(1 + dice.below(5_000))),
                1 => {
                    let member = dice.below(count as u64) as usize;
                    simulation.alive[member] ^= true;
                }
                _ => simulation.dial(dice.roll(), dice.roll()),
            }
        }
        let schedule = settings.health.schedule;
        simulation.check_falls(start, &schedule);
        // All members work again: after the longest pauses all are up.
        simulation.alive.fill(true);
        for _ in 0..4 {
            simulation.wait(2 * schedule.longest + MS);
        }
        assert!((0..count).all(|member| !simulation.is_down(member)));
        // All members fail: after enough dials none is taken.
        simulation.alive.fill(false);
        for _ in 0..FALL + FALL * count as u32 {
            simulation.dial(2, 1);
        }
        assert_eq!(pick(&mut simulation.selector, 3, &[], simulation.now), None);
    });
}
