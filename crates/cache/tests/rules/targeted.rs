//! RFC 9213: targeted fields.

use super::*;

fn fresh(fields: &[Line<'_>]) -> bool {
    hit(&Policy::site(), 3, fields)
}

#[test]
fn a_targeted_field_replaces_cache_control_and_expires() {
    let (past, future) = (date(-10_000), date(10_000));
    for (value, other, expected) in [
        ("max-age=3600", vec![], true),
        ("max-age=2147483648", vec![], true),
        ("max-age=99999999999", vec![], true),
        ("foobar, max-age=3600", vec![], true),
        ("max-age=3600;a=b", vec![], true),
        ("max-age=3600", vec![("Expires", past.as_str())], true),
        ("max-age=3600", vec![("Expires", "0")], true),
        ("max-age=3600", vec![("Cache-Control", "max-age=1")], true),
        ("max-age=3600", vec![("Cache-Control", "no-store")], true),
        ("max-age=3600", vec![("Cache-Control", "private")], true),
        ("max-age=1", vec![("Cache-Control", "max-age=3600")], false),
        ("max-age=0", vec![("Expires", future.as_str())], false),
        (
            "foobar",
            vec![("Cache-Control", "max-age=3600"), ("Expires", &future)],
            false,
        ),
        ("private", vec![("Cache-Control", "max-age=3600")], false),
        ("no-cache", vec![("Cache-Control", "max-age=3600")], false),
        ("no-store", vec![("Cache-Control", "max-age=3600")], false),
        ("no-store=?0, max-age=60", vec![], true),
        ("no-cache=?0, max-age=60", vec![], true),
        ("max-age=3600", vec![("Age", "7200")], false),
        ("s-maxage=3600, max-age=1", vec![], true),
    ] {
        let mut fields = vec![("CDN-Cache-Control", value), ("ETag", "\"a\"")];
        fields.extend(other);
        assert_eq!(fresh(&fields), expected, "{fields:?}");
    }
}

#[test]
fn an_invalid_or_empty_field_is_ignored() {
    for value in [
        "",
        "max-age=10000, &&&&&",
        "MaX-aGe=3600",
        "max-age =100",
        "max-age= 100",
        "max-age=100,",
        "max-age='100'",
    ] {
        let fields = [
            ("CDN-Cache-Control", value),
            ("Cache-Control", "max-age=60"),
        ];
        assert!(fresh(&fields), "{value}");
        let fields = [("CDN-Cache-Control", value), ("Cache-Control", "no-store")];
        assert_eq!(
            stored(&Policy::site(), &fields),
            Err(CacheReason::ResponseNoStore),
            "{value}"
        );
    }
}

#[test]
fn a_value_of_another_type_is_no_lifetime() {
    for value in [
        "max-age=\"10000\"",
        "max-age=10.5",
        "max-age=abc",
        "max-age",
        "max-age=-5",
        "max-age=(1 2)",
        "max-age=:aGk=:",
    ] {
        let fields = [("CDN-Cache-Control", value), ("Cache-Control", "no-store")];
        assert!(!fresh(&fields), "{value}");
    }
}

#[test]
fn the_last_of_two_values_and_all_lines_count() {
    assert!(fresh(&[("CDN-Cache-Control", "max-age=1, max-age=60")]));
    let lines = [
        ("CDN-Cache-Control", "public"),
        ("cdn-cache-control", "max-age=60"),
    ];
    assert!(fresh(&lines));
}

#[test]
fn fields_that_it_names_are_not_kept() {
    let fields = [
        (
            "CDN-Cache-Control",
            "max-age=60, no-cache=\"a\", private=\"b\"",
        ),
        ("A", "1"),
        ("B", "2"),
        ("C", "3"),
    ];
    let head = stored(&Policy::site(), &fields).expect("stored");
    assert_eq!(
        (head.get("a"), head.get("b"), head.get("c")),
        (None, None, Some(&b"3"[..]))
    );
    assert!(
        head.get("cdn-cache-control").is_some(),
        "the field itself is passed on"
    );
}

#[test]
fn surrogate_control_is_written_as_cache_control() {
    for (value, expected) in [
        ("max-age=3600", true),
        ("MaX-aGe=3600", true),
        ("foobar, max-age=99999999999", true),
        ("max-age=0", false),
        ("no-store", false),
        ("max-age=3600;other", false),
        ("max-age=3600;other;privet", true),
        ("max-age=3600; Privet", true),
        ("no-store;privet, max-age=3600", false),
        ("max-age=3600, max-age=0;other, no-store;other", true),
        ("content=\"ESI/1.0\", max-age=3600", true),
        ("content=\"ESI/1.0\"", false),
    ] {
        let fields = [("Surrogate-Control", value), ("Cache-Control", "max-age=1")];
        assert_eq!(fresh(&fields), expected, "{value}");
    }
    let fields = [("Surrogate-Control", "max-age=2+60"), ("ETag", "\"a\"")];
    let head = stored(&Policy::site(), &fields).expect("stored");
    assert!(is_fresh(later(&head, 1)));
    assert!(matches!(
        later(&head, 30),
        Reuse::StaleWhileRevalidate { .. }
    ));
    let fields = [
        ("Surrogate-Control", "max-age=60"),
        ("Cache-Control", "no-store"),
    ];
    assert!(fresh(&fields));
    assert_eq!(
        stored(&shared(), &fields),
        Err(CacheReason::ResponseNoStore)
    );
}

#[test]
fn only_the_target_obeys_and_the_most_specific_first() {
    let fields = [
        ("CDN-Cache-Control", "max-age=3600"),
        ("Cache-Control", "no-store"),
    ];
    assert_eq!(
        stored(&shared(), &fields),
        Err(CacheReason::ResponseNoStore)
    );
    let policy = Policy {
        targeted: vec![
            "privet-cache-control".to_owned(),
            "cdn-cache-control".to_owned(),
        ],
        ..Policy::site()
    };
    let own = [
        ("CDN-Cache-Control", "max-age=1"),
        ("Privet-Cache-Control", "max-age=60"),
    ];
    assert!(hit(&policy, 3, &own));
    let empty = [
        ("CDN-Cache-Control", "max-age=60"),
        ("Privet-Cache-Control", ""),
    ];
    assert!(hit(&policy, 3, &empty), "an empty field is passed over");
}
