//! RFC 9211: Cache-Status.

use privet_cache::rules::cache_status::{CacheStatus, Forward};

use super::*;

fn line(status: CacheStatus<'_>) -> String {
    let mut out = Vec::new();
    status.write_line(&mut out);
    let text = String::from_utf8(out).expect("ASCII");
    let value = text
        .strip_prefix("Cache-Status: ")
        .and_then(|value| value.strip_suffix("\r\n"));
    let value = value.expect("one line").to_owned();
    sfv::Parser::new(&value)
        .parse::<sfv::List>()
        .expect("a structured field");
    value
}

#[test]
fn hits_and_the_reasons_of_forwards_are_written() {
    let none = CacheStatus::default();
    assert_eq!(
        line(CacheStatus {
            hit: true,
            ttl: Some(376),
            ..none
        }),
        "privet; hit; ttl=376"
    );
    assert_eq!(
        line(CacheStatus {
            hit: true,
            ttl: Some(-412),
            ..none
        }),
        "privet; hit; ttl=-412"
    );
    let forwarded = CacheStatus {
        forward: Some(Forward::Stale),
        forward_status: Some(304),
        collapsed: true,
        ttl: Some(0),
        ..none
    };
    assert_eq!(
        line(forwarded),
        "privet; fwd=stale; fwd-status=304; collapsed; ttl=0"
    );
    let missed = CacheStatus {
        forward: Some(Forward::UriMiss),
        stored: true,
        detail: Some("a \"b\" \\ \u{e9}\r\n"),
        ..none
    };
    assert_eq!(
        line(missed),
        "privet; fwd=uri-miss; stored; detail=\"a \\\"b\\\" \\\\ \""
    );
    // What a hit cannot have is not written.
    let hit = CacheStatus {
        hit: true,
        ..forwarded
    };
    assert_eq!(line(hit), "privet; hit; ttl=0");
}

#[test]
fn every_reason_to_forward_has_its_token() {
    for (why, token) in [
        (CacheReason::Method, "method"),
        (CacheReason::RequestNoCache, "request"),
        (CacheReason::RequestMaxAge, "request"),
        (CacheReason::RequestBody, "request"),
        (CacheReason::Expired, "stale"),
        (CacheReason::NoCache, "stale"),
        (CacheReason::Invalidated, "stale"),
        (CacheReason::VaryMismatch, "vary-miss"),
        (CacheReason::RangeNotStored, "partial"),
        (CacheReason::UnknownPage, "request"),
        (CacheReason::NotStored, "uri-miss"),
        (CacheReason::Uncacheable, "miss"),
        (CacheReason::Status, "miss"),
    ] {
        let status = CacheStatus {
            forward: Some(Forward::from_why(why)),
            ..CacheStatus::default()
        };
        assert_eq!(line(status), format!("privet; fwd={token}"), "{why:?}");
        assert!(why.sentence().ends_with('.') && why.to_string() == why.sentence());
    }
    for (forward, token) in [
        (Forward::Bypass, "bypass"),
        (Forward::Miss, "miss"),
        (Forward::UriMiss, "uri-miss"),
    ] {
        let status = CacheStatus {
            forward: Some(forward),
            ..CacheStatus::default()
        };
        assert_eq!(line(status), format!("privet; fwd={token}"));
    }
}
