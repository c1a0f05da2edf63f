//! What is in the key, and queries that say nothing (No-Vary-Search).

use std::collections::HashSet;

use privet_cache::key::KEYED_FIELDS;
use privet_cache::rules::no_vary_search::NoVarySearch;
use privet_cache::{Key, KeySecret};

use super::*;

const SECRET: KeySecret = KeySecret([7; 16]);

fn key(space: &str, partition: &[u8], target: Target<'_>, fields: &[Line<'_>]) -> Key {
    Key::new(
        &SECRET,
        space,
        partition,
        &Request::new(b"GET", target, &fields),
    )
}

#[test]
fn every_part_makes_another_key() {
    let mut keys = HashSet::new();
    let mut add = |key: Key| assert!(keys.insert(key), "two requests share a key");
    add(key("forward", b"", TARGET, &[]));
    add(key("site", b"", TARGET, &[]));
    add(key("forward", b"user", TARGET, &[]));
    add(key("forwardu", b"ser", TARGET, &[]));
    add(key(
        "forward",
        b"",
        Target {
            scheme: "https",
            ..TARGET
        },
        &[],
    ));
    add(key(
        "forward",
        b"",
        Target {
            host: "example.org",
            ..TARGET
        },
        &[],
    ));
    add(key("forward", b"", Target { port: 81, ..TARGET }, &[]));
    for path in [
        "/a", "/a?", "/a?B", "/A?b", "/a/?b", "//a?b", "/a;?b", "/a%3Fb", "/%61?b", "/./a?b",
        "/a?b=", "/a?b&c", "/a?c&b", "/a#b", "/a\\?b", "/a%00?b", "/a%2f?b",
    ] {
        add(key(
            "forward",
            b"",
            Target {
                path_and_query: path.as_bytes(),
                ..TARGET
            },
            &[],
        ));
    }
    for name in KEYED_FIELDS.into_iter().chain(["Forwarded"]) {
        add(key("forward", b"", TARGET, &[(name, "evil.example")]));
        add(key("forward", b"", TARGET, &[(name, "evil.examplf")]));
    }
    // Servers that hand fields to programs as variables do not tell them apart; caches of others might not know them.
    for name in [
        "X_Host",
        "X_Original_URL",
        "X-Forwarded-Later",
        "x_rewrite-x",
    ] {
        add(key("forward", b"", TARGET, &[(name, "evil.example")]));
    }
    add(key(
        "forward",
        b"",
        TARGET,
        &[("X-Host", "a"), ("X-Forwarded-Host", "b")],
    ));
}

#[test]
fn other_fields_and_methods_do_not() {
    let plain = key("forward", b"", TARGET, &[]);
    for name in [
        "User-Agent",
        "Accept",
        "Cookie",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X-Original-Forwarded-For",
        "X-Forwarded",
        "Authorization",
        "Range",
        "Origin",
    ] {
        assert_eq!(key("forward", b"", TARGET, &[(name, "x")]), plain, "{name}");
    }
    assert_eq!(
        key("forward", b"", TARGET, &[("X-FORWARDED-HOST", "a")]),
        key("forward", b"", TARGET, &[("x-forwarded-host", "a")])
    );
    let none: &[Line<'_>] = &[];
    let head = Request::new(b"HEAD", TARGET, &none);
    assert_eq!(Key::new(&SECRET, "forward", b"", &head), plain);
    assert_eq!(Key::of_target(&SECRET, "forward", b"", &TARGET), plain);
    let other = Key::new(&KeySecret([8; 16]), "forward", b"", &head);
    assert_ne!(other, plain, "the secret counts");
}

#[test]
fn a_url_names_its_port_unless_it_is_the_default() {
    assert_eq!(TARGET.url(), "http://example.com/a?b");
    let target = Target {
        scheme: "https",
        port: 8443,
        host: "[::1]",
        ..TARGET
    };
    assert_eq!(target.url(), "https://[::1]:8443/a?b");
}

fn rule(value: &str) -> Option<NoVarySearch> {
    let fields: &[Line<'_>] = &[("No-Vary-Search", value)];
    NoVarySearch::read(&fields)
}

#[test]
fn queries_that_a_response_does_not_vary_by() {
    for (value, one, other, same) in [
        ("params", "/a?b=1", "/a", true),
        ("params", "/a?b=1", "/c", false),
        ("params=(\"utm\")", "/a?utm=1&b=2", "/a?b=2", true),
        ("params=(\"utm\")", "/a?utm=1&b=2", "/a?b=3", false),
        ("params=(\"a b\")", "/a?a+b=1", "/a?a%20b=2", true),
        (
            "params, except=(\"id\")",
            "/a?id=1&x=2",
            "/a?y=3&id=1",
            true,
        ),
        ("params, except=(\"id\")", "/a?id=1", "/a?id=2", false),
        ("key-order", "/a?b=1&c=2", "/a?c=2&b=1", true),
        ("key-order", "/a?b=1&b=2", "/a?b=2&b=1", false),
        ("key-order", "/a?b=1", "/a?b=2", false),
        (
            "params=(\"x\"), key-order",
            "/a?c=2&x=9&b=1",
            "/a?b=1&c=2",
            true,
        ),
        ("params=()", "/a?b", "/a?b", true),
    ] {
        match rule(value) {
            Some(rule) => assert_eq!(
                rule.same(one.as_bytes(), other.as_bytes()),
                same,
                "{value}: {one} {other}"
            ),
            None => assert_eq!(value, "params=()", "it says nothing"),
        }
    }
}

#[test]
fn invalid_rules_about_queries_are_ignored() {
    for value in [
        "",
        "params=?0",
        "params=1",
        "params=(1)",
        "params=\"a\"",
        "except=(\"a\")",
        "params=(\"a\"), except=(\"b\")",
        "params=?0, except=(\"b\")",
        "key-order=1",
        "key-order=?0",
        "params, except=(a)",
        "&&",
        "unknown",
    ] {
        assert_eq!(rule(value), None, "{value}");
    }
}
