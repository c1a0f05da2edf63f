//! RFC 9111, 3.2, 4.3.1, 4.3.4 and 4.3.5: asking the origin and merging its answer.

use privet_cache::rules::validation::{
    HeadUpdate, Merged, NamedEntries, head_update, identifies, merge, write_conditions,
    write_if_range,
};

use super::*;

fn text(write: impl FnOnce(&mut Vec<u8>) -> bool) -> (bool, String) {
    let mut out = Vec::new();
    let wrote = write(&mut out);
    (wrote, String::from_utf8(out).expect("ASCII"))
}

fn with(fields: &[Line<'_>]) -> StoredHead {
    let mut all = vec![("Cache-Control", "max-age=2, stale-if-error=9")];
    all.extend_from_slice(fields);
    stored(&private(), &all).expect("stored")
}

#[test]
fn conditions_name_what_is_stored() {
    let modified = date(-100);
    let conditions = |fields: &[Line<'_>]| text(|out| write_conditions(out, &[&with(fields)]));
    let tag = "If-None-Match: \"a\"\r\n".to_owned();
    let since = format!("If-Modified-Since: {modified}\r\n");
    assert_eq!(conditions(&[("ETag", "\"a\"")]), (true, tag.clone()));
    assert_eq!(
        conditions(&[("ETag", "W/\"a\"")]),
        (true, "If-None-Match: W/\"a\"\r\n".to_owned())
    );
    assert_eq!(
        conditions(&[("Last-Modified", &modified)]),
        (true, since.clone())
    );
    assert_eq!(
        conditions(&[("Last-Modified", &modified), ("ETag", "\"a\"")]),
        (true, tag + &since)
    );
    assert_eq!(conditions(&[]), (false, String::new()));
    assert_eq!(
        conditions(&[("Last-Modified", "yesterday")]),
        (false, String::new())
    );
}

#[test]
fn conditions_for_several_variants_name_all_tags() {
    let modified = date(-100);
    let one = with(&[("ETag", "\"a\""), ("Last-Modified", &modified)]);
    let other = with(&[("ETag", "W/\"b\"")]);
    let bare = with(&[("Last-Modified", &modified)]);
    let (conditional, lines) = text(|out| write_conditions(out, &[&one, &other, &bare, &one]));
    assert!(conditional);
    assert_eq!(lines, "If-None-Match: \"a\", W/\"b\"\r\n");
}

#[test]
fn if_range_needs_a_strong_validator() {
    let (old, now) = (date(-100), date(0));
    let line = |fields: &[Line<'_>]| text(|out| write_if_range(out, &with(fields)));
    assert_eq!(line(&[("ETag", "\"a\"")]).1, "If-Range: \"a\"\r\n");
    assert_eq!(
        line(&[("Last-Modified", &old)]).1,
        format!("If-Range: {old}\r\n")
    );
    assert!(!line(&[("ETag", "W/\"a\"")]).0);
    assert!(!line(&[("ETag", "W/\"a\""), ("Last-Modified", &old)]).0);
    assert!(!line(&[("Last-Modified", &now)]).0);
    assert!(!line(&[]).0);
}

#[test]
fn a_304_is_about_the_variant_that_it_names() {
    let (old, new) = (date(-100), date(-50));
    let tag = with(&[("ETag", "\"a\""), ("Last-Modified", &old)]);
    let weak = with(&[("ETag", "W/\"a\"")]);
    let day = with(&[("Last-Modified", &old)]);
    let about = |head: &StoredHead, fields: &[Line<'_>], asked| identifies(head, &fields, asked);
    for asked in [NamedEntries::One, NamedEntries::Several] {
        assert!(about(&tag, &[("ETag", "\"a\"")], asked));
        assert!(about(
            &tag,
            &[("ETag", "\"a\""), ("Last-Modified", &new)],
            asked
        ));
        assert!(about(&tag, &[("ETag", "W/\"a\"")], asked));
        assert!(about(&weak, &[("ETag", "W/\"a\"")], asked));
        assert!(
            !about(&weak, &[("ETag", "\"a\"")], asked),
            "a strong tag needs a strong one"
        );
        assert!(!about(&tag, &[("ETag", "\"b\"")], asked));
        assert!(!about(&day, &[("ETag", "\"a\"")], asked));
        assert!(about(&day, &[("Last-Modified", &old)], asked));
        assert!(about(&tag, &[("Last-Modified", &old)], asked));
        assert!(!about(&day, &[("Last-Modified", &new)], asked));
        assert_eq!(about(&tag, &[], asked), asked == NamedEntries::One);
    }
}

fn merged(head: &StoredHead, seconds: i64, fields: &[Line<'_>]) -> Merged {
    let none: &[Line<'_>] = &[];
    let now = NOW.plus(seconds);
    merge(&get(&none), head, &fields, now, now, &private())
}

#[test]
fn fields_that_describe_the_bytes_stay_as_they_were_stored() {
    for name in ["Content-Encoding", "Content-Range", "Content-MD5"] {
        let head = with(&[("ETag", "\"a\""), (name, "old")]);
        let new = merged(&head, 5, &[("ETag", "\"a\""), (name, "new")]);
        assert_eq!(new.head().get(name), Some(&b"old"[..]), "{name}");
        let bare = with(&[("ETag", "\"a\"")]);
        let new = merged(&bare, 5, &[("ETag", "\"a\""), (name, "new")]);
        assert_eq!(new.head().get(name), None, "{name}");
    }
}

#[test]
fn fields_of_a_304_replace_the_stored_ones() {
    for (name, old, new) in [
        ("Test-Header", "a", "b"),
        ("X-Test-Header", "a", "b"),
        ("Content-Foo", "a", "b"),
        ("X-Content-Foo", "a", "b"),
        ("Content-Type", "text/plain", "text/plain;charset=utf-8"),
        ("Content-Location", "/foo", "/bar"),
        (
            "Content-Security-Policy",
            "default-src 'self'",
            "default-src *",
        ),
        (
            "Expires",
            "Fri, 01 Jan 2038 01:01:01 GMT",
            "Mon, 11 Jan 2038 11:11:11 GMT",
        ),
        ("Set-Cookie", "a=b", "a=c"),
        ("X-Frame-Options", "deny", "sameorigin"),
    ] {
        let head = with(&[("ETag", "\"a\""), (name, old), ("Kept", "k")]);
        let fields = [(name, new), ("ETag", "\"a\"")];
        let Merged::Update(updated) = merged(&head, 3, &fields) else {
            panic!("{name}");
        };
        assert_eq!(updated.get(name), Some(new.as_bytes()));
        assert_eq!(
            updated.get("kept"),
            Some(&b"k"[..]),
            "fields that are not sent stay"
        );
        let lines = updated
            .fields()
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        assert_eq!(lines.count(), 1, "{name}");
    }
}

#[test]
fn a_304_gives_a_new_lifetime_and_age() {
    let head = with(&[("ETag", "\"a\"")]);
    let day = date(100);
    let Merged::Update(updated) = merged(
        &head,
        100,
        &[("Cache-Control", "max-age=3600"), ("Date", &day)],
    ) else {
        panic!("it may be stored");
    };
    assert_eq!(later(&updated, 103), Reuse::Fresh { age: 3, ttl: 3597 });
    // Without Cache-Control the stored lifetime starts again; without Date the time of arrival is it.
    let Merged::Update(updated) = merged(&head, 100, &[("Age", "1")]) else {
        panic!("it may be stored");
    };
    assert_eq!(later(&updated, 100), Reuse::Fresh { age: 1, ttl: 1 });
    assert_eq!(updated.get("date"), Some(day.as_bytes()));
    assert_eq!(updated.get("age"), None);
}

#[test]
fn fields_that_are_not_stored_are_not_merged() {
    let fields = [
        ("Content-Length", "99"),
        ("Connection", "x"),
        ("X", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Keep-Alive", "5"),
        ("Cache-Control", "max-age=9, no-cache=\"kept, new\""),
        ("New", "1"),
    ];
    let head = with(&[("ETag", "\"a\""), ("Kept", "k"), ("X", "stored")]);
    let merged = merged(&head, 3, &fields);
    let names: Vec<_> = merged
        .head()
        .fields()
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase())
        .collect();
    assert_eq!(names, ["etag", "x", "cache-control", "date"]);
    assert_eq!(merged.head().get("x"), Some(&b"stored"[..]));
    let asked = [("Range", "bytes=0-9")];
    let part = [
        ("Cache-Control", "max-age=9"),
        ("Content-Range", "bytes 0-9/20"),
        ("ETag", "\"a\""),
    ];
    let part = stored_as(&private(), &asked, 206, &part).expect("stored");
    let merged = super::validation::merged(&part, 3, &[("Content-Range", "bytes 0-1/2")]);
    assert_eq!(
        merged.head().get("content-range"),
        None,
        "parts have none of their own"
    );
}

#[test]
fn a_304_can_forbid_to_keep_what_it_validates() {
    let head = with(&[("ETag", "\"a\"")]);
    let forbidden = |control: &str, policy: &Policy| {
        let none: &[Line<'_>] = &[];
        let fields: &[Line<'_>] = &[("Cache-Control", control)];
        match merge(&get(&none), &head, &fields, NOW, NOW, policy) {
            Merged::SendOnly(_, why) => Some(why),
            Merged::Update(_) => None,
        }
    };
    assert_eq!(
        forbidden("no-store", &private()),
        Some(CacheReason::ResponseNoStore)
    );
    assert_eq!(forbidden("private", &shared()), Some(CacheReason::Private));
    assert_eq!(forbidden("private", &private()), None);
    assert_eq!(forbidden("no-store, must-understand", &private()), None);
    let star = merged(&head, 0, &[("Vary", "*")]);
    assert!(matches!(star, Merged::SendOnly(_, CacheReason::VaryStar)));
}

#[test]
fn a_validated_variant_keeps_its_key_unless_vary_changes() {
    let request = [("Foo", "1")];
    let fields = [
        ("Cache-Control", "max-age=2"),
        ("ETag", "\"a\""),
        ("Vary", "Foo"),
    ];
    let head = stored_as(&private(), &request, 200, &fields).expect("stored");
    let asked: &[Line<'_>] = &[("Foo", "1"), ("Bar", "2")];
    let merge = |fields: &[Line<'_>]| merge(&get(&asked), &head, &fields, NOW, NOW, &private());
    assert_eq!(merge(&[]).head().vary_key, head.vary_key);
    assert_eq!(merge(&[("Vary", "Foo")]).head().vary_key, head.vary_key);
    assert_eq!(&*merge(&[("Vary", "Bar")]).head().vary_key, b"bar:2\n");
}

#[test]
fn a_response_to_head_updates_or_marks_stale() {
    let modified = date(-100);
    let fields = [
        ("Cache-Control", "max-age=2"),
        ("ETag", "\"a\""),
        ("Last-Modified", modified.as_str()),
        ("Template-A", "1"),
    ];
    let head = stored(&private(), &fields).expect("stored");
    let update = |status: u16, body_len: Option<u64>, fields: &[Line<'_>]| {
        let none: &[Line<'_>] = &[];
        let response = Response {
            status,
            fields: &fields,
            body_len,
        };
        let request = Request::new(b"HEAD", TARGET, &none);
        let now = NOW.plus(50);
        head_update(&request, &head, Some(10), &response, now, now, &private())
    };
    let HeadUpdate::Update(updated) = update(
        200,
        Some(10),
        &[("Cache-Control", "max-age=1000"), ("ETag", "\"a\"")],
    ) else {
        panic!("the same representation");
    };
    assert!(is_fresh(later(&updated, 60)));
    assert_eq!(
        updated.get("template-a"),
        Some(&b"1"[..]),
        "fields that are not sent stay"
    );
    let HeadUpdate::Update(updated) = update(200, None, &[("Template-A", "2")]) else {
        panic!("nothing differs");
    };
    assert_eq!(updated.get("template-a"), Some(&b"2"[..]));
    assert_eq!(
        update(200, Some(10), &[("ETag", "\"b\"")]),
        HeadUpdate::MarkStale
    );
    assert_eq!(
        update(200, Some(10), &[("Last-Modified", &date(-99))]),
        HeadUpdate::MarkStale
    );
    assert_eq!(
        update(200, Some(11), &[("ETag", "\"a\"")]),
        HeadUpdate::MarkStale
    );
    assert_eq!(
        update(200, Some(10), &[("Cache-Control", "no-store")]),
        HeadUpdate::MarkStale
    );
    for status in [304, 404, 410, 500] {
        assert_eq!(
            update(status, Some(10), &[("ETag", "\"b\"")]),
            HeadUpdate::Keep,
            "{status}"
        );
    }
}
