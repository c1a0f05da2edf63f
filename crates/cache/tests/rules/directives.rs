//! RFC 9111, 5.2: directives of responses in every spelling.

use super::*;

#[test]
fn lifetimes_are_read_in_every_allowed_spelling() {
    for value in [
        "max-age=3600",
        "max-age=\"3600\"",
        "MaX-aGe=3600",
        "max-age=003600",
        "foobar, max-age=3600",
        "foobar=\"a, b=c\", max-age=3600",
        " max-age=3600 , ",
        ",,max-age=3600,,",
        "max-age=3600,max-age=1",
        "max-age=2147483647",
        "max-age=2147483648",
        "max-age=2147483649",
        "max-age=99999999999",
        "max-age=99999999999999999999999999999999",
        "extension=\"no-store\", max-age=3600",
        "extension=\"\\\"no-store\", max-age=3600",
    ] {
        assert!(hit(&private(), 3, &[("Cache-Control", value)]), "{value}");
    }
}

#[test]
fn a_lifetime_that_is_no_number_is_stale() {
    for value in [
        "max-age=-3600",
        "max-age=+3600",
        "max-age='3600'",
        "max-age=3600.0",
        "max-age=3600.5",
        "max-age=a3600",
        "max-age=3600a",
        "max-age=0x10",
        "max-age=",
        "max-age",
        "max-age=\"\"",
        "max-age=\"3600",
        "max-age=3600\"",
        "max-age=\"3600\"x",
        "max-age =3600",
        "max-age= 3600",
        "max-age = 3600",
        "max-age:3600",
        "max-age=3600 public",
        "max-age=3600;public",
        "max-age=0",
        "max-age=1, max-age=3600",
        "extension=\"max-age=3600\", max-age=1",
        "max-age=1, extension=\"max-age=3600\"",
        "x-max-age=3600",
        "max-ages=3600",
    ] {
        let fields = [("Cache-Control", value), ("ETag", "\"a\"")];
        let head = stored(&private(), &fields).expect(value);
        assert!(!is_fresh(later(&head, 3)), "{value}");
    }
}

#[test]
fn an_invalid_lifetime_is_not_replaced_by_expires() {
    let expires = date(5000);
    let fields = [("Cache-Control", "max-age=soon"), ("Expires", &expires)];
    assert!(!hit(&private(), 3, &fields));
}

#[test]
fn several_lines_are_one_list() {
    let fields = [("cache-control", "public"), ("CACHE-CONTROL", "max-age=9")];
    assert!(hit(&shared(), 3, &fields));
    let fields = [
        ("Cache-Control", "max-age=9"),
        ("Cache-Control", "max-age=1"),
    ];
    assert!(hit(&private(), 3, &fields), "the first counts");
    let fields = [
        ("Cache-Control", "max-age=1"),
        ("Cache-Control", "max-age=9"),
    ];
    assert!(!hit(&private(), 3, &fields), "the first counts");
}

#[test]
fn no_store_is_obeyed_in_every_spelling() {
    for value in [
        "no-store",
        "No-StOrE",
        "max-age=10000, no-store",
        "no-store,max-age=10000",
        "no-store=1, max-age=10000",
        "no-store=\"a\", max-age=10000",
        "no-store =1, max-age=10000",
        " no-store\t, max-age=10000",
        "foo=\"bar, no-store, max-age=10000",
        "max-age=10000, foo=\", no-store",
        "public, no-store, max-age=10000, s-maxage=10000",
    ] {
        for policy in [private(), shared()] {
            let expires = date(10000);
            let fields = [("Cache-Control", value), ("Expires", &expires)];
            assert_eq!(
                stored(&policy, &fields),
                Err(CacheReason::ResponseNoStore),
                "{value}"
            );
        }
    }
}

#[test]
fn private_is_for_private_caches_only() {
    for value in [
        "private, max-age=3600",
        "max-age=3600, PRIVATE",
        "private=\"\", max-age=3600",
    ] {
        let fields = [("Cache-Control", value)];
        assert_eq!(
            stored(&shared(), &fields),
            Err(CacheReason::Private),
            "{value}"
        );
        assert!(hit(&private(), 3, &fields), "{value}");
    }
}

#[test]
fn no_cache_is_stored_and_always_validated() {
    for value in [
        "no-cache",
        "No-CaChE, max-age=10000",
        "max-age=10000, no-cache=\"\"",
    ] {
        let head = stored(&private(), &[("Cache-Control", value), ("ETag", "\"a\"")]);
        let reuse = later(&head.expect(value), 0);
        let expected = Reuse::Validate {
            why: CacheReason::NoCache,
            on_error: privet_cache::OnError::Never,
        };
        assert_eq!(reuse, expected, "{value}");
    }
    // Without a validator it could never be used.
    let fields = [("Cache-Control", "no-cache, max-age=10")];
    assert_eq!(stored(&private(), &fields), Err(CacheReason::NoLifetime));
}

#[test]
fn fields_that_no_cache_or_private_name_are_not_kept() {
    let names = |policy: &Policy, control: &str| {
        let fields = [
            ("Cache-Control", control),
            ("Cache-Control", "max-age=3600"),
            ("A", "1"),
            ("b", "2"),
            ("C", "3"),
        ];
        let head = stored(policy, &fields).expect(control);
        assert!(is_fresh(later(&head, 3)), "{control}");
        let kept = |name: &&str| head.get(name).is_some();
        ["a", "b", "c"].into_iter().filter(kept).collect::<String>()
    };
    assert_eq!(names(&private(), "no-cache=\"a\""), "bc");
    assert_eq!(names(&private(), "no-cache=\"a, B\""), "c");
    assert_eq!(names(&private(), "no-cache=a"), "bc");
    assert_eq!(names(&private(), "private=\"a\""), "abc");
    assert_eq!(names(&shared(), "private=\"a\", no-cache=\"c\""), "b");
}

#[test]
fn what_allows_something_is_read_strictly() {
    let credentials = [("Authorization", "Basic eA==")];
    for value in [
        "public=1, max-age=60",
        "public=\"a\", max-age=60",
        "publics, max-age=60",
    ] {
        let fields = [("Cache-Control", value)];
        let result = stored_as(&shared(), &credentials, 200, &fields);
        assert_eq!(result, Err(CacheReason::Authorization), "{value}");
    }
}
