use super::*;
use crate::health::{Health, HealthState};

fn with(unhealthy_after: u32, healthy_after: u32, first_probe: FirstProbe) -> HealthSettings {
    HealthSettings {
        unhealthy_after,
        healthy_after,
        first_probe,
        schedule: ProbeSchedule::with_backoff(None),
    }
}

#[test]
fn a_member_is_used_until_its_first_probe_decides() {
    let now = Instant::now();
    for (first_probe, result, unhealthy) in [
        (FirstProbe::Decides, Err(()), true),
        (FirstProbe::Decides, Ok(()), false),
        (FirstProbe::Counts, Err(()), false),
        (FirstProbe::Counts, Ok(()), false),
    ] {
        let settings = with(2, 2, first_probe);
        let mut health = Health::new(now, &settings);
        assert_eq!(health.state(), HealthState::Unknown);
        health.probed(result, now, &settings, 0);
        assert_eq!(
            health.is_unhealthy(),
            unhealthy,
            "{first_probe:?} {result:?}"
        );
    }
}

#[test]
fn results_during_the_pause_after_a_fall_do_not_count() {
    let mut now = Instant::now();
    let settings = with(2, 2, FirstProbe::Counts);
    let mut health = Health::new(now, &settings);
    for _ in 0..2 {
        health.failed(now, &settings, 0);
    }
    assert!(health.is_unhealthy());
    for _ in 0..5 {
        health.succeeded(now, &settings);
    }
    assert!(health.is_unhealthy());
    now += SECOND;
    health.succeeded(now, &settings);
    assert!(health.is_unhealthy());
    health.succeeded(now, &settings);
    assert!(!health.is_unhealthy());
}

#[test]
fn the_pause_doubles_with_failed_probes_and_is_at_most_the_longest_and_a_quarter() {
    let mut now = Instant::now();
    let settings = with(1, 1, FirstProbe::Counts);
    let mut health = Health::new(now, &settings);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        health.probing();
        health.probed(Err(()), now, &settings, 255);
        let next = health.probe_at().unwrap();
        pauses.push((next - now).as_secs_f64().round());
        now = next;
    }
    assert_eq!(pauses, [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 75.0, 75.0, 75.0]);
}

#[test]
fn a_steady_schedule_probes_every_member_at_its_interval() {
    let mut now = Instant::now();
    let settings = Settings::with_probes(2 * SECOND, 2, 2).health;
    let mut health = Health::new(now, &settings);
    assert_eq!(health.probe_at(), Some(now));
    for result in [
        Ok(()),
        Err(()),
        Ok(()),
        Err(()),
        Err(()),
        Err(()),
        Ok(()),
        Ok(()),
        Ok(()),
    ] {
        health.probing();
        assert_eq!(health.probe_at(), None);
        health.probed(result, now, &settings, 0);
        assert_eq!(health.probe_at(), Some(now + 2 * SECOND));
        now += 2 * SECOND;
    }
}

/// Alternating results change nothing, whatever came before, where both thresholds are above 1.
#[test]
fn alternating_results_never_flip_the_state() {
    histories(|dice| {
        let mut now = Instant::now();
        let (unhealthy_after, healthy_after) = (2 + dice.below(4) as u32, 2 + dice.below(4) as u32);
        let settings = with(unhealthy_after, healthy_after, FirstProbe::Counts);
        let mut health = Health::new(now, &settings);
        for _ in 0..dice.below(20) {
            let result = if dice.chance(50) { Ok(()) } else { Err(()) };
            now += Duration::from_secs(dice.below(100));
            health.probed(result, now, &settings, dice.roll());
        }
        // The first two may complete a run of equal results.
        let mut before = None;
        for step in 0..20 {
            now += 100 * SECOND;
            let result = if step % 2 == 0 { Ok(()) } else { Err(()) };
            health.probed(result, now, &settings, dice.roll());
            if step >= 1 {
                let state = health.is_unhealthy();
                assert_eq!(*before.get_or_insert(state), state);
            }
        }
    });
}

/// Against counters that are kept apart: the state changes exactly when so many results in a row say so.
#[test]
fn the_state_changes_after_exactly_so_many_results_in_a_row() {
    histories(|dice| {
        let mut now = Instant::now();
        let (unhealthy_after, healthy_after) = (1 + dice.below(5) as u32, 1 + dice.below(5) as u32);
        let settings = with(unhealthy_after, healthy_after, FirstProbe::Counts);
        let mut health = Health::new(now, &settings);
        let (mut unhealthy, mut in_a_row) = (false, 0);
        for _ in 0..60 {
            // Longer than any pause, so that each result counts.
            now += 80 * SECOND;
            let good = dice.chance(50);
            match (good, dice.chance(50)) {
                (true, true) => health.succeeded(now, &settings),
                (false, true) => health.failed(now, &settings, dice.roll()),
                (true, false) => health.probed(Ok(()), now, &settings, dice.roll()),
                (false, false) => health.probed(Err(()), now, &settings, dice.roll()),
            }
            in_a_row = if good == unhealthy { in_a_row + 1 } else { 0 };
            let needed = if unhealthy {
                healthy_after
            } else {
                unhealthy_after
            };
            if in_a_row == needed {
                (unhealthy, in_a_row) = (!unhealthy, 0);
            }
            assert_eq!(health.is_unhealthy(), unhealthy);
        }
    });
}

#[test]
fn failures_in_a_row_are_counted_for_display() {
    let mut now = Instant::now();
    let pool = pool(settings(), &[1], now);
    for (result, expected) in [
        (Ok(MS), 0),
        (Err(()), 1),
        (Ok(MS), 0),
        (Err(()), 1),
        (Err(()), 2),
        (Err(()), 3),
        (Err(()), 4),
        (Ok(MS), 4),
        (Ok(MS), 0),
    ] {
        now += 10 * SECOND;
        pool.probed(0, result, now, 0);
        assert_eq!(pool.view()[0].failures_in_row, expected);
    }
}

#[test]
fn the_history_of_a_member_is_bounded_and_says_what_caused_each_change() {
    let mut now = Instant::now();
    let pool = pool(settings(), &[1, 1], now);
    for _ in 0..HISTORY {
        for result in [Err(()), Err(()), Ok(SECOND), Ok(SECOND)] {
            now += 10 * SECOND;
            pool.probed(0, result, now, 0);
        }
    }
    pool.set_draining(0, true, now);
    let history = &pool.view()[0].history;
    assert_eq!(history.len(), HISTORY);
    let last: Vec<_> = history[HISTORY - 3..]
        .iter()
        .map(|it| (it.state, it.cause))
        .collect();
    assert_eq!(
        last,
        [
            (MemberState::Unhealthy, Cause::Probe),
            (MemberState::Healthy, Cause::Probe),
            (MemberState::Draining, Cause::Manual),
        ]
    );
    assert!(history.is_sorted_by_key(|it| it.at));
    assert!(pool.view()[1].history.is_empty());
}
