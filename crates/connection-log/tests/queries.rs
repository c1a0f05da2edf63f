//! The query language against rows.

mod support;

use std::time::Duration;

use privet_connection_log::clock::Clock;
use privet_connection_log::{
    CloseReason, ConnectionLog, LiveConnection, PageRequest, Phase, Query, RowState, Settings,
    fields, query,
};
use privet_policy::{Inspection, Protocol, UntouchedBy, WhyKind};
use proptest::prelude::*;
use support::{app, hosts, opening};

/// Four open connections, one blocked, one whose dial failed.
fn connection_log() -> (ConnectionLog, Vec<LiveConnection>) {
    let (clock, cell) = Clock::by_hand(1_000_000);
    let connection_log = ConnectionLog::with_clock(Settings::default(), clock);
    let mut rows = Vec::new();
    let mut open =
        |change: &dyn Fn(&mut privet_connection_log::NewConnection), host: &str, port| {
            let mut opening = opening(host, port);
            change(&mut opening);
            rows.push(connection_log.open(opening));
        };
    open(
        &|row| row.app = Some(app("firefox")),
        "www.example.com",
        443,
    );
    open(&|row| row.app = Some(app("curl")), "intra.corp", 8080);
    open(
        &|row| {
            row.route = "office → tor".into();
            row.user = Some("alice".into());
            row.protocol = Protocol::Udp;
        },
        "10.1.2.3",
        53,
    );
    open(
        &|row| row.protocol = Protocol::Connect,
        "münchen.example",
        8443,
    );
    rows[0].up(2_000_000);
    rows[0].down(10);
    rows[1].up(1_048_576);
    rows[1].request();
    rows[0]
        .row()
        .set_inspection(Inspection::Inspect { demanded: false });
    rows[1]
        .row()
        .set_inspection(Inspection::Untouched(UntouchedBy::ClientCertificate));
    rows[2].set_phases(Some(Duration::from_millis(80)), None, None);
    cell.store(60_000, std::sync::atomic::Ordering::Relaxed);
    let mut blocked = opening("ads.example.net", 443);
    blocked.why.kind = WhyKind::List;
    blocked.why.text = "list \"local ads\" line 7".into();
    connection_log.record_refused(blocked, CloseReason::Blocked, None);
    let error = "connection refused by 192.0.2.1".to_owned();
    connection_log.record_refused(
        opening("down.example", 80),
        CloseReason::Failed,
        Some(error),
    );
    (connection_log, rows)
}

#[test]
fn each_field_finds_its_rows() {
    let (connection_log, _rows) = connection_log();
    let (web, intra, ip, idn) = (
        "www.example.com",
        "intra.corp",
        "10.1.2.3",
        "münchen.example",
    );
    let table: &[(&str, &[&str])] = &[
        ("", &[web, intra, ip, idn]),
        ("app:firefox", &[web]),
        ("app:FIRE", &[web]),
        ("-app:\"\"", &[web, intra]),
        ("path:/usr/*/curl", &[intra]),
        ("pid:42", &[web, intra]),
        ("host:example", &[web, idn]),
        ("host=example.com", &[]),
        ("host=WWW.example.com", &[web]),
        ("-host=www.example.com", &[intra, ip, idn]),
        ("host=*.example.com", &[web]),
        ("-app=\"\"", &[web, intra]),
        ("app=fire", &[]),
        ("route=tor", &[]),
        ("verdict=routed", &[ip]),
        ("port=8000-8999", &[intra, idn]),
        ("host:*.corp", &[intra]),
        ("-host:*.corp", &[web, ip, idn]),
        ("host:10.*", &[ip]),
        ("host:MÜNCHEN*", &[idn]),
        ("port:443", &[web]),
        ("port:8000-8999", &[intra, idn]),
        ("port>443", &[intra, idn]),
        ("port>=443 port<8443", &[web, intra]),
        ("user:alice", &[ip]),
        ("proto:socks5", &[web, intra, ip]),
        ("proto:udp", &[ip]),
        ("proto:http", &[idn]),
        ("proto:connect", &[idn]),
        ("verdict:routed", &[ip]),
        ("verdict:direct -verdict:routed", &[web, intra, idn]),
        ("route:tor", &[ip]),
        ("up>1M", &[web]),
        ("up>=1M", &[web, intra]),
        ("up:1024K", &[intra]),
        ("down<1K", &[web, intra, ip, idn]),
        ("requests>0", &[intra]),
        ("inspection:inspected", &[web]),
        ("inspection:untouched", &[intra]),
        ("-inspection:inspected", &[intra, ip, idn]),
        ("inspection_why:certificate", &[intra]),
        ("dns>50ms", &[ip]),
        ("dns>0.1s", &[]),
        ("age>10s", &[web, intra, ip, idn]),
        ("age>1m", &[]),
        ("age>=1m", &[web, intra, ip, idn]),
        ("by:mode", &[web, intra, ip, idn]),
        ("rule:\"mode standard\"", &[web, intra, ip, idn]),
        ("listener:socks", &[]),
        ("client:127.0.0.1:*", &[web, intra, ip, idn]),
        ("firefox", &[web]),
        ("example -www", &[idn]),
        ("\"example\" 'x'", &[]),
        ("end:idle", &[]),
        ("-", &[]),
    ];
    for (text, wanted) in table {
        let mut found = hosts(
            &connection_log,
            RowState::Active,
            text,
            PageRequest::default(),
        );
        found.sort();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{text}");
    }
}

