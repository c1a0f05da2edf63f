//! RFC 9111, 4.2: lifetimes and ages.

use privet_cache::rules::lifetime::LifetimeSource;

use super::*;

#[test]
fn max_age_counts_seconds_since_the_response_was_generated() {
    for policy in [private(), shared()] {
        let head = stored(&policy, &[("Cache-Control", "max-age=10")]).expect("stored");
        assert_eq!(later(&head, 0), Reuse::Fresh { age: 0, ttl: 10 });
        assert_eq!(later(&head, 9), Reuse::Fresh { age: 9, ttl: 1 });
        assert!(!is_fresh(later(&head, 10)), "stale at its lifetime");
    }
}

#[test]
fn s_maxage_counts_in_shared_caches_only() {
    let longer = [("Cache-Control", "max-age=3600, s-maxage=1")];
    let shorter = [("Cache-Control", "s-maxage=3600, max-age=1")];
    let alone = [("Cache-Control", "s-maxage=3600")];
    let expires = date(-10);
    let past = [
        ("Expires", &*expires),
        ("Cache-Control", "max-age=0, s-maxage=3600"),
    ];
    assert!(!hit(&shared(), 3, &longer) && hit(&private(), 3, &longer));
    assert!(hit(&shared(), 3, &shorter) && !hit(&private(), 3, &shorter));
    assert!(hit(&shared(), 3, &alone) && !hit(&private(), 3, &alone));
    assert!(hit(&shared(), 3, &past) && !hit(&private(), 3, &past));
    let lines = [
        ("Cache-Control", "s-maxage=3600"),
        ("Cache-Control", "max-age=1"),
    ];
    assert!(hit(&shared(), 3, &lines) && !hit(&private(), 3, &lines));
}

#[test]
fn max_age_takes_precedence_over_expires() {
    let (past, future) = (date(-7200), date(3600));
    let fields = [("Cache-Control", "max-age=3600"), ("Expires", &past)];
    assert!(hit(&private(), 3, &fields));
    let fields = [("Cache-Control", "max-age=3600"), ("Expires", "0")];
    assert!(hit(&private(), 3, &fields));
    let fields = [("Expires", &*future), ("Cache-Control", "max-age=0")];
    assert!(!hit(&private(), 3, &fields));
}

#[test]
fn expires_counts_from_date() {
    let fresh =
        |expires: &str, day: &str| hit(&private(), 3, &[("Expires", expires), ("Date", day)]);
    let now = date(0);
    assert!(fresh(&date(30), &now));
    assert!(!fresh(&date(-30), &now));
    assert!(!fresh(&now, &now));
    assert!(!fresh(&date(300), &date(400)), "both of a fast clock");
    assert!(
        fresh(&date(10), "foo"),
        "the time of arrival takes the place of Date"
    );
    assert!(hit(&private(), 3, &[("Expires", &date(10))]));
    assert!(fresh("Thu, 18 AUG 2050 02:01:18 gMT", &now));
    assert!(fresh("Thursday, 18-Aug-50 02:01:18 GMT", &now));
    assert!(fresh("Thu Aug 18 02:01:18 2050", &now));
}

#[test]
fn an_invalid_expires_is_in_the_past() {
    let modified = date(-100_000);
    for value in [
        "0",
        "-1",
        "",
        "never",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
    ] {
        let fields = [("Expires", value), ("Last-Modified", &modified)];
        let head = stored(&private(), &fields).expect(value);
        assert!(!is_fresh(later(&head, 0)), "{value}");
        assert_eq!(head.lifetime.source, LifetimeSource::Explicit);
    }
}

#[test]
fn of_several_expires_the_first_counts() {
    let (soon, late) = (date(1), date(1000));
    assert!(hit(
        &private(),
        3,
        &[("Expires", &late), ("Expires", &soon)]
    ));
    assert!(!hit(
        &private(),
        3,
        &[("Expires", &soon), ("Expires", &late)]
    ));
    assert!(!hit(&private(), 3, &[("Expires", "0"), ("Expires", &late)]));
}

#[test]
fn age_is_added_to_the_time_in_the_store() {
    let aged = |value: &str| {
        [("Cache-Control", "max-age=3600"), ("Age", value)].map(|(a, b)| (a, b.to_owned()))
    };
    for (value, age) in [
        ("30", 32),
        ("7200", 7202),
        ("007", 9),
        ("0", 2),
        ("99999999999", 2_147_483_650),
        // The first of a list; what is no number is ignored (5.1).
        ("7200,0", 7202),
        ("0, 7200", 2),
        ("abc", 2),
        ("-7200", 2),
        ("7200.0", 2),
        ("", 2),
    ] {
        let lines = aged(value);
        let lines: Vec<Line<'_>> = lines.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let head = stored(&private(), &lines).expect(value);
        assert_eq!(head.age(NOW.plus(2)), age, "{value}");
        assert_eq!(is_fresh(later(&head, 2)), age < 3600, "{value}");
    }
    let lines = [
        ("Cache-Control", "max-age=3600"),
        ("Age", "7200"),
        ("Age", "0"),
    ];
    assert!(!hit(&private(), 0, &lines), "the first line counts");
}

