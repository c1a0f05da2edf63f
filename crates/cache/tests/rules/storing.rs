//! RFC 9111, 3: what is stored of what.

use super::*;

fn explicit() -> [Line<'static>; 1] {
    [("Cache-Control", "max-age=3600")]
}

#[test]
fn status_codes_with_a_lifetime_are_stored_but_for_some() {
    for status in 100..700 {
        let kept = stored_as(&private(), &[], status, &explicit());
        let never = [304, 407, 412, 416, 417, 421, 425, 428, 429, 431, 511];
        let expected = (200..600).contains(&status) && status != 206 && !never.contains(&status);
        assert_eq!(kept.is_ok(), expected, "{status}: {kept:?}");
    }
}

#[test]
fn a_stale_response_of_any_status_is_not_fresh() {
    let (expires, modified) = (date(-5000), date(-100_000));
    let fields = [
        ("Expires", expires.as_str()),
        ("Last-Modified", modified.as_str()),
    ];
    for status in [
        200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
    ] {
        let head = stored_as(&private(), &[], status, &fields).expect("has a validator");
        assert!(!is_fresh(later(&head, 0)), "{status}");
    }
}

#[test]
fn must_understand_overrides_no_store_for_known_statuses() {
    let fields = [("Cache-Control", "max-age=3600, no-store, must-understand")];
    assert!(stored_as(&private(), &[], 200, &fields).is_ok());
    assert_eq!(
        stored_as(&private(), &[], 599, &fields),
        Err(CacheReason::StatusNotUnderstood)
    );
    let fields = [("Cache-Control", "max-age=3600, must-understand")];
    assert_eq!(
        stored_as(&private(), &[], 299, &fields),
        Err(CacheReason::StatusNotUnderstood)
    );
}

#[test]
fn credentials_need_permission_in_a_shared_cache() {
    let credentials = [("Authorization", "FOO")];
    let expires = date(3600);
    for (fields, allowed) in [
        (vec![("Expires", expires.as_str())], false),
        (vec![("Cache-Control", "max-age=3600")], false),
        (
            vec![("Cache-Control", "max-age=3600, proxy-revalidate")],
            false,
        ),
        (vec![("Cache-Control", "max-age=3600, public")], true),
        (
            vec![("Cache-Control", "max-age=3600, must-revalidate")],
            true,
        ),
        (vec![("Cache-Control", "s-maxage=3600")], true),
    ] {
        let kept = stored_as(&shared(), &credentials, 200, &fields);
        assert_eq!(kept.is_ok(), allowed, "{fields:?}: {kept:?}");
        let own = stored_as(&private(), &credentials, 200, &fields);
        // s-maxage says nothing to a private cache.
        assert_eq!(own.is_ok(), fields[0].1 != "s-maxage=3600", "{fields:?}");
    }
}

