use super::*;

const KEYS: u64 = 3_000;

/// The member of each key, while nothing is in flight.
fn assign(selector: &mut Selector, now: Instant) -> Vec<usize> {
    let member = |key: u64| {
        let key = hash_key(&key.to_le_bytes());
        selector
            .select(&Request {
                key,
                ..request(now)
            })
            .unwrap()
            .member()
    };
    (0..KEYS).map(member).collect()
}

fn selector(weights: &[u32], policy: Policy, now: Instant) -> Selector {
    Selector::new(pool(settings(), weights, now), policy)
}

fn moved(before: &[usize], after: &[usize]) -> usize {
    before
        .iter()
        .zip(after)
        .filter(|(one, two)| one != two)
        .count()
}

#[test]
fn keys_spread_by_weight() {
    let now = Instant::now();
    for weights in [&[1, 1, 1, 1, 1][..], &[1, 2, 3, 4], &[100, 1]] {
        let members = assign(&mut selector(weights, Policy::Hash, now), now);
        let sum: u32 = weights.iter().sum();
        for (place, weight) in weights.iter().enumerate() {
            let share = f64::from(*weight) / f64::from(sum);
            let count = members.iter().filter(|it| **it == place).count() as f64;
            // Five standard deviations of the binomial distribution.
            let deviation = (KEYS as f64 * share * (1.0 - share)).sqrt();
            assert!(
                (count - KEYS as f64 * share).abs() < 5.0 * deviation,
                "{weights:?}: {count}"
            );
        }
    }
}

/// At most 1/n + 10 % of the keys move when a member comes or goes; and only from or to that member.
#[test]
fn only_the_keys_of_the_member_that_comes_or_goes_move() {
    let now = Instant::now();
    for policy in [Policy::Hash, Policy::Sticky] {
        for count in [2, 3, 5, 12] {
            let pool = pool(settings(), &vec![1; count], now);
            let mut selector = Selector::new(pool.clone(), policy);
            let all = assign(&mut selector, now);
            for gone in 0..count {
                // By health, and by a reload that removes it.
                fall(&pool, gone, now);
                let after = assign(&mut selector, now);
                let mut kept = configs(&vec![1; count]);
                kept.remove(gone);
                let reloaded = Arc::new(pool.rebuild(settings(), kept, now));
                let others = assign(&mut Selector::new(reloaded, policy), now);
                let share = moved(&all, &after) as f64 / KEYS as f64;
                assert!(
                    share <= 1.0 / count as f64 + 0.1,
                    "{share} of the keys moved"
                );
                for key in 0..KEYS as usize {
                    assert!(all[key] == gone || all[key] == after[key]);
                    let place = others[key] + usize::from(others[key] >= gone);
                    assert_eq!(place, after[key], "removed and unhealthy are the same");
                }
                let back = now + 10 * SECOND;
                for _ in 0..2 {
                    pool.probed(gone, Ok(MS), back, 0);
                }
                assert_eq!(assign(&mut selector, back), all, "its keys come back to it");
            }
        }
    }
}

#[test]
fn a_change_of_weight_moves_only_the_difference() {
    let now = Instant::now();
    let pool = pool(settings(), &[1, 1, 1, 1], now);
    let mut selector = Selector::new(pool.clone(), Policy::Hash);
    let before = assign(&mut selector, now);
    pool.set_weight(2, Some(2));
    let after = assign(&mut selector, now);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(one, two)| one == two || *two == 2)
    );
    // From 1/4 to 2/5 of the keys.
    let share = moved(&before, &after) as f64 / KEYS as f64;
    assert!((share - 0.15).abs() < 0.04, "{share}");
}

#[test]
fn the_order_of_the_members_does_not_matter() {
    let now = Instant::now();
    let mut turned = configs(&[1; 5]);
    turned.reverse();
    let turned = Arc::new(Pool::new(settings(), turned, now));
    let before = assign(&mut selector(&[1; 5], Policy::Hash, now), now);
    let after = assign(&mut Selector::new(turned, Policy::Hash), now);
    assert!(before.iter().zip(&after).all(|(one, two)| *one == 4 - two));
}

/// Random arrivals and ends, few hot keys: at the moment of selection no member has more than the bound times its
/// share, rounded up.
#[test]
fn no_member_gets_more_than_the_stated_bound() {
    histories(|dice| {
        let now = Instant::now();
        let count = 1 + dice.below(8) as usize;
        let weights: Vec<u32> = (0..count).map(|_| 1 + dice.below(4) as u32).collect();
        let sum: u32 = weights.iter().sum();
        let pool = pool(settings(), &weights, now);
        let mut selector = Selector::new(pool.clone(), Policy::Hash);
        let mut leases: Vec<Lease> = Vec::new();
        for _ in 0..60 {
            if dice.chance(30) && !leases.is_empty() {
                drop(leases.swap_remove(dice.below(leases.len() as u64) as usize));
            }
            let key = dice.below(3);
            let lease = selector
                .select(&Request {
                    key,
                    ..request(now)
                })
                .unwrap();
            let share = f64::from(weights[lease.member()]) / f64::from(sum);
            leases.push(lease);
            let member = leases.last().unwrap().member();
            let bound = (LOAD_BOUND * leases.len() as f64 * share - 1e-9).ceil();
            assert!(pool.in_flight(member) as f64 <= bound, "{weights:?}");
        }
        drop(leases);
        assert!((0..count).all(|place| pool.in_flight(place) == 0));
    });
}
