use super::*;

fn budget(percent: u32, floor_per_second: u32, now: Instant) -> RetryBudget {
    RetryBudget::new(
        RetrySettings {
            percent,
            floor_per_second,
        },
        now,
    )
}

fn retries(budget: &mut RetryBudget, now: Instant) -> usize {
    (0..100_000).take_while(|_| budget.try_retry(now)).count()
}

#[test]
fn a_fifth_of_the_requests_and_the_floor_may_be_repeated() {
    let mut now = Instant::now();
    let mut some = budget(20, 3, now);
    assert_eq!(retries(&mut some, now), 30, "the floor alone");
    for _ in 0..1_000 {
        some.requested(now);
    }
    assert_eq!(retries(&mut some, now), 200);
    now += 9 * SECOND;
    assert_eq!(retries(&mut some, now), 0, "still the same ten seconds");
    now += SECOND;
    assert_eq!(retries(&mut some, now), 30, "both are forgotten");
    assert_eq!(retries(&mut budget(0, 0, now), now), 0);
    assert_eq!(retries(&mut budget(100, 0, now), now), 0);
}

#[test]
fn requests_of_ten_seconds_pay_for_a_member_that_dies_under_load() {
    let mut now = Instant::now();
    let mut budget = budget(20, 3, now);
    for _ in 0..50_000 {
        now += Duration::from_micros(200);
        budget.requested(now);
    }
    // 5,000 requests a second; what was in flight on one of two members fails at once.
    assert!(retries(&mut budget, now) >= 5_000);
}

#[test]
fn a_clock_that_jumps_far_ahead_or_back_is_no_fault() {
    let start = Instant::now();
    let mut budget = budget(20, 1, start + SECOND);
    budget.requested(start);
    budget.requested(start + 365 * 86_400 * SECOND);
    assert_eq!(retries(&mut budget, start), 10);
}

/// A retry is granted exactly when, counting it, the last ten seconds stay within the budget. So no ten seconds have
/// more retries than the requests in them and in the nine seconds before them allow.
#[test]
fn the_budget_is_never_exceeded_in_any_window() {
    histories(|dice| {
        let start = Instant::now();
        let (percent, floor) = (dice.below(30) as u32, dice.below(4) as u32);
        let mut budget = budget(percent, floor, start);
        // Requests and retries of each second.
        let mut seconds = vec![(0_u64, 0_u64)];
        let mut now = start;
        for _ in 0..200 {
            now += Duration::from_millis(match dice.below(20) {
                0 => dice.below(15_000),
                1..=5 => dice.below(500),
                _ => 0,
            });
            seconds.resize((now - start).as_secs() as usize + 1, (0, 0));
            if dice.chance(60) {
                budget.requested(now);
                seconds.last_mut().unwrap().0 += 1;
                continue;
            }
            let window = &seconds[seconds.len().saturating_sub(10)..];
            let (requests, retries) = window
                .iter()
                .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
            let allowed = u64::from(percent) * requests + 1_000 * u64::from(floor);
            let granted = budget.try_retry(now);
            assert_eq!(granted, 100 * (retries + 1) <= allowed);
            seconds.last_mut().unwrap().1 += u64::from(granted);
        }
        for (start, window) in seconds.windows(10).enumerate() {
            let retries: u64 = window.iter().map(|it| it.1).sum();
            let paying = &seconds[start.saturating_sub(9)..start + 10];
            let requests: u64 = paying.iter().map(|it| it.0).sum();
            assert!(100 * retries <= u64::from(percent) * requests + 1_000 * u64::from(floor));
        }
    });
}
