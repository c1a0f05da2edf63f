//! Which rule matches, and what follows from it.

use std::time::Duration;

use privet_config::{RouteRef, RuleAction, RuleProtocol};
use privet_policy::*;

use crate::given::*;
use crate::support::way;

#[test]
fn every_key_of_a_rule_has_to_match() {
    let rules = vec![
        rule(RuleAction::Block, |m| {
            m.domain = strings(["a.test"]);
            m.port = vec![(443, 443)];
        }),
        rule(RuleAction::Outbound("office".into()), |m| {
            m.domain_suffix = strings(["b.test"])
        }),
        rule(RuleAction::Block, |m| {
            m.domain_regex = strings([r"^ads\d+\."])
        }),
        rule(RuleAction::Outbound("tor".into()), |m| {
            m.ip = vec!["10.0.0.0/8".parse().unwrap()]
        }),
        rule(RuleAction::Block, |m| m.app = strings(["FireFox"])),
        rule(RuleAction::Block, |m| m.app = strings(["/usr/bin/curl"])),
        rule(RuleAction::Block, |m| m.user = strings(["alice"])),
        rule(RuleAction::Block, |m| m.protocol = vec![RuleProtocol::Http]),
        rule(RuleAction::Outbound("auto".into()), |m| {
            m.port = vec![(8000, 8999)]
        }),
        rule(RuleAction::Direct, |m| m.domain = strings(["bücher.test"])),
    ];
    let policy = policy(&with_rules(rules));
    let by = |target: &str, change: fn(&mut TestRequest)| {
        let mut request = request_to(target);
        change(&mut request);
        way(&request, &policy)
    };
    let plain = |target| by(target, |_| {});
    assert_eq!(plain("a.test:443"), "block Rule");
    assert_eq!(plain("a.test:80"), "direct Mode");
    assert_eq!(plain("x.a.test:443"), "direct Mode");
    assert_eq!(plain("b.test:1"), "office Rule");
    assert_eq!(plain("x.y.b.test:1"), "office Rule");
    assert_eq!(plain("xb.test:1"), "direct Mode");
    assert_eq!(plain("ads12.test:1"), "block Rule");
    assert_eq!(plain("10.1.2.3:1"), "tor Rule");
    assert_eq!(plain("[::ffff:10.1.2.3]:1"), "tor Rule");
    assert_eq!(plain("11.1.2.3:1"), "direct Mode");
    assert_eq!(plain("c.test:8000"), "auto Rule");
    assert_eq!(plain("c.test:8999"), "auto Rule");
    assert_eq!(plain("c.test:9000"), "direct Mode");
    assert_eq!(plain("xn--bcher-kva.test:1"), "direct Rule");
    assert_eq!(
        by("c.test:1", |a| a.app = Some(app("firefox.exe", "/x"))),
        "block Rule"
    );
    assert_eq!(
        by("c.test:1", |a| a.app = Some(app("curl", "/usr/bin/curl"))),
        "block Rule"
    );
    assert_eq!(
        by("c.test:1", |a| a.app = Some(app("curl", "/opt/curl"))),
        "direct Mode"
    );
    assert_eq!(
        by("c.test:1", |a| a.user = Some("alice".into())),
        "block Rule"
    );
    assert_eq!(
        by("c.test:1", |a| a.user = Some("Alice".into())),
        "direct Mode"
    );
    assert_eq!(
        by("c.test:1", |a| a.protocol = Protocol::Http),
        "block Rule"
    );
    assert_eq!(
        by("c.test:1", |a| a.protocol = Protocol::Connect),
        "block Rule"
    );
    assert_eq!(
        by("c.test:1", |a| a.protocol = Protocol::Udp),
        "direct Mode"
    );
    assert!(policy.needs_app() && policy.needs_addresses());
}

#[test]
fn the_first_rule_that_matches_wins_wherever_the_index_keeps_it() {
    let rules = vec![
        rule(RuleAction::Outbound("office".into()), |m| {
            m.domain = strings(["deep.a.test"])
        }),
        rule(RuleAction::Outbound("tor".into()), |m| {
            m.port = vec![(7, 7)]
        }),
        rule(RuleAction::Block, |m| m.domain_suffix = strings(["a.test"])),
        rule(RuleAction::Outbound("auto".into()), |m| {
            m.domain = strings(["www.a.test"])
        }),
        rule(RuleAction::Direct, |_| {}),
    ];
    let policy = policy(&with_rules(rules));
    for (target, want) in [
        ("deep.a.test:7", "office Rule"),
        ("www.a.test:7", "tor Rule"),
        ("www.a.test:8", "block Rule"),
        ("b.test:8", "direct Rule"),
    ] {
        assert_eq!(way(&request_to(target), &policy), want, "{target}");
    }
}

#[test]
fn a_rule_for_a_while_ends_at_its_moment() {
    let mut config = with_rules(vec![rule(RuleAction::Block, |_| {})]);
    config.rules[0].until = Some(NOW + Duration::from_secs(60));
    let policy = policy(&config);
    let mut request = request_to("a.test:1");
    request.at = NOW + Duration::from_secs(59);
    assert_eq!(way(&request, &policy), "block Rule");
    request.at = NOW + Duration::from_secs(60);
    assert_eq!(way(&request, &policy), "direct Mode");
}

#[test]
fn a_client_without_a_program_of_this_machine_matches_no_app_rule() {
    let policy = policy(&with_rules(vec![rule(RuleAction::Block, |m| {
        m.app = strings(["curl"])
    })]));
    assert_eq!(way(&request_to("a.test:80"), &policy), "direct Mode");
}

#[test]
fn undefined_names_do_not_compile() {
    let fails = |config| {
        Policy::compile(&config, &[], own())
            .unwrap_err()
            .to_string()
    };
    let unknown = with_rules(vec![rule(RuleAction::Outbound("nobody".into()), |_| {})]);
    assert_eq!(
        fails(unknown),
        "rule 1 (line 10) names “nobody”, which is no upstream and no group"
    );
    let regex = with_rules(vec![rule(RuleAction::Block, |m| {
        m.domain_regex = strings(["("])
    })]);
    assert!(
        fails(regex).starts_with("rule 1 (line 10): the regular expression “(” does not compile")
    );
    let huge = with_rules(vec![rule(RuleAction::Block, |m| {
        m.domain_regex = strings([r"\w{5000}"])
    })]);
    assert!(fails(huge).contains("size limit"));
    let host = with_rules(vec![rule(RuleAction::Block, |m| {
        m.domain = strings(["a b"])
    })]);
    assert!(fails(host).contains("“a b”"));
    let mut mode = config();
    mode.mode = "nowhere".into();
    assert_eq!(fails(mode), "there is no mode “nowhere”");
    let mut route = config();
    route.modes.get_mut("office").unwrap().route = RouteRef::Outbound("gone".into());
    assert!(fails(route).contains("“gone”"));
}

#[test]
fn a_policy_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Policy>();
    shared::<List>();
}