#[test]
fn requests_that_are_not_in_the_key_are_not_stored() {
    let kept = |fields: &[Line<'_>]| stored_as(&private(), fields, 200, &explicit());
    assert_eq!(
        kept(&[("Cache-Control", "no-store")]),
        Err(CacheReason::RequestNoStore)
    );
    assert_eq!(
        kept(&[("If-Match", "\"a\"")]),
        Err(CacheReason::OriginCondition)
    );
    let day = date(0);
    assert_eq!(
        kept(&[("If-Unmodified-Since", &day)]),
        Err(CacheReason::OriginCondition)
    );
    for name in [
        "X-HTTP-Method-Override",
        "x-http-method",
        "X-Method-Override",
    ] {
        assert_eq!(
            kept(&[(name, "DELETE")]),
            Err(CacheReason::MethodOverride),
            "{name}"
        );
    }
    let none: &[Line<'_>] = &[];
    let response = Response {
        status: 200,
        fields: &&explicit()[..],
        body_len: None,
    };
    let with_body = get(&none).with_body(true);
    assert_eq!(
        store(&with_body, &response, NOW, NOW, &private()),
        Err(CacheReason::RequestBody)
    );
    let long = "/".repeat(9000);
    let target = Target {
        path_and_query: long.as_bytes(),
        ..TARGET
    };
    let request = Request::new(b"GET", target, &none);
    assert_eq!(
        store(&request, &response, NOW, NOW, &private()),
        Err(CacheReason::UrlTooLong)
    );
}

fn by_method(method: &str, status: u16, fields: &[Line<'_>]) -> Result<StoredHead, CacheReason> {
    let none: &[Line<'_>] = &[];
    let response = Response {
        status,
        fields: &fields,
        body_len: None,
    };
    let request = Request::new(method.as_bytes(), TARGET, &none).with_body(method == "POST");
    store(&request, &response, NOW, NOW, &private())
}

#[test]
fn only_get_and_some_post_responses_are_stored() {
    assert!(by_method("GET", 200, &explicit()).is_ok());
    for method in [
        "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "M-SEARCH", "QUERY",
    ] {
        assert_eq!(
            by_method(method, 200, &explicit()),
            Err(CacheReason::Method),
            "{method}"
        );
    }
}

#[test]
fn post_is_stored_with_a_lifetime_and_its_own_content_location() {
    let control = explicit()[0];
    for location in [
        "/a?b",
        "http://example.com/a?b",
        "//example.com/a?b",
        "?b",
        "http://EXAMPLE.com:80/a?b",
        "",
    ] {
        let kept = by_method("POST", 200, &[control, ("Content-Location", location)]);
        assert!(kept.is_ok(), "{location}: {kept:?}");
    }
    for location in [
        "/a",
        "/b?b",
        "https://example.com/a?b",
        "http://example.org/a?b",
        "/a?b=",
        "/A?b",
    ] {
        let kept = by_method("POST", 200, &[control, ("Content-Location", location)]);
        assert_eq!(kept, Err(CacheReason::PostWithoutLocation), "{location}");
    }
    assert_eq!(
        by_method("POST", 200, &[control]),
        Err(CacheReason::PostWithoutLocation)
    );
    let own = ("Content-Location", "/a?b");
    assert_eq!(
        by_method("POST", 404, &[control, own]),
        Err(CacheReason::PostWithoutLocation)
    );
    let day = date(-100_000);
    let heuristic = by_method("POST", 200, &[("Last-Modified", &day), own]);
    assert_eq!(
        heuristic,
        Err(CacheReason::PostWithoutLocation),
        "a lifetime by heuristics does not do"
    );
}

#[test]
fn fields_of_one_hop_are_not_stored() {
    let fields = [
        ("Cache-Control", "max-age=3600"),
        ("Connection", "a, B"),
        ("Connection", "close"),
        ("Close", "0"),
        ("A", "1"),
        ("b", "2"),
        ("C", "3"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authentication-Info", "x"),
        ("Proxy-Authorization", "x"),
        ("TE", "trailers"),
        ("Trailer", "Expires"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("Age", "1"),
        ("Content-Length", "10"),
    ];
    let head = stored(&private(), &fields).expect("stored");
    let names: Vec<_> = head
        .fields()
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase())
        .collect();
    assert_eq!(names, ["cache-control", "c", "date"]);
}

#[test]
fn all_other_fields_are_stored_as_they_came() {
    let day = date(-3);
    let fields = [
        ("Cache-Control", "max-age=3600"),
        ("Date", day.as_str()),
        ("Test-Header", "a  b"),
        ("X-Test-Header", "x"),
        ("Content-Foo", "y"),
        ("Content-Encoding", "br"),
        ("Content-Location", "/b"),
        ("Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A=="),
        ("Content-Range", "z"),
        ("Content-Security-Policy", "default-src 'self'"),
        ("Content-Type", "text/plain;charset=utf-8"),
        ("Clear-Site-Data", "cookies"),
        ("ETag", "\"ghijkl\""),
        ("Expires", "Mon, 11 Jan 2038 11:11:11 GMT"),
        ("Public-Key-Pins", "p"),
        ("Set-Cookie", "a=c"),
        ("Set-Cookie", "b=d"),
        ("Set-Cookie2", "a=c"),
        ("WWW-Authenticate", "Basic"),
        ("X-Frame-Options", "sameorigin"),
        ("X-XSS-Protection", "1; mode=block"),
        ("Empty", ""),
    ];
    let head = stored(&shared(), &fields).expect("stored");
    let kept: Vec<_> = head.fields().iter().collect();
    let sent: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    assert_eq!(kept, sent);
}

#[test]
fn a_missing_or_invalid_date_becomes_the_time_of_arrival() {
    for fields in [&explicit()[..], &[explicit()[0], ("Date", "foo")]] {
        let head = stored(&private(), fields).expect("stored");
        assert_eq!(head.get("date"), Some(date(0).as_bytes()));
        assert_eq!(head.fields().iter().count(), 2);
    }
}

#[test]
fn a_cookie_needs_an_explicit_lifetime_in_a_shared_cache() {
    let day = date(-100_000);
    let cookie = ("Set-Cookie", "a=b");
    assert!(stored(&shared(), &[explicit()[0], cookie]).is_ok());
    assert_eq!(
        stored(&shared(), &[("Last-Modified", &day), cookie]),
        Err(CacheReason::SetCookie)
    );
    assert!(stored(&private(), &[("Last-Modified", &day), cookie]).is_ok());
    // Cookies of the request say nothing.
    assert!(stored_as(&shared(), &[("Cookie", "a=b")], 200, &explicit()).is_ok());
}

#[test]
fn large_bodies_are_not_stored() {
    let small = Policy {
        max_object: 9,
        ..private()
    };
    assert_eq!(stored(&small, &explicit()), Err(CacheReason::TooLarge));
    let range = [explicit()[0], ("Content-Range", "bytes 0-9/1000")];
    let kept = stored_as(&small, &[("Range", "bytes=0-9")], 206, &range);
    assert_eq!(kept, Err(CacheReason::TooLarge), "the whole counts");
}

#[test]
fn lines_with_breaks_are_refused() {
    for (name, value) in [
        ("A", "b\r\nSet-Cookie: x"),
        ("A", "b\nc"),
        ("A", "\0"),
        ("A\r\nB", "c"),
        ("A b", "c"),
        ("A:b", "c"),
        ("", "c"),
    ] {
        let kept = stored(&private(), &[explicit()[0], (name, value)]);
        assert_eq!(kept, Err(CacheReason::BadField), "{name:?}: {value:?}");
    }
}

#[test]
fn parts_need_a_request_and_a_content_range_that_fit() {
    let kept = |request: &[Line<'_>], range: &str| {
        stored_as(
            &private(),
            request,
            206,
            &[explicit()[0], ("Content-Range", range)],
        )
    };
    let asked = [("Range", "bytes=0-9")];
    let head = kept(&asked, "bytes 0-9/100").expect("ten bytes");
    assert_eq!((head.status, head.get("content-range")), (206, None));
    assert!(kept(&asked, "bytes 5-14/*").is_ok());
    for wrong in [
        "",
        "bytes 0-9",
        "bytes 9-0/100",
        "bytes 0-9/9",
        "bytes 0-9/a",
        "bytes */100",
        "octets 0-9/100",
        "bytes 0-4/100",
        "bytes 4-9/10",
        "bytes 0 - 9/100",
        "bytes=0-9/100",
    ] {
        assert_eq!(
            kept(&asked, wrong),
            Err(CacheReason::BadContentRange),
            "{wrong}"
        );
    }
    assert_eq!(
        kept(&[], "bytes 0-9/100"),
        Err(CacheReason::BadContentRange),
        "nobody asked"
    );
    let missing = stored_as(&private(), &asked, 206, &explicit());
    assert_eq!(missing, Err(CacheReason::BadContentRange));
}

#[test]
fn a_head_read_back_from_a_store_is_the_same() {
    let fields = [
        ("Cache-Control", "max-age=60"),
        ("Age", "9"),
        ("Vary", "Accept"),
        ("ETag", "\"x\""),
    ];
    let head = stored_as(&private(), &[("Accept", "a")], 200, &fields).expect("stored");
    let again = StoredHead::restore(
        head.status,
        head.lines.clone(),
        head.vary_key.clone(),
        head.received,
        head.generated,
        &private(),
    );
    assert_eq!(again, head);
}
