//! RFC 9111, 4.2.4, and RFC 5861: when a stale response may be sent.

use privet_cache::OnError;

use super::*;

fn on_error(policy: &Policy, control: &str, seconds: i64, request: &[Line<'_>]) -> OnError {
    let head = stored(policy, &[("Cache-Control", control), ("ETag", "\"a\"")]).expect(control);
    match later_for(&head, seconds, request) {
        Reuse::Validate { on_error, .. } => on_error,
        other => panic!("{control}: {other:?}"),
    }
}

#[test]
fn directives_that_forbid_stale_responses() {
    for control in [
        "max-age=2, must-revalidate",
        "max-age=2, no-cache",
        "no-cache",
    ] {
        for policy in [private(), shared()] {
            assert_eq!(
                on_error(&policy, control, 5, &[]),
                OnError::Never,
                "{control}"
            );
        }
    }
    for control in ["max-age=2, proxy-revalidate", "max-age=2, s-maxage=2"] {
        assert_eq!(
            on_error(&shared(), control, 5, &[]),
            OnError::Never,
            "{control}"
        );
        let own = on_error(&private(), control, 5, &[]);
        assert_eq!(own, OnError::ByPolicy { age: 5 }, "{control}");
    }
    // They also forbid what RFC 5861 allows.
    let control = "max-age=2, must-revalidate, stale-if-error=60, stale-while-revalidate=60";
    assert_eq!(on_error(&private(), control, 5, &[]), OnError::Never);
}

#[test]
fn without_directives_it_is_the_caches_own_policy() {
    assert_eq!(
        on_error(&shared(), "max-age=2", 5, &[]),
        OnError::ByPolicy { age: 5 }
    );
}

#[test]
fn a_reload_gets_a_stale_response_without_a_network_only() {
    for control in ["no-cache", "max-age=0", "min-fresh=60"] {
        let wants = [("Cache-Control", control)];
        let own = on_error(&shared(), "max-age=2", 5, &wants);
        assert_eq!(own, OnError::Offline { age: 5 }, "{control}");
    }
    // A fresh response that the client wants validated.
    let wants = [("Cache-Control", "no-cache")];
    assert_eq!(
        on_error(&shared(), "max-age=20", 5, &wants),
        OnError::Offline { age: 5 }
    );
    let stale = |wanted| on_error(&shared(), "max-age=2", 5, &[("Cache-Control", wanted)]);
    assert_eq!(stale("max-stale=2"), OnError::Offline { age: 5 });
    let strict = on_error(&shared(), "max-age=20, must-revalidate", 5, &wants);
    assert_eq!(
        strict,
        OnError::Offline { age: 5 },
        "must-revalidate is about stale ones"
    );
}

#[test]
fn stale_if_error_is_a_limit() {
    let control = "max-age=2, stale-if-error=60";
    assert_eq!(
        on_error(&private(), control, 62, &[]),
        OnError::Allowed { age: 62 }
    );
    assert_eq!(on_error(&private(), control, 63, &[]), OnError::Never);
    assert_eq!(
        on_error(&private(), "max-age=2, stale-if-error=x", 3, &[]),
        OnError::Never
    );
    // The request may allow it too.
    let allows = [("Cache-Control", "stale-if-error=10")];
    assert_eq!(
        on_error(&private(), "max-age=2", 12, &allows),
        OnError::Allowed { age: 12 }
    );
    assert_eq!(
        on_error(&private(), "max-age=2", 13, &allows),
        OnError::Never
    );
    assert_eq!(
        on_error(&private(), control, 62, &allows),
        OnError::Allowed { age: 62 }
    );
}

#[test]
fn stale_while_revalidate_answers_for_its_time() {
    let fields = [("Cache-Control", "max-age=2, stale-while-revalidate=60")];
    let head = stored(&private(), &fields).expect("stored");
    assert!(is_fresh(later(&head, 1)));
    assert_eq!(
        later(&head, 2),
        Reuse::StaleWhileRevalidate { age: 2, stale: 0 }
    );
    assert_eq!(
        later(&head, 62),
        Reuse::StaleWhileRevalidate { age: 62, stale: 60 }
    );
    assert!(matches!(later(&head, 63), Reuse::Validate { .. }));
    for limit in ["max-age=30", "min-fresh=1", "max-stale=7"] {
        let limited = later_for(&head, 10, &[("Cache-Control", limit)]);
        assert!(matches!(limited, Reuse::Validate { .. }), "{limit}");
    }
    let accepted = later_for(&head, 10, &[("Cache-Control", "max-stale=8")]);
    assert_eq!(accepted, Reuse::StaleAccepted { age: 10, stale: 8 });
    let fields = [("Cache-Control", "max-age=0, stale-while-revalidate=60")];
    assert!(
        stored(&private(), &fields).is_ok(),
        "it is useful without a validator"
    );
    for forbidden in ["must-revalidate", "no-cache"] {
        let control = format!("max-age=2, stale-while-revalidate=60, {forbidden}");
        let head = stored(
            &private(),
            &[("Cache-Control", &control), ("ETag", "\"a\"")],
        );
        assert!(
            matches!(later(&head.expect("stored"), 5), Reuse::Validate { .. }),
            "{control}"
        );
    }
}

#[test]
fn statuses_that_count_as_failures() {
    use privet_cache::rules::validation::is_failure;
    let failures: Vec<u16> = (100..600).filter(|status| is_failure(*status)).collect();
    assert_eq!(failures, [500, 502, 503, 504]);
}

#[test]
fn an_invalidated_response_is_validated() {
    let expected = Reuse::Validate {
        why: CacheReason::Invalidated,
        on_error: OnError::Never,
    };
    assert_eq!(reuse::invalidated(), expected);
}
