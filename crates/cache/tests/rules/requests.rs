//! RFC 9111, 5.2.1 and 5.4: directives of requests.

use super::*;

fn fresh_for(seconds: u32) -> StoredHead {
    let control = format!("max-age={seconds}");
    stored(
        &private(),
        &[("Cache-Control", &control), ("ETag", "\"a\"")],
    )
    .expect("stored")
}

fn why(reuse: Reuse) -> Option<CacheReason> {
    match reuse {
        Reuse::Validate { why, .. } | Reuse::MustNot { why } => Some(why),
        _ => None,
    }
}

fn asked(head: &StoredHead, seconds: i64, control: &str) -> Reuse {
    later_for(head, seconds, &[("Cache-Control", control)])
}

#[test]
fn max_age_limits_the_age() {
    let head = fresh_for(3600);
    for control in [
        "max-age=0",
        "max-age=1",
        "MAX-AGE=\"1\"",
        "max-age=x",
        "max-age",
        "max-age=9, max-age=1",
    ] {
        assert_eq!(
            why(asked(&head, 3, control)),
            Some(CacheReason::RequestMaxAge),
            "{control}"
        );
    }
    assert_eq!(
        asked(&head, 3, "max-age=3"),
        Reuse::Fresh { age: 3, ttl: 3597 }
    );
}

#[test]
fn immutable_answers_a_reload_while_it_is_fresh() {
    let fields = [
        ("Cache-Control", "max-age=60, immutable"),
        ("ETag", "\"a\""),
    ];
    let head = stored(&private(), &fields).expect("stored");
    assert!(is_fresh(asked(&head, 3, "max-age=0")));
    assert_eq!(
        why(asked(&head, 3, "no-cache")),
        Some(CacheReason::RequestNoCache)
    );
    assert_eq!(
        why(asked(&head, 3, "max-age=1")),
        Some(CacheReason::RequestMaxAge)
    );
    assert_eq!(
        why(asked(&head, 60, "max-age=0")),
        Some(CacheReason::RequestMaxAge),
        "stale"
    );
}

#[test]
fn min_fresh_wants_a_rest_of_its_lifetime() {
    let head = fresh_for(1500);
    assert_eq!(
        why(asked(&head, 0, "min-fresh=2000")),
        Some(CacheReason::RequestMinFresh)
    );
    assert_eq!(
        why(asked(&head, 1000, "min-fresh=1000")),
        Some(CacheReason::RequestMinFresh)
    );
    assert_eq!(
        why(asked(&head, 0, "min-fresh=x")),
        Some(CacheReason::RequestMinFresh)
    );
    assert!(is_fresh(asked(&head, 1000, "min-fresh=500")));
}

#[test]
fn max_stale_accepts_stale_responses() {
    let head = fresh_for(10);
    assert_eq!(
        asked(&head, 15, "max-stale=5"),
        Reuse::StaleAccepted { age: 15, stale: 5 }
    );
    assert_eq!(
        asked(&head, 9999, "max-stale"),
        Reuse::StaleAccepted {
            age: 9999,
            stale: 9989
        }
    );
    assert_eq!(
        why(asked(&head, 16, "max-stale=5")),
        Some(CacheReason::Expired)
    );
    assert_eq!(
        why(asked(&head, 16, "max-stale=x")),
        Some(CacheReason::Expired)
    );
    assert_eq!(
        why(asked(&head, 15, "max-stale=5, max-age=12")),
        Some(CacheReason::RequestMaxAge)
    );
    let strict = [("Cache-Control", "max-age=10, must-revalidate")];
    let head = stored(&private(), &strict).expect("stored");
    assert_eq!(
        why(asked(&head, 15, "max-stale")),
        Some(CacheReason::MustRevalidate)
    );
}

#[test]
fn no_cache_validates_and_no_store_passes_by() {
    let head = fresh_for(3600);
    for control in [
        "no-cache",
        "NO-CACHE",
        "no-cache=\"a\"",
        "max-age=9, no-cache",
    ] {
        assert_eq!(
            why(asked(&head, 0, control)),
            Some(CacheReason::RequestNoCache),
            "{control}"
        );
    }
    let reuse = asked(&head, 0, "no-store");
    assert_eq!(
        reuse,
        Reuse::MustNot {
            why: CacheReason::RequestNoStore
        }
    );
}

#[test]
fn pragma_counts_without_cache_control() {
    let head = fresh_for(3600);
    assert_eq!(
        why(later_for(&head, 0, &[("Pragma", "no-cache")])),
        Some(CacheReason::RequestNoCache)
    );
    assert_eq!(
        why(later_for(&head, 0, &[("pragma", "x, No-Cache")])),
        Some(CacheReason::RequestNoCache)
    );
    assert!(is_fresh(later_for(&head, 0, &[("Pragma", "unrecognised")])));
    assert!(is_fresh(later_for(
        &head,
        0,
        &[("Pragma", "no-cache"), ("Cache-Control", "x")]
    )));
}

#[test]
fn only_if_cached_is_told() {
    let fields: &[Line<'_>] = &[("Cache-Control", "Only-If-Cached")];
    assert!(get(&fields).directives.only_if_cached);
    let none: &[Line<'_>] = &[];
    assert!(!get(&none).directives.only_if_cached);
}

#[test]
fn requests_that_the_store_must_not_answer() {
    let head = fresh_for(3600);
    let fields: &[Line<'_>] = &[];
    let ask = |request: Request<'_>| reuse::reuse(&request, &head, NOW);
    assert!(is_fresh(ask(Request::new(b"HEAD", TARGET, &fields))));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "FOO"] {
        let reuse = ask(Request::new(method.as_bytes(), TARGET, &fields));
        assert_eq!(
            reuse,
            Reuse::MustNot {
                why: CacheReason::Method
            },
            "{method}"
        );
    }
    assert_eq!(
        ask(get(&fields).with_body(true)),
        Reuse::MustNot {
            why: CacheReason::RequestBody
        }
    );
    for (name, expected) in [
        ("If-Match", CacheReason::OriginCondition),
        ("If-Unmodified-Since", CacheReason::OriginCondition),
        ("X-HTTP-Method-Override", CacheReason::MethodOverride),
    ] {
        let reuse = later_for(&head, 0, &[(name, "x")]);
        assert_eq!(reuse, Reuse::MustNot { why: expected }, "{name}");
    }
}
