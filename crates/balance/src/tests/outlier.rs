use super::*;

fn ejecting(outlier: OutlierSettings) -> Settings {
    Settings {
        passive: PassiveChecks::Ejection(outlier),
        ..Settings::without_probes()
    }
}

fn outlier() -> OutlierSettings {
    OutlierSettings::default()
}

fn states(pool: &Pool) -> Vec<MemberState> {
    pool.view().iter().map(|it| it.state).collect()
}

#[test]
fn so_many_failures_in_a_row_eject_a_member_and_a_success_between_does_not() {
    use Failure::{Connect, Reset, ServerError, Timeout};
    let cases: &[(&[Option<Failure>], bool)] = &[
        (&[Some(Connect)], false),
        (&[Some(Connect), Some(Connect)], true),
        (&[Some(Connect), None, Some(Connect)], false),
        (&[Some(Connect), Some(ServerError), Some(Connect)], false),
        (
            &[Some(ServerError), Some(Reset), Some(Timeout), Some(Reset)],
            false,
        ),
        (
            &[
                Some(ServerError),
                Some(Reset),
                Some(Timeout),
                Some(Reset),
                Some(Reset),
            ],
            true,
        ),
    ];
    for (results, ejected) in cases {
        let now = Instant::now();
        let pool = pool(ejecting(outlier()), &[1, 1], now);
        for result in *results {
            match result {
                Some(failure) => pool.failed(0, *failure, now, 0),
                None => pool.succeeded(0, None, now),
            }
        }
        let is_ejected = pool.state(0) == Some(MemberState::Ejected);
        assert_eq!(is_ejected, *ejected, "{results:?}");
    }
}

#[test]
fn an_ejected_member_returns_on_probation_and_its_time_doubles() {
    let mut now = Instant::now();
    // The share would allow to eject it once more while it is ejected.
    let settings = OutlierSettings {
        max_percent: 100,
        ..outlier()
    };
    let pool = pool(ejecting(settings), &[1, 1], now);
    let mut selector = Selector::new(pool.clone(), Policy::RoundRobin);
    pool.failed(0, Failure::Connect, now, 0);
    for time in [5, 10, 20, 40, 80, 160, 300, 300] {
        // On probation a single failure is enough.
        pool.failed(0, Failure::Connect, now, 0);
        assert_eq!(pool.view()[0].ejected_until, Some(now + time * SECOND));
        // Requests that started before do not count.
        pool.failed(0, Failure::Connect, now + MS, 0);
        pool.succeeded(0, None, now);
        assert_eq!(pool.view()[0].ejected_until, Some(now + time * SECOND));
        now += time * SECOND - MS;
        for _ in 0..3 {
            assert_eq!(selector.select(&request(now)).unwrap().member(), 1);
        }
        now += MS;
        let next: Vec<_> = (0..2)
            .map(|_| selector.select(&request(now)).unwrap().member())
            .collect();
        assert_eq!(next, [0, 1]);
    }
    pool.succeeded(0, None, now);
    pool.failed(0, Failure::Connect, now, 0);
    assert_ne!(
        pool.state(0),
        Some(MemberState::Ejected),
        "probation is over"
    );
    // One ejection is forgiven for each 300 s in use.
    pool.succeeded(0, None, now);
    now += 300 * SECOND * 8;
    pool.failed(0, Failure::Connect, now, 0);
    pool.failed(0, Failure::Connect, now, 0);
    assert_eq!(pool.view()[0].ejected_until, Some(now + 5 * SECOND));
}

#[test]
fn the_share_is_kept_and_the_last_available_member_stays() {
    let now = Instant::now();
    for (members, percent, expected) in [
        (1, 50, 0),
        (2, 50, 1),
        (3, 50, 1),
        (10, 30, 3),
        (10, 0, 0),
        (4, 100, 3),
        (4, 255, 3),
    ] {
        let settings = OutlierSettings {
            max_percent: percent,
            ..outlier()
        };
        let pool = pool(ejecting(settings), &vec![1; members], now);
        for place in 0..members {
            for _ in 0..10 {
                pool.failed(place, Failure::Reset, now, 0);
            }
        }
        let ejected = states(&pool)
            .iter()
            .filter(|it| **it == MemberState::Ejected)
            .count();
        assert_eq!(ejected, expected, "{percent} % of {members}");
    }
    // The others are draining or unhealthy: the last one stays.
    let pool = pool(settings(), &[1, 1, 1], now);
    pool.set_draining(0, true, now);
    fall(&pool, 1, now);
    for _ in 0..10 {
        pool.failed(2, Failure::Reset, now, 0);
    }
    assert_eq!(pool.state(2), Some(MemberState::Unknown));
}

#[test]
fn a_reload_to_fewer_members_keeps_the_share() {
    let now = Instant::now();
    let settings = ejecting(outlier());
    let before = pool(settings, &[1; 4], now);
    for place in [0, 1] {
        before.failed(place, Failure::Connect, now, 0);
        before.failed(place, Failure::Connect, now, 0);
    }
    let kept = before.rebuild(settings, configs(&[1; 2]), now);
    let ejected = states(&kept)
        .iter()
        .filter(|it| **it == MemberState::Ejected)
        .count();
    assert_eq!(ejected, 1);
    assert_eq!(states(&before)[..2], [MemberState::Ejected; 2]);
    // Without ejection in the new configuration nobody stays ejected.
    let groups = Settings {
        passive: PassiveChecks::Health,
        ..settings
    };
    let kept = before.rebuild(groups, configs(&[1; 4]), now);
    assert!(!states(&kept).contains(&MemberState::Ejected));
}

/// Time passes, members fail and recover, a person drains: never more than the share, never the last one, each
/// ejection as long as it was said, each return on time.
#[test]
fn any_history_keeps_the_share_and_the_times() {
    histories(|dice| {
        let start = Instant::now();
        let mut now = start;
        let count = 1 + dice.below(6) as usize;
        let settings = OutlierSettings {
            failures: dice.below(5) as u32,
            connect_failures: dice.below(4) as u32,
            first: Duration::from_millis(1 + dice.below(5_000)),
            longest: Duration::from_secs(5 + dice.below(100)),
            max_percent: dice.below(120) as u8,
        };
        let pool = pool(ejecting(settings), &vec![1; count], now);
        let mut ejected: Vec<Option<Instant>> = vec![None; count];
        for _ in 0..60 {
            if dice.chance(30) {
                now += Duration::from_millis(dice.below(20_000));
            }
            let place = dice.below(count as u64) as usize;
            match dice.below(10) {
                0..=2 => pool.succeeded(place, None, now),
                3 => pool.set_draining(place, dice.chance(30), now),
                4..=6 => pool.failed(place, Failure::Connect, now, dice.roll()),
                _ => pool.failed(place, Failure::ServerError, now, dice.roll()),
            }
            // What a selector does first.
            pool.generation(now);
            let view = pool.view();
            let share = view.iter().filter(|it| it.ejected_until.is_some()).count();
            assert!(share <= settings.max_ejected(count) && share < count);
            for (before, member) in ejected.iter_mut().zip(&view) {
                if let (None, Some(until)) = (*before, member.ejected_until) {
                    let time = until - now;
                    let longest = settings.longest.max(settings.first);
                    assert!(
                        time >= settings.first.min(settings.longest) && time <= longest * 5 / 4
                    );
                }
                assert!(
                    member.ejected_until.is_none_or(|until| until > now),
                    "returned late"
                );
                if let (Some(until), None) = (*before, member.ejected_until) {
                    assert!(until <= now, "returned early");
                }
                *before = member.ejected_until;
            }
        }
    });
}
