//! RFC 9110, 13, and RFC 9111, 4.3.2: conditions of clients answered from the store.

use privet_cache::rules::answer::{Answer, answer, status, write_lines};
use privet_cache::rules::range::ByteRange;

use super::*;

fn with(fields: &[Line<'_>]) -> StoredHead {
    let day = date(0);
    let mut all = vec![("Cache-Control", "max-age=100000"), ("Date", &day)];
    all.extend_from_slice(fields);
    stored(&private(), &all).expect("stored")
}

fn ask(head: &StoredHead, request: &[Line<'_>]) -> Answer {
    answer(&get(&request), head, Some(10))
}

fn same(head: &StoredHead, request: &[Line<'_>]) -> bool {
    ask(head, request) == Answer::NotModified
}

#[test]
fn if_none_match_compares_weakly() {
    for (tag, asked, expected) in [
        ("\"abcdef\"", "\"abcdef\"", true),
        ("\"abcdef\"", "\"abcdef\", \"1234\", \"5678\"", true),
        ("\"abcdef\"", "\"1234\",\"abcdef\" ,\"5678\"", true),
        ("\"abcdef\"", "\"1234\", \"5678\", \"abcdef\"", true),
        ("\"abcdef\"", "W/\"abcdef\"", true),
        ("W/\"abcdef\"", "W/\"abcdef\"", true),
        ("W/\"abcdef\"", "\"abcdef\"", true),
        ("\"a,b\"", "\"1\", \"a,b\"", true),
        ("\"abcdef\u{fc}\"", "\"abcdef\u{fc}\"", true),
        ("abcdef", "abcdef", true),
        ("\"abcdef\"", "*", true),
        ("\"abcdef\"", "abcdef", false),
        ("abcdef", "\"abcdef\"", false),
        ("\"abcdef\"", "\"abcdeF\"", false),
        ("\"abcdef\"", "\"abc\", \"def\"", false),
        ("W/\"abcdef\"", "w/\"abcdef\"", false),
        ("\"abcdef\"", "", false),
    ] {
        let head = with(&[("ETag", tag)]);
        assert_eq!(
            same(&head, &[("If-None-Match", asked)]),
            expected,
            "{tag}: {asked}"
        );
    }
    let head = with(&[("ETag", "\"b\"")]);
    assert!(same(
        &head,
        &[("If-None-Match", "\"a\""), ("If-None-Match", "\"b\"")]
    ));
    assert!(same(&with(&[]), &[("If-None-Match", "*")]));
    assert!(!same(&with(&[]), &[("If-None-Match", "\"a\"")]));
}

#[test]
fn if_none_match_takes_precedence() {
    let (old, new) = (date(-5000), date(-1));
    let head = with(&[("ETag", "\"abcdef\""), ("Last-Modified", &old)]);
    assert!(same(
        &head,
        &[("If-None-Match", "\"abcdef\""), ("If-Modified-Since", "x")]
    ));
    assert!(!same(
        &head,
        &[("If-None-Match", "\"x\""), ("If-Modified-Since", &new)]
    ));
}

#[test]
fn if_modified_since_compares_dates() {
    let (older, modified, newer) = (date(-3001), date(-3000), date(-2000));
    let head = with(&[("Last-Modified", &modified)]);
    assert!(same(&head, &[("If-Modified-Since", &modified)]));
    assert!(same(&head, &[("If-Modified-Since", &newer)]));
    assert!(!same(&head, &[("If-Modified-Since", &older)]));
    assert!(!same(&head, &[("If-Modified-Since", "0")]));
    assert!(!same(
        &head,
        &[("If-Modified-Since", &newer), ("If-Modified-Since", &newer)]
    ));
    // Fri, 15 Jan 2027 07:10:00 GMT, in the older forms.
    assert!(same(
        &head,
        &[("If-Modified-Since", "Friday, 15-Jan-27 07:10:00 GMT")]
    ));
    assert!(same(
        &head,
        &[("If-Modified-Since", "Fri Jan 15 07:10:00 2027")]
    ));
    // Without Last-Modified, Date takes its place.
    let now = date(0);
    assert!(same(&with(&[]), &[("If-Modified-Since", &now)]));
    assert!(!same(&with(&[]), &[("If-Modified-Since", &newer)]));
}

#[test]
fn conditions_apply_to_successful_responses_only() {
    let fields = [("Cache-Control", "max-age=9"), ("ETag", "\"a\"")];
    let asked: &[Line<'_>] = &[("If-None-Match", "\"a\"")];
    for (code, expected) in [
        (200, true),
        (203, true),
        (404, false),
        (301, false),
        (500, false),
    ] {
        let head = stored_as(&private(), &[], code, &fields).expect("stored");
        assert_eq!(ask(&head, asked) == Answer::NotModified, expected, "{code}");
    }
    let head = with(&[("ETag", "\"a\"")]);
    let by_head = Request::new(b"HEAD", TARGET, &asked);
    assert_eq!(answer(&by_head, &head, Some(10)), Answer::NotModified);
}

#[test]
fn ranges_are_answered_from_a_stored_whole() {
    let head = with(&[("ETag", "\"a\"")]);
    let part = |first, last| Answer::Partial(vec![ByteRange { first, last }]);
    let range = |value| ask(&head, &[("Range", value)]);
    assert_eq!(range("bytes=0-1"), part(0, 1));
    assert_eq!(range("bytes=1-"), part(1, 9));
    assert_eq!(range("bytes=-1"), part(9, 9));
    assert_eq!(range("bytes=10-"), Answer::RangeNotSatisfiable);
    assert_eq!(range("lines=0-1"), Answer::Whole);
    assert_eq!(range("bytes=1-0"), Answer::Whole);
    let asked: &[Line<'_>] = &[("Range", "bytes=0-1")];
    assert_eq!(
        answer(&get(&asked), &head, None),
        Answer::Whole,
        "the length is not known yet"
    );
    assert_eq!(
        answer(&Request::new(b"HEAD", TARGET, &asked), &head, Some(10)),
        Answer::Whole
    );
    let twice = [("Range", "bytes=0-1"), ("Range", "bytes=2-3")];
    assert_eq!(ask(&head, &twice), Answer::Whole);
    let missing = stored_as(&private(), &[], 404, &[("Cache-Control", "max-age=9")]);
    assert_eq!(ask(&missing.expect("stored"), asked), Answer::Whole);
    // Conditions come first.
    assert!(same(&head, &[asked[0], ("If-None-Match", "\"a\"")]));
}

#[test]
fn if_range_needs_the_same_strong_validator() {
    let (old, now) = (date(-100), date(0));
    for (validator, asked, expected) in [
        (("ETag", "\"a\""), "\"a\"", true),
        (("ETag", "\"a\""), "\"b\"", false),
        (("ETag", "W/\"a\""), "W/\"a\"", false),
        (("ETag", "\"a\""), "W/\"a\"", false),
        (("ETag", "\"a\""), old.as_str(), false),
        (("Last-Modified", old.as_str()), old.as_str(), true),
        (("Last-Modified", old.as_str()), now.as_str(), false),
        (("Last-Modified", now.as_str()), now.as_str(), false),
        (("X", "y"), "\"a\"", false),
        (("X", "y"), "nonsense", false),
    ] {
        let head = with(&[validator]);
        let answer = ask(&head, &[("Range", "bytes=0-1"), ("If-Range", asked)]);
        assert_eq!(answer != Answer::Whole, expected, "{validator:?}: {asked}");
    }
}

fn lines(head: &StoredHead, answer: &Answer) -> Vec<(String, String)> {
    let mut out = Vec::new();
    write_lines(&mut out, head, answer, Some(10), 7, None);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    privet_cache::FieldLines(&out)
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

#[test]
fn answers_have_the_stored_fields_and_an_age() {
    let head = with(&[
        ("ETag", "\"a\""),
        ("Content-Type", "text/plain"),
        ("X", "1"),
    ]);
    let names = |answer: &Answer| {
        lines(&head, answer)
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    let whole = names(&Answer::Whole);
    assert_eq!(
        whole,
        ["Cache-Control", "Date", "ETag", "Content-Type", "X", "Age"]
    );
    assert!(lines(&head, &Answer::Whole).contains(&("Age".to_owned(), "7".to_owned())));
    let part = Answer::Partial(vec![ByteRange { first: 2, last: 4 }]);
    let range = ("Content-Range".to_owned(), "bytes 2-4/10".to_owned());
    assert!(lines(&head, &part).contains(&range));
    let none = lines(&head, &Answer::RangeNotSatisfiable);
    assert!(none.contains(&("Content-Range".to_owned(), "bytes */10".to_owned())));
    assert_eq!(
        [200, 206, 416, 304],
        [
            status(&head, &Answer::Whole),
            status(&head, &part),
            status(&head, &Answer::RangeNotSatisfiable),
            status(&head, &Answer::NotModified),
        ]
    );
}

#[test]
fn a_304_has_the_fields_that_guide_caches() {
    let modified = date(-9);
    let head = with(&[
        ("ETag", "\"a\""),
        ("Last-Modified", &modified),
        ("Vary", "Foo"),
        ("Expires", &modified),
        ("Content-Location", "/x"),
        ("Content-Type", "text/plain"),
        ("Content-Encoding", "br"),
        ("Content-Language", "de"),
        ("Set-Cookie", "a=b"),
    ]);
    let names: Vec<_> = lines(&head, &Answer::NotModified)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "Cache-Control",
            "Date",
            "ETag",
            "Vary",
            "Expires",
            "Content-Location",
            "Set-Cookie",
            "Age"
        ]
    );
    let head = with(&[("Last-Modified", &modified)]);
    let names: Vec<_> = lines(&head, &Answer::NotModified)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        names.contains(&"Last-Modified".to_owned()),
        "it is the only validator"
    );
}