#[test]
fn a_date_in_the_past_is_an_age() {
    let old = date(-7200);
    let head = stored(
        &private(),
        &[("Cache-Control", "max-age=3600"), ("Date", &old)],
    );
    assert_eq!(head.expect("stored; useful where stale is").age(NOW), 7200);
    let ahead = date(7200);
    let head = stored(
        &private(),
        &[("Cache-Control", "max-age=3600"), ("Date", &ahead)],
    );
    assert_eq!(
        head.expect("stored").age(NOW.plus(5)),
        5,
        "a fast clock does not make it younger"
    );
}

#[test]
fn age_and_expires_with_slow_and_fast_dates() {
    let case = |day: i64, expires: i64, age: &str| {
        hit(
            &private(),
            0,
            &[
                ("Date", &date(day)),
                ("Expires", &date(expires)),
                ("Age", age),
            ],
        )
    };
    assert!(!case(-10, 10, "25"));
    assert!(!case(10, 20, "15"));
    assert!(case(10, 30, "15"));
}

#[test]
fn the_whole_time_of_the_exchange_counts() {
    let fields: &[Line<'_>] = &[("Cache-Control", "max-age=60"), ("Age", "10")];
    let response = Response {
        status: 200,
        fields: &fields,
        body_len: None,
    };
    let none: &[Line<'_>] = &[];
    let head = store(&get(&none), &response, NOW.plus(-7), NOW, &private()).expect("stored");
    assert_eq!(head.age(NOW), 17);
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_younger() {
    let head = stored(
        &private(),
        &[("Cache-Control", "max-age=60"), ("Age", "30")],
    )
    .expect("stored");
    assert_eq!(head.age(NOW.plus(-1000)), 30);
}

#[test]
fn a_tenth_of_the_time_since_last_modified_by_status() {
    let day = date(-24 * 3600);
    let fields = [("Last-Modified", day.as_str())];
    for status in 200..600 {
        let fresh =
            stored_as(&private(), &[], status, &fields).is_ok_and(|head| is_fresh(later(&head, 3)));
        let by_heuristic = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
        assert_eq!(fresh, by_heuristic.contains(&status), "{status}");
    }
    let head = stored(&private(), &fields).expect("stored");
    assert_eq!(later(&head, 0), Reuse::Fresh { age: 0, ttl: 8640 });
    assert_eq!(head.lifetime.source, LifetimeSource::Heuristic);
    let public = [fields[0], ("Cache-Control", "public")];
    let head = stored_as(&private(), &[], 599, &public).expect("public allows it");
    assert!(is_fresh(later(&head, 3)));
}

#[test]
fn heuristics_are_bounded_and_can_be_off() {
    let years = date(-10 * 365 * 24 * 3600);
    let fields = [("Last-Modified", years.as_str())];
    let head = stored(&private(), &fields).expect("stored");
    assert_eq!(head.lifetime.fresh_for, private().max_heuristic);
    let off = Policy {
        heuristic: false,
        ..private()
    };
    let head = stored(&off, &fields).expect("stored, to be validated");
    assert!(!is_fresh(later(&head, 0)));
    let future = date(3600);
    let head = stored(&private(), &[("Last-Modified", &future)]).expect("stored");
    assert!(!is_fresh(later(&head, 0)), "modified after it was sent");
}

#[test]
fn without_lifetime_and_validator_nothing_is_kept() {
    for fields in [
        &[][..],
        &[("Cache-Control", "public")],
        &[("Cache-Control", "max-age=0")],
    ] {
        assert_eq!(
            stored(&private(), fields),
            Err(CacheReason::NoLifetime),
            "{fields:?}"
        );
    }
    let head = stored(&private(), &[("ETag", "\"a\"")]).expect("stored, to be validated");
    let Reuse::Validate { why, .. } = later(&head, 0) else {
        panic!("it has no lifetime");
    };
    assert_eq!(why, CacheReason::NoLifetime);
}

#[test]
fn pragma_in_a_response_says_nothing() {
    let fields = [("Cache-Control", "max-age=3600"), ("Pragma", "no-cache")];
    assert!(hit(&private(), 3, &fields));
}
