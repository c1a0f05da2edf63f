//! RFC 9111, 4.4, and RFC 9875: what unsafe requests make invalid.

use privet_cache::rules::invalidation::{MAX_GROUPS, groups, invalid_paths, invalidates, tags};

use super::*;

#[test]
fn unsafe_methods_invalidate_when_they_succeed() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO", "get"] {
        for (status, expected) in [
            (200, true),
            (201, true),
            (204, true),
            (301, true),
            (304, true),
            (400, false),
            (404, false),
            (500, false),
            (100, false),
        ] {
            assert_eq!(
                invalidates(method.as_bytes(), status),
                expected,
                "{method} {status}"
            );
        }
    }
    for method in [
        "GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY",
    ] {
        assert!(!invalidates(method.as_bytes(), 200), "{method}");
    }
}

fn paths(fields: &[Line<'_>]) -> Vec<String> {
    let paths = invalid_paths(&TARGET, &fields);
    paths
        .into_iter()
        .map(|path| String::from_utf8(path).expect("ASCII"))
        .collect()
}

#[test]
fn target_location_and_content_location_of_the_same_origin() {
    assert_eq!(paths(&[]), ["/a?b"]);
    let both = [
        ("Location", "location_target"),
        ("Content-Location", "/x/../content?q#f"),
    ];
    assert_eq!(paths(&both), ["/a?b", "/location_target", "/content?q"]);
    assert_eq!(
        paths(&[("Location", "http://EXAMPLE.com:80/c")]),
        ["/a?b", "/c"]
    );
    assert_eq!(paths(&[("Location", "//example.com/c")]), ["/a?b", "/c"]);
    assert_eq!(paths(&[("Location", "?d")]), ["/a?b", "/a?d"]);
    assert_eq!(
        paths(&[("Location", "/a?b"), ("Content-Location", "/a?b")]),
        ["/a?b"]
    );
}

#[test]
fn locations_of_other_origins_are_ignored() {
    for location in [
        "http://example.org/c",
        "https://example.com/c",
        "http://example.com:8080/c",
        "//example.org/c",
        "http://example.com@example.org/c",
        "\\\\example.org/c",
        "javascript:alert(1)",
        "http://",
        "http://example.com:99999/",
    ] {
        assert_eq!(
            paths(&[("Location", location), ("Content-Location", location)]),
            ["/a?b"],
            "{location}"
        );
    }
    let port = Target {
        port: 8080,
        ..TARGET
    };
    let fields: &[Line<'_>] = &[
        ("Location", "http://example.com/c"),
        ("Content-Location", "http://example.com:8080/d"),
    ];
    assert_eq!(
        invalid_paths(&port, &fields),
        [b"/a?b".to_vec(), b"/d".to_vec()]
    );
}

#[test]
fn groups_are_a_list_of_strings() {
    let read = |fields: &[Line<'_>]| groups(&fields, "cache-groups");
    assert_eq!(
        read(&[("Cache-Groups", "\"a\", \"b c\";x=1")]),
        ["a", "b c"]
    );
    assert_eq!(
        read(&[("cache-groups", "\"a\""), ("Cache-Groups", "\"A\"")]),
        ["a", "A"]
    );
    assert_eq!(
        read(&[("Cache-Groups", "\"a\", b, 3, (\"c\")")]),
        ["a"],
        "strings only"
    );
    for invalid in ["", "\"a", "a, ,", "\"a\" \"b\""] {
        assert!(read(&[("Cache-Groups", invalid)]).is_empty(), "{invalid}");
    }
    let many: Vec<String> = (0..100).map(|index| format!("\"{index:032}\"")).collect();
    assert_eq!(
        read(&[("Cache-Groups", &many.join(", "))]).len(),
        MAX_GROUPS
    );
    let fields: &[Line<'_>] = &[("Cache-Group-Invalidation", "\"x\"")];
    assert_eq!(groups(&fields, "cache-group-invalidation"), ["x"]);
}

#[test]
fn tags_of_both_fields_are_read() {
    let fields: &[Line<'_>] = &[
        ("Cache-Tag", "a, b c,,"),
        ("Surrogate-Key", "d  e"),
        ("cache-tag", "f"),
    ];
    assert_eq!(tags(&fields), ["a", "b c", "d", "e", "f"]);
    let many = vec!["x"; 1000].join(",");
    let fields: &[Line<'_>] = &[("Cache-Tag", &many)];
    assert_eq!(tags(&fields).len(), MAX_GROUPS);
}
