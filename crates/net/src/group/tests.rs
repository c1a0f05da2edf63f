//! Groups under random histories with faults.

use std::time::{Duration, Instant};

use privet_config::GroupPolicy;
use proptest::prelude::*;

use super::health::{FALL, MemberHealth, ProbeSchedule};
use super::selection::Members;
use super::*;

fn schedule(interval_ms: Option<u64>) -> ProbeSchedule {
    ProbeSchedule::new(interval_ms.map(Duration::from_millis))
}

fn members(policy: GroupPolicy, count: usize, schedule: ProbeSchedule, now: Instant) -> Members {
    let members = (0..count)
        .map(|_| MemberHealth::new(now, &schedule))
        .collect();
    Members::new(policy, schedule, members)
}

fn fail(members: &mut Members, member: usize, now: Instant) {
    let schedule = members.schedule;
    members.get_mut(member).unwrap().failed(now, &schedule, 0);
}

fn succeed(members: &mut Members, member: usize, now: Instant) {
    let schedule = members.schedule;
    members.get_mut(member).unwrap().succeeded(now, &schedule);
}

#[test]
fn failover_uses_the_first_until_two_failures_and_returns_after_two_successes() {
    let mut now = Instant::now();
    let mut group = members(GroupPolicy::Failover, 2, schedule(None), now);
    assert_eq!(group.pick(0, &[]), Some(0));
    fail(&mut group, 0, now);
    assert_eq!(group.pick(0, &[]), Some(0));
    assert_eq!(group.pick(0, &[0]), Some(1));
    fail(&mut group, 0, now);
    assert_eq!(group.pick(0, &[]), Some(1));
    // Before the pause is over it does not count.
    succeed(&mut group, 0, now);
    succeed(&mut group, 0, now);
    assert_eq!(group.pick(0, &[]), Some(1));
    now += Duration::from_secs(2);
    succeed(&mut group, 0, now);
    assert_eq!(group.pick(0, &[]), Some(1));
    succeed(&mut group, 0, now);
    assert_eq!(group.pick(0, &[]), Some(0));
}

#[test]
fn when_all_are_down_the_longest_down_is_the_last_resort() {
    let now = Instant::now();
    let mut group = members(GroupPolicy::RoundRobin, 2, schedule(None), now);
    for member in [1, 1, 0, 0] {
        let at = now + Duration::from_millis(if member == 1 { 0 } else { 10 });
        fail(&mut group, member, at);
    }
    assert_eq!(group.pick(0, &[]), None);
    assert_eq!(group.last_resort(now, &[], LastResort::Any), Some(1));
    assert_eq!(group.last_resort(now, &[1], LastResort::Any), Some(0));
    assert_eq!(group.last_resort(now, &[], LastResort::DueOnly), None);
    let later = now + Duration::from_secs(2);
    assert_eq!(group.last_resort(later, &[], LastResort::DueOnly), Some(1));
}

#[test]
fn round_robin_takes_all_that_are_up_in_turn() {
    let now = Instant::now();
    let mut group = members(GroupPolicy::RoundRobin, 3, schedule(None), now);
    fail(&mut group, 1, now);
    fail(&mut group, 1, now);
    let picks: Vec<_> = (0..4).map(|_| group.pick(0, &[]).unwrap()).collect();
    assert_eq!(picks, [0, 2, 0, 2]);
}

#[test]
fn latency_stays_with_its_member_until_another_is_clearly_faster() {
    let now = Instant::now();
    let mut group = members(GroupPolicy::Latency, 2, schedule(None), now);
    let mut measure = |member: usize, ms: u64| {
        for _ in 0..50 {
            let latency = Duration::from_millis(ms);
            group.get_mut(member).unwrap().measured(latency);
        }
        group.pick(0, &[])
    };
    measure(0, 100);
    assert_eq!(measure(1, 120), Some(0));
    assert_eq!(measure(1, 90), Some(0));
    assert_eq!(measure(1, 50), Some(1));
    assert_eq!(measure(0, 45), Some(1));
}

#[test]
fn sticky_keeps_a_client_on_its_member_when_another_goes_down() {
    let now = Instant::now();
    let mut group = members(GroupPolicy::Sticky, 4, schedule(None), now);
    let before: Vec<_> = (0..200)
        .map(|client| group.pick(client, &[]).unwrap())
        .collect();
    assert!((0..4).all(|member| before.contains(&member)));
    fail(&mut group, 2, now);
    fail(&mut group, 2, now);
    for (client, member) in before.iter().enumerate() {
        let after = group.pick(client as u64, &[]).unwrap();
        assert!(if *member == 2 {
            after != 2
        } else {
            after == *member
        });
    }
}

