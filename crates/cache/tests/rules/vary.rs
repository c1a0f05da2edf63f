//! RFC 9111, 4.1: secondary keys.

use privet_cache::rules::vary::{MAX_NAMES, matches, select};

use super::*;

fn variant(request: &[Line<'_>], vary: &str, seconds: i64) -> StoredHead {
    let day = date(seconds);
    let fields = [
        ("Cache-Control", "max-age=5000"),
        ("Vary", vary),
        ("Date", &day),
    ];
    stored_as(&private(), request, 200, &fields).expect(vary)
}

fn selected(head: &StoredHead, request: &[Line<'_>]) -> bool {
    matches(&get(&request), head)
}

#[test]
fn named_fields_have_to_match() {
    let one = variant(&[("Foo", "1"), ("Other", "2")], "Foo", 0);
    assert!(selected(&one, &[("Foo", "1")]));
    assert!(selected(&one, &[("foo", "1"), ("Other", "3")]));
    assert!(!selected(&one, &[("Foo", "2")]));
    assert!(!selected(&one, &[]));
    assert!(!selected(&one, &[("Foo", "")]));
    let absent = variant(&[], "foo", 0);
    assert!(selected(&absent, &[]));
    assert!(!selected(&absent, &[("Foo", "1")]));
    assert!(!selected(&absent, &[("Foo", "")]), "empty is not absent");
    let empty = variant(&[("Foo", "")], "Foo", 0);
    assert!(selected(&empty, &[("Foo", "")]) && !selected(&empty, &[]));
}

#[test]
fn all_of_several_fields_have_to_match() {
    let request = [("Foo", "1"), ("Bar", "abc"), ("Baz", "789")];
    for vary in ["Foo, Bar, Baz", "baz,FOO ,\tbar", "Foo, Foo, Bar, Baz, ,"] {
        let head = variant(&request, vary, 0);
        assert!(selected(&head, &request), "{vary}");
        assert!(
            selected(&head, &[request[2], request[0], request[1]]),
            "{vary}"
        );
        assert!(
            !selected(&head, &[request[0], request[2], ("Bar", "abcde")]),
            "{vary}"
        );
        assert!(!selected(&head, &request[..2]), "{vary}");
        assert!(!selected(&head, &[]), "{vary}");
    }
    let omitted = variant(&[request[0], request[2]], "Foo, Bar, Baz", 0);
    assert!(selected(&omitted, &[request[0], request[2]]));
    assert!(!selected(&omitted, &request));
    let day = date(0);
    let lines = [
        ("Cache-Control", "max-age=9"),
        ("Vary", "Foo"),
        ("Vary", "Bar"),
        ("Date", &day),
    ];
    let head = stored_as(&private(), &request, 200, &lines).expect("stored");
    assert!(!selected(&head, &[request[0]]), "both lines count");
}

#[test]
fn vary_star_is_not_stored() {
    for vary in ["*", "*, *", ", *", "*, Foo", "Foo, *", "Foo,*"] {
        let fields = [("Cache-Control", "max-age=9"), ("Vary", vary)];
        assert_eq!(
            stored(&private(), &fields),
            Err(CacheReason::VaryStar),
            "{vary}"
        );
    }
    let fields = [("Cache-Control", "max-age=9"), ("Vary", ""), ("Vary", "*")];
    assert_eq!(stored(&private(), &fields), Err(CacheReason::VaryStar));
}

#[test]
fn spaces_lines_case_and_order_where_they_say_nothing() {
    for (name, one, other) in [
        ("Foo", &["1,2"][..], &[" 1, 2 "][..]),
        ("Foo", &["1, 2"], &["1", "2"]),
        ("Accept-Language", &["en, de"], &["de, en"]),
        ("Accept-Language", &["en, de"], &["eN, De"]),
        ("Accept-Language", &["en, de"], &[" en ,   de"]),
        (
            "Accept-Language",
            &["en;q=1, de;q=0.5"],
            &["de; q=0.5", "en"],
        ),
        ("Accept-Encoding", &["gzip, br"], &["br,GZIP;q=1.0"]),
        ("Cookie", &["a=b; c=d"], &["a=b", "c=d"]),
    ] {
        let lines = |values: &[&'static str]| {
            values
                .iter()
                .map(|value| (name, *value))
                .collect::<Vec<_>>()
        };
        let head = variant(&lines(one), name, 0);
        assert!(
            selected(&head, &lines(other)),
            "{name}: {one:?} and {other:?}"
        );
    }
    for (name, one, other) in [
        ("Foo", "a", "A"),
        ("Foo", "1,2", "2,1"),
        ("Foo", "12", "1 2"),
        ("Foo", "\"a, b\"", "\"a,b\""),
        ("Accept-Language", "en;q=0.5", "en;q=0.6"),
        ("Accept-Encoding", "gzip", "gzip;q=0"),
        ("User-Agent", "a (b, c)", "a (b,c)"),
        ("Cookie", "a=b,c", "a=b, c"),
        ("Accept", "text/html;level=1", "text/html"),
    ] {
        let head = variant(&[(name, one)], name, 0);
        assert!(
            !selected(&head, &[(name, other)]),
            "{name}: {one} and {other}"
        );
    }
}

#[test]
fn the_language_preferred_to_all_others_is_the_stored_one() {
    let fields = |language: &'static str| {
        let fields = [
            ("Cache-Control", "max-age=9"),
            ("Vary", "Accept-Language"),
            ("Content-Language", language),
        ];
        stored_as(&private(), &[("Accept-Language", "en, de")], 200, &fields).expect("stored")
    };
    let accepts = |head: &StoredHead, value: &str| selected(head, &[("Accept-Language", value)]);
    let german = fields("de");
    assert!(accepts(&german, "fr;q=0.5, de;q=1.0"));
    assert!(accepts(&german, "DE"));
    assert!(!accepts(&german, "fr, de"), "either could be sent");
    assert!(!accepts(&german, "fr;q=0.9, de;q=0.8"));
    assert!(!accepts(&german, "de-CH, de;q=0.5"));
    assert!(!accepts(&german, "*"));
    assert!(!accepts(&german, "de;q=0"));
    assert!(!selected(&german, &[]), "absent is not a preference");
    assert!(!accepts(&fields("de, en"), "de"));
}

#[test]
fn of_several_variants_the_most_recent_is_selected() {
    let foo = |value: &'static str, seconds| variant(&[("Foo", value)], "Foo", seconds);
    let variants = [foo("1", -10), foo("2", 0), foo("1", -5), foo("1", -20)];
    let chosen = |request: &[Line<'_>]| select(&get(&request), variants.iter());
    assert_eq!(chosen(&[("Foo", "1")]), Some(2));
    assert_eq!(chosen(&[("Foo", "2")]), Some(1));
    assert_eq!(chosen(&[("Foo", "3")]), None);
    // Some responses of the same URL may have no Vary.
    let day = date(-7);
    let plain = stored(
        &private(),
        &[("Cache-Control", "max-age=9"), ("Date", &day)],
    )
    .expect("stored");
    let mixed = [foo("1", -10), plain];
    let chosen = |request: &[Line<'_>]| select(&get(&request), mixed.iter());
    assert_eq!(chosen(&[("Foo", "1")]), Some(1));
    assert_eq!(chosen(&[]), Some(1));
}

#[test]
fn the_fields_as_sent_to_the_origin_count() {
    let client: &[Line<'_>] = &[("Accept-Language", "fi")];
    let sent: &[Line<'_>] = &[("Accept-Language", "en")];
    let fields: &[Line<'_>] = &[("Cache-Control", "max-age=9"), ("Vary", "Accept-Language")];
    let response = Response {
        status: 200,
        fields: &fields,
        body_len: None,
    };
    let request = get(&client).with_sent(&sent);
    let head = store(&request, &response, NOW, NOW, &private()).expect("stored");
    assert!(matches(&get(&sent), &head) && !matches(&get(&client), &head));
}

#[test]
fn what_is_no_name_of_a_field_is_not_stored() {
    for vary in [
        "foo:1",
        "foo bar",
        "foo, b\u{e9}r",
        "\"foo\"",
        "foo=1",
        "(foo)",
    ] {
        let fields = [("Cache-Control", "max-age=9"), ("Vary", vary)];
        assert_eq!(
            stored(&private(), &fields),
            Err(CacheReason::BadField),
            "{vary}"
        );
    }
}

#[test]
fn too_many_or_too_long_fields_are_not_stored() {
    let many: Vec<String> = (0..=MAX_NAMES).map(|index| format!("f{index}")).collect();
    let fields = [("Cache-Control", "max-age=9"), ("Vary", &*many.join(","))];
    assert_eq!(stored(&private(), &fields), Err(CacheReason::VaryTooLong));
    let long = "x".repeat(10_000);
    let fields = [("Cache-Control", "max-age=9"), ("Vary", "foo")];
    let kept = stored_as(&private(), &[("Foo", &long)], 200, &fields);
    assert_eq!(kept, Err(CacheReason::VaryTooLong));
}