#[test]
fn queries_apply_to_the_history_too() {
    let (connection_log, _rows) = connection_log();
    let blocked = |text| {
        hosts(
            &connection_log,
            RowState::Blocked,
            text,
            PageRequest::default(),
        )
    };
    let closed = |text| {
        hosts(
            &connection_log,
            RowState::Closed,
            text,
            PageRequest::default(),
        )
    };
    assert_eq!(
        blocked("by:list rule:\"local ads\" verdict:blocked"),
        ["ads.example.net"]
    );
    assert_eq!(blocked("error:refused"), [""; 0]);
    assert_eq!(
        closed("error:refused verdict:failed end:failed"),
        ["down.example"]
    );
}

#[test]
fn an_ipv6_address_is_a_word_with_and_without_brackets() {
    let connection_log = ConnectionLog::with_clock(Settings::default(), Clock::by_hand(1).0);
    let _open = connection_log.open(opening("2001:db8::17", 443));
    let _other = connection_log.open(opening("2001:db8::18", 443));
    for text in [
        "2001:db8::17",
        "[2001:DB8::17]",
        "host:2001:db8::17",
        "host=[2001:db8::17]",
        "-2001:db8::18",
        "\"2001:db8::17\"",
    ] {
        let found = hosts(
            &connection_log,
            RowState::Active,
            text,
            PageRequest::default(),
        );
        assert_eq!(found, ["2001:db8::17"], "{text}");
    }
}

#[test]
fn invalid_queries_are_refused_with_position_and_allowed_values() {
    let table = [
        ("aap:firefox", 0, "app, path"),
        ("ok  -hsot:x", 5, "host"),
        ("port:https", 5, "whole number"),
        ("port:90-80", 5, "range"),
        ("up>1X", 3, "10K"),
        ("age>soon", 4, "10s"),
        ("verdict:bad", 8, "direct, routed, blocked, failed, cached"),
        ("verdict>direct", 8, "one of"),
        ("app>1", 4, "text"),
        ("app:", 4, "right after"),
        ("app: x", 4, "right after"),
        ("rule:\"open", 5, "\""),
        ("é port:x", 7, "whole number"),
    ];
    for (text, position, allowed) in table {
        let error = Query::parse(text).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.allowed.contains(allowed), "{text}: {error}");
        assert!(
            error
                .to_string()
                .contains(&format!("character {}", position + 1))
        );
    }
}

#[test]
fn a_query_is_bounded_in_length_and_terms() {
    assert!(Query::parse(&"a ".repeat(64)).is_ok());
    let terms = Query::parse(&"a ".repeat(65)).expect_err("too many terms");
    assert_eq!(terms.position, 128);
    assert!(Query::parse(&"a".repeat(4097)).is_err());
}

#[test]
fn every_example_of_the_help_can_be_parsed() {
    let help = query::help();
    for field in fields::FIELDS {
        assert!(Query::parse(field.example).is_ok(), "{}", field.example);
        assert!(help.contains(field.example));
    }
}

#[test]
fn phases_are_kept_to_the_microsecond_and_absent_ones_stay_absent() {
    let (connection_log, _rows) = connection_log();
    let live = connection_log.open(opening("a.test", 1));
    let zero = Some(Duration::ZERO);
    live.set_phases(zero, Some(Duration::from_micros(1_234)), None);
    assert_eq!(live.row().phase(Phase::Dns), Some(0));
    assert_eq!(live.row().phase(Phase::Connect), Some(1_234));
    assert_eq!(live.row().phase(Phase::Tls), None);
    assert_eq!(live.row().phase(Phase::FirstByte), None);
    live.first_byte(Duration::from_secs(1_000_000));
    assert_eq!(live.row().phase(Phase::FirstByte), Some(u32::MAX - 1));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn a_glob_of_a_text_with_its_parts_starred_matches_the_text(
        text in "[a-z.]{0,20}", from in 0_usize..20, to in 0_usize..20,
    ) {
        let connection_log = ConnectionLog::default();
        let text = format!("{text}x");
        let _live = connection_log.open(opening(&text, 1));
        let (from, to) = (from.min(text.len()), to.min(text.len()));
        let (from, to) = (from.min(to), from.max(to));
        let glob = format!("host:*{}*{}", &text[..from], &text[to..]);
        prop_assert_eq!(hosts(&connection_log, RowState::Active, &glob, PageRequest::default()), [text.clone()]);
        let longer = format!("host:*y{text}*");
        prop_assert!(hosts(&connection_log, RowState::Active, &longer, PageRequest::default()).is_empty());
    }
}

#[test]
fn a_field_is_accepted_under_its_row_name_too() {
    for text in [
        "protocol:socks5",
        "PROTOCOL:udp",
        "domain:a.test",
        "reason:ads",
        "up_speed>1K",
        "first_byte_ms>1s",
    ] {
        assert!(Query::parse(text).is_ok(), "{text}");
    }
}
