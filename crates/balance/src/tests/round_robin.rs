use super::*;

/// 1 + 1/2 + … + 1/n: the bound that `Policy::RoundRobin` states.
fn harmonic(n: usize) -> f64 {
    (1..=n).map(|it| 1.0 / it as f64).sum()
}

fn take(selector: &mut Selector, request: &Request<'_>) -> usize {
    selector.select(request).unwrap().member()
}

#[test]
fn the_order_is_smooth() {
    let now = Instant::now();
    // nginx's own example.
    let mut selector = Selector::new(pool(settings(), &[5, 1, 1], now), Policy::RoundRobin);
    let order: Vec<_> = (0..7).map(|_| take(&mut selector, &request(now))).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    let mut selector = Selector::new(pool(settings(), &[1, 1, 1], now), Policy::RoundRobin);
    let order: Vec<_> = (0..6).map(|_| take(&mut selector, &request(now))).collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn selectors_of_several_threads_start_at_different_members() {
    let now = Instant::now();
    let pool = pool(settings(), &[1; 8], now);
    let first = |dice| {
        let mut selector = Selector::new(pool.clone(), Policy::RoundRobin);
        take(
            &mut selector,
            &Request {
                dice,
                ..request(now)
            },
        )
    };
    let firsts: Vec<_> = (0..8).map(first).collect();
    assert_eq!(firsts, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_peek_names_the_next_member_and_changes_nothing() {
    let now = Instant::now();
    let mut selector = Selector::new(pool(settings(), &[3, 2, 1], now), Policy::RoundRobin);
    for _ in 0..12 {
        let next = selector.peek(now);
        assert_eq!(selector.peek(now), next);
        assert_eq!(Some(take(&mut selector, &request(now))), next);
    }
}

/// Also after retries, which take other members out of turn. What was tried keeps its lag, so a member that is always
/// excluded has no burst to come.
#[test]
fn an_excluded_member_gets_no_burst_afterwards() {
    let now = Instant::now();
    let mut selector = Selector::new(pool(settings(), &[1, 1, 1], now), Policy::RoundRobin);
    for _ in 0..1_000 {
        assert_ne!(
            take(
                &mut selector,
                &Request {
                    tried: &[1],
                    ..request(now)
                }
            ),
            1
        );
    }
    let order: Vec<_> = (0..6).map(|_| take(&mut selector, &request(now))).collect();
    assert!(
        order.iter().filter(|it| **it == 1).count() <= 3,
        "{order:?}"
    );
}

/// In every window of selections the count of each member differs from its share by less than the stated bound, and
/// each run of as many selections as the sum of weights from the start is exact.
#[test]
fn weights_hold_in_every_window_within_the_stated_bound() {
    histories(|dice| {
        let now = Instant::now();
        let count = 1 + dice.below(8) as usize;
        let weights: Vec<u32> = (0..count).map(|_| 1 + dice.below(12) as u32).collect();
        let sum: u32 = weights.iter().sum();
        let mut selector = Selector::new(pool(settings(), &weights, now), Policy::RoundRobin);
        let steps = 2 * sum as usize;
        // The counts after each selection.
        let mut counts = vec![vec![0_u32; count]];
        for _ in 0..steps {
            let mut next = counts.last().unwrap().clone();
            next[take(&mut selector, &request(now))] += 1;
            counts.push(next);
        }
        assert_eq!(counts[sum as usize], weights, "a whole cycle is exact");
        for member in 0..count {
            let share = f64::from(weights[member]) / f64::from(sum);
            let deviation = |at: usize| f64::from(counts[at][member]) - share * at as f64;
            let all = (0..=steps).map(deviation);
            let most = all.clone().fold(f64::MIN, f64::max);
            let least = all.fold(f64::MAX, f64::min);
            // The worst window lies between the extremes.
            assert!(
                most - least < harmonic(count),
                "{weights:?}: {}",
                most - least
            );
        }
    });
}

#[test]
fn a_weight_by_hand_holds_from_the_next_selection_and_is_taken_back() {
    let now = Instant::now();
    let pool = pool(settings(), &[1, 1], now);
    let mut selector = Selector::new(pool.clone(), Policy::RoundRobin);
    let mut counts = || {
        let mut counts = [0; 2];
        for _ in 0..100 {
            counts[take(&mut selector, &request(now))] += 1;
        }
        counts
    };
    assert_eq!(counts(), [50, 50]);
    pool.set_weight(1, Some(3));
    assert_eq!(counts(), [25, 75]);
    pool.set_weight(1, Some(0));
    assert_eq!(counts(), [100, 0]);
    pool.set_weight(1, None);
    assert_eq!(counts(), [50, 50]);
}

#[test]
fn a_change_of_weight_leaves_no_debt_behind() {
    let now = Instant::now();
    let pool = pool(settings(), &[100, 1], now);
    let mut selector = Selector::new(pool.clone(), Policy::RoundRobin);
    for _ in 0..50 {
        assert_eq!(take(&mut selector, &request(now)), 0);
    }
    pool.set_weight(0, Some(1));
    let order: Vec<_> = (0..4).map(|_| take(&mut selector, &request(now))).collect();
    assert_eq!(order, [0, 1, 0, 1]);
}
