//! Replaying recorded connections against a changed policy.

mod given;

use std::sync::Arc;

use given::random::{any_request, config};
use given::*;
use privet_config::RuleAction;
use privet_policy::replay::{MAX_DIFFERENCES, UNKNOWN};
use privet_policy::*;
use proptest::prelude::*;

fn record(request: TestRequest) -> RecordedConnection {
    RecordedConnection {
        listener: Listener::Mixed,
        protocol: request.protocol,
        user: request.user.map(Into::into),
        app: request.app.map(Arc::new),
        target: request.target,
        addresses: request.addresses,
        url: request.url.map(Into::into),
        at: request.at,
    }
}

#[test]
fn a_replay_counts_what_would_be_blocked_freed_and_rerouted_by_program() {
    let old = policy(&with_rules(vec![
        rule(RuleAction::Block, |m| m.domain = strings(["freed.test"])),
        rule(RuleAction::Outbound("tor".into()), |m| {
            m.domain = strings(["moved.test"])
        }),
    ]));
    let new = policy(&with_rules(vec![
        rule(RuleAction::Block, |m| m.domain = strings(["blocked.test"])),
        rule(RuleAction::Outbound("office".into()), |m| {
            m.domain = strings(["moved.test"])
        }),
    ]));
    let firefox = |target| TestRequest {
        app: Some(app("firefox", "/usr/bin/firefox")),
        ..recorded_request(target)
    };
    let records = [
        firefox("blocked.test:443"),
        firefox("freed.test:443"),
        recorded_request("moved.test:80"),
        recorded_request("same.test:80"),
    ];
    let report = replay(&old, &new, records.map(record));
    assert_eq!((report.total, report.changed), (4, 3));
    assert_eq!(
        (report.newly_blocked, report.newly_allowed, report.rerouted),
        (1, 1, 1)
    );
    assert_eq!(report.by_app["firefox"].newly_blocked, 1);
    assert_eq!(report.by_app[UNKNOWN].rerouted, 1);
    assert_eq!(
        report.to_string(),
        "3 of 4 connections, of 2 programs, would have gone differently: 1 blocked, 1 no longer blocked, 1 by another \
         route"
    );
    let [first, _, third] = &report.differing[..] else {
        panic!("{:#?}", report.differing);
    };
    assert_eq!(first.target.to_string(), "blocked.test:443");
    assert_eq!(
        (first.before.action, first.after.action),
        (OutcomeAction::Direct, OutcomeAction::Block)
    );
    assert_eq!(third.after.outbound.as_deref(), Some("office"));
}

fn recorded_request(target: &str) -> TestRequest {
    given::request_to(target)
}

#[test]
fn a_long_replay_keeps_a_bounded_number_of_examples() {
    let old = policy(&config_with(RuleAction::Block));
    let new = policy(&config_with(RuleAction::Direct));
    let many = (0..5000).map(|at| {
        record(TestRequest {
            app: Some(app(&format!("app{at}"), "/x")),
            ..recorded_request("a.test:1")
        })
    });
    let report = replay(&old, &new, many);
    assert_eq!((report.changed, report.newly_allowed), (5000, 5000));
    assert_eq!(report.differing.len(), MAX_DIFFERENCES);
    assert!(report.by_app.len() <= privet_policy::replay::MAX_APPS + 1);
    assert_eq!(
        report.by_app.values().map(|c| c.newly_allowed).sum::<u64>(),
        5000
    );
}

fn config_with(then: RuleAction) -> privet_config::Config {
    with_rules(vec![rule(then, |_| {})])
}

#[test]
fn a_replay_says_what_would_be_inspected_and_scanned() {
    let old = policy(&given::config());
    let mut config = given::config();
    config.inspect.enabled = true;
    config.inspect.hosts = vec!["*.a.test".to_owned()];
    config.scan.enabled = true;
    let new = policy(&config);
    let records = ["x.a.test:443", "b.test:443"].map(|target| record(recorded_request(target)));
    let there = replay(&old, &new, records.clone());
    assert_eq!(
        (there.changed, there.newly_inspected, there.newly_scanned),
        (0, 1, 2)
    );
    assert_eq!(
        there.to_string(),
        "all 2 connections would have gone the same way; 1 would be inspected; 2 would be scanned"
    );
    let back = replay(&new, &old, records);
    assert_eq!((back.no_longer_inspected, back.no_longer_scanned), (1, 2));
}

proptest! {
    #[test]
    fn the_sums_are_correct_and_a_policy_equals_itself(
        old in config(false), new in config(false), request in proptest::collection::vec(any_request(), 0..20),
    ) {
        let (old, new) = (policy(&old), policy(&new));
        let records: Vec<_> = request.into_iter().map(record).collect();
        prop_assert_eq!(replay(&old, &old, records.clone()).changed, 0);
        let there = replay(&old, &new, records.clone());
        let back = replay(&new, &old, records);
        prop_assert_eq!(there.changed, there.newly_blocked + there.newly_allowed + there.rerouted);
        prop_assert_eq!(there.changed, there.differing.len() as u64);
        prop_assert_eq!((there.newly_blocked, there.newly_allowed), (back.newly_allowed, back.newly_blocked));
    }
}