#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Dial { client: u64, dice: u64 },
    Toggle(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (1u64..5_000).prop_map(Event::Wait),
        (any::<u64>(), any::<u64>()).prop_map(|(client, dice)| Event::Dial { client, dice }),
        (any::<u64>(), any::<u64>()).prop_map(|(client, dice)| Event::Dial { client, dice }),
        (0usize..5).prop_map(Event::Toggle),
    ]
}

fn policy() -> impl Strategy<Value = GroupPolicy> {
    prop_oneof![
        Just(GroupPolicy::Failover),
        Just(GroupPolicy::Latency),
        Just(GroupPolicy::RoundRobin),
        Just(GroupPolicy::Sticky),
    ]
}

/// A group whose members fail and recover, with a simulated clock.
struct Simulation {
    group: Members,
    alive: Vec<bool>,
    now: Instant,
    falls: Vec<u32>,
}

impl Simulation {
    fn report(&mut self, member: usize, dice: u64, probe: bool) {
        let (schedule, now, alive) = (self.group.schedule, self.now, self.alive[member]);
        let health = self.group.get_mut(member).unwrap();
        let was_down = health.is_down();
        match (probe, alive) {
            (true, true) => health.probed(Ok(Duration::from_millis(20)), now, &schedule, dice),
            (true, false) => health.probed(Err(()), now, &schedule, dice),
            (false, true) => health.succeeded(now, &schedule),
            (false, false) => health.failed(now, &schedule, dice),
        }
        if !was_down && health.is_down() {
            self.falls[member] += 1;
        }
    }

    /// Advances the clock; probes run when they are due.
    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some((member, at)) = self.group.next_probe() {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            self.group.get_mut(member).unwrap().probing();
            self.report(member, 3, true);
        }
        self.now = end;
    }

    fn dial(&mut self, client: u64, dice: u64) -> Result<(), TestCaseError> {
        let mut tried = Vec::new();
        loop {
            let up = (0..self.alive.len())
                .any(|it| !tried.contains(&it) && !self.group.get(it).unwrap().is_down());
            let picked = self.group.pick(client, &tried);
            prop_assert_eq!(
                picked.is_some(),
                up,
                "an up member is taken, a down one never"
            );
            let Some(member) = picked else { break };
            prop_assert!(!self.group.get(member).unwrap().is_down() && !tried.contains(&member));
            tried.push(member);
            self.report(member, dice, false);
            if self.alive[member] {
                break;
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn after_any_history_a_group_uses_healthy_members_without_flapping_and_recovers(
        policy in policy(),
        count in 1usize..5,
        interval in prop_oneof![Just(None), (200u64..60_000).prop_map(Some)],
        events in prop::collection::vec(event(), 0..60),
    ) {
        let start = Instant::now();
        let schedule = schedule(interval);
        let mut simulation = Simulation {
            group: members(policy, count, schedule, start),
            alive: vec![true; count],
            now: start,
            falls: vec![0; count],
        };
        for event in events {
            match event {
                Event::Wait(ms) => simulation.wait(ms),
                Event::Dial { client, dice } => simulation.dial(client, dice)?,
                Event::Toggle(member) if member < count => simulation.alive[member] ^= true,
                Event::Toggle(_) => {}
            }
        }
        // Each fall costs a pause at least twice the last one, up to the longest.
        let lived = simulation.now - start;
        for falls in &simulation.falls {
            let mut least = Duration::ZERO;
            for fall in 1..*falls {
                let forgiven = (lived.as_secs() / super::health::FORGIVE.as_secs()) as u32;
                let doublings = (fall - 1).saturating_sub(forgiven).min(16);
                least += schedule.first.saturating_mul(1 << doublings).min(schedule.longest);
            }
            prop_assert!(lived >= least, "{falls} falls in {lived:?}");
        }
        // All members work again: after the longest pauses all are up.
        simulation.alive.fill(true);
        for _ in 0..4 {
            simulation.wait(schedule.longest.as_millis() as u64 * 2 + 1);
        }
        for member in 0..count {
            prop_assert!(!simulation.group.get(member).unwrap().is_down());
        }
        // All members fail: after enough dials none is taken.
        simulation.alive.fill(false);
        for _ in 0..FALL {
            simulation.dial(1, 1)?;
        }
        for _ in 0..FALL as usize * count {
            simulation.dial(2, 1)?;
        }
        prop_assert_eq!(simulation.group.pick(3, &[]), None);
    }
}
