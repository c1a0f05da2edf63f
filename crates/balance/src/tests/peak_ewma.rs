use super::*;

#[test]
fn peak_ewma_prefers_fast_members_with_few_requests_in_flight() {
    let mut now = Instant::now();
    let pool = pool(settings(), &[1, 1, 1, 1], now);
    let mut selector = Selector::new(pool.clone(), Policy::PeakEwma);
    let (mut dice, mut counts) = (Dice::new(1), [0; 4]);
    for _ in 0..4_000 {
        now += MS;
        let lease = selector
            .select(&Request {
                dice: dice.roll(),
                ..request(now)
            })
            .unwrap();
        let slow = lease.member() == 3;
        counts[lease.member()] += 1;
        lease.succeeded(Some(if slow { 50 * MS } else { 5 * MS }), now);
    }
    // It was found slow by one request, and is tried again when its peak has faded.
    assert!((1..40).contains(&counts[3]), "{counts:?}");
    assert!(counts[..3].iter().all(|it| *it > 1_000), "{counts:?}");
}

/// One request a millisecond: the slower member of two gets its part too, because the other's requests in flight
/// cost.
#[test]
fn peak_ewma_spreads_load_that_one_member_cannot_carry() {
    let start = Instant::now();
    let pool = pool(settings(), &[1, 1], start);
    let mut selector = Selector::new(pool.clone(), Policy::PeakEwma);
    let (mut dice, mut counts) = (Dice::new(2), [0; 2]);
    let mut running: Vec<(Instant, Lease)> = Vec::new();
    for step in 0..20_000 {
        let now = start + step * MS;
        running.retain(|(end, lease)| {
            if *end <= now {
                lease.succeeded(Some([20 * MS, 40 * MS][lease.member()]), now);
            }
            *end > now
        });
        let lease = selector
            .select(&Request {
                dice: dice.roll(),
                ..request(now)
            })
            .unwrap();
        counts[lease.member()] += 1;
        running.push((now + [20 * MS, 40 * MS][lease.member()], lease));
    }
    // Costs are equal where latency × in flight, which is latency² × rate, is equal: rates of 4 to 1.
    let ratio = f64::from(counts[0]) / f64::from(counts[1]);
    assert!((2.0..6.0).contains(&ratio), "{counts:?}");
}

#[test]
fn a_new_member_gets_one_request_at_once_and_no_flood_before_its_first_answer() {
    let mut now = Instant::now();
    let pool = pool(settings(), &[1; 5], now);
    let mut selector = Selector::new(pool.clone(), Policy::PeakEwma);
    let mut dice = Dice::new(3);
    for place in 0..4 {
        pool.succeeded(place, Some(10 * MS), now);
    }
    let mut held = Vec::new();
    for _ in 0..100 {
        now += MS;
        let lease = selector
            .select(&Request {
                dice: dice.roll(),
                ..request(now)
            })
            .unwrap();
        match lease.member() {
            4 => held.push(lease),
            _ => lease.succeeded(Some(10 * MS), now),
        }
    }
    assert_eq!(held.len(), 1);
    held[0].succeeded(Some(10 * MS), now);
    held.clear();
    let mut counts = [0; 5];
    for _ in 0..1_000 {
        now += MS;
        let lease = selector
            .select(&Request {
                dice: dice.roll(),
                ..request(now)
            })
            .unwrap();
        counts[lease.member()] += 1;
        lease.succeeded(Some(10 * MS), now);
    }
    assert!(counts[4] > 100, "{counts:?}");
}

#[test]
fn a_member_that_fails_at_once_gets_fewer_requests_than_one_that_works() {
    let mut now = Instant::now();
    let settings = Settings {
        passive: PassiveChecks::Ejection(OutlierSettings {
            max_percent: 0,
            ..OutlierSettings::default()
        }),
        ..settings()
    };
    let pool = pool(settings, &[1, 1], now);
    let mut selector = Selector::new(pool.clone(), Policy::PeakEwma);
    let (mut dice, mut counts) = (Dice::new(4), [0; 2]);
    for _ in 0..1_000 {
        now += MS;
        let lease = selector
            .select(&Request {
                dice: dice.roll(),
                ..request(now)
            })
            .unwrap();
        counts[lease.member()] += 1;
        match lease.member() {
            0 => lease.failed(Failure::Connect, now, dice.roll()),
            _ => lease.succeeded(Some(100 * MS), now),
        }
    }
    assert!(counts[0] < 10, "{counts:?}");
}

#[test]
fn weights_bias_the_draw_of_peak_ewma() {
    let now = Instant::now();
    let pool = pool(settings(), &[6, 3, 1, 0], now);
    let mut selector = Selector::new(pool.clone(), Policy::PeakEwma);
    let (mut dice, mut counts) = (Dice::new(5), [0; 4]);
    for _ in 0..10_000 {
        let lease = selector
            .select(&Request {
                dice: dice.roll(),
                ..request(now)
            })
            .unwrap();
        counts[lease.member()] += 1;
        lease.succeeded(Some(10 * MS), now);
    }
    assert!(
        counts[0] > counts[1] && counts[1] > counts[2] && counts[3] == 0,
        "{counts:?}"
    );
}
