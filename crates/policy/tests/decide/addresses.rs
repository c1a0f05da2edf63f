//! Rules on addresses, and names that are looked up for them.

use privet_config::{Rule, RuleAction};
use privet_policy::*;

use crate::given::*;
use crate::support::way;

#[test]
fn a_name_without_addresses_passes_ip_rules_over_and_says_so() {
    let policy = policy(&with_rules(vec![rule(RuleAction::Block, |m| {
        m.ip = vec!["10.0.0.0/8".parse().unwrap()];
        m.port = vec![(80, 80)];
    })]));
    let mut request = request_to("a.test:80");
    assert!(decide(&request.borrowed(), &policy).wants_addresses);
    request.addresses = vec![
        "192.0.2.1".parse().unwrap(),
        "::ffff:10.0.0.1".parse().unwrap(),
    ];
    let verdict = decide(&request.borrowed(), &policy);
    assert_eq!(verdict.action, Action::Block);
    assert!(!verdict.wants_addresses);
    let other = request_to("a.test:81");
    assert!(
        !decide(&other.borrowed(), &policy).wants_addresses,
        "the port does not match anyway"
    );
}

#[test]
fn an_ip_rule_holds_for_the_addresses_by_which_its_own_are_reached() {
    for (rule_ip, target, is_blocked) in [
        ("127.0.0.0/8", "0.0.0.0:80", true),
        ("127.0.0.1/32", "[::ffff:0.0.0.0]:80", true),
        ("::1/128", "[::]:80", true),
        ("0.0.0.0/32", "0.0.0.0:80", true),
        ("0.0.0.0/32", "127.0.0.1:80", false),
        ("127.0.0.2/32", "0.0.0.0:80", false),
        ("127.0.0.0/8", "[::]:80", false),
        ("127.0.0.0/8", "0.0.0.1:80", false),
        ("10.0.0.0/8", "[64:ff9b::a00:1]:80", true),
        ("64:ff9b::/96", "[64:ff9b::a00:1]:80", true),
        ("10.0.0.0/8", "[64:ff9b::1:a00:1]:80", false),
        ("10.0.0.0/8", "[64:ff9b:1::a00:1]:80", false),
    ] {
        let policy = policy(&with_rules(vec![rule(RuleAction::Block, |m| {
            m.ip = network(rule_ip)
        })]));
        let verdict = decide(&request_to(target).borrowed(), &policy);
        let blocked = verdict.action == Action::Block;
        assert_eq!(blocked, is_blocked, "{rule_ip} and {target}");
    }
}

fn network(text: &str) -> Vec<ipnet::IpNet> {
    vec![text.parse().unwrap()]
}

#[test]
fn a_rule_that_could_not_be_evaluated_refuses_where_the_outcome_depends_on_it() {
    let by_ip = rule(RuleAction::Block, |m| m.ip = network("10.0.0.0/8"));
    let by_app = rule(RuleAction::Block, |m| m.app = strings(["curl"]));
    let all = rule(RuleAction::Block, |_| {});
    let failed = |rules| {
        let policy = policy(&with_rules(rules));
        let request = request_to("a.test:80");
        let request = Request {
            addresses: Addresses::Failed,
            app: Program::Undetermined,
            ..request.borrowed()
        };
        let verdict = decide(&request, &policy);
        assert_eq!(explain(&request, &policy).verdict, verdict);
        (verdict.action == Action::Block, verdict.why.kind)
    };
    assert_eq!(failed(vec![by_ip.clone()]), (true, WhyKind::Undetermined));
    assert_eq!(failed(vec![by_app.clone()]), (true, WhyKind::Undetermined));
    assert_eq!(
        failed(vec![by_ip, by_app, all]),
        (true, WhyKind::Rule),
        "it is blocked in any case"
    );
    let direct = rule(RuleAction::Direct, |m| m.ip = network("10.0.0.0/8"));
    assert_eq!(failed(vec![direct]), (false, WhyKind::Mode));
}

#[test]
fn names_are_looked_up_for_ip_rules_only_where_they_may_be() {
    let by_ip = || rule(RuleAction::Block, |m| m.ip = network("10.0.0.0/8"));
    let via = rule(RuleAction::Outbound("tor".into()), |m| {
        m.domain_suffix = strings(["up.test"])
    });
    let quiet = Rule {
        resolve: false,
        action: RuleAction::Direct,
        ..by_ip()
    };
    let loud = Rule {
        resolve: true,
        ..quiet.clone()
    };
    let rest = rule(RuleAction::Block, |_| {});
    let wants = |rules: &[Rule], mode: &str, target: &str| {
        let policy = policy(&with_rules(rules.to_vec())).in_mode(mode).unwrap();
        let explained = explain(&request_to(target).borrowed(), &policy);
        (
            explained.verdict.wants_addresses,
            explained.steps[1].message.code,
        )
    };
    let ip_then_via = [by_ip(), via];
    for (rules, mode, target, want) in [
        (
            &ip_then_via[..],
            "standard",
            "a.test:1",
            (true, "rule.lookup"),
        ),
        (
            &ip_then_via,
            "standard",
            "a.up.test:1",
            (false, "rule.addresses.upstream"),
        ),
        (
            &ip_then_via,
            "office",
            "a.test:1",
            (false, "rule.addresses.upstream"),
        ),
        (
            &ip_then_via,
            "strict",
            "a.test:1",
            (false, "rule.addresses.mode"),
        ),
        (
            &ip_then_via,
            "standard",
            "a.onion:1",
            (false, "rule.addresses.outside"),
        ),
        (
            &ip_then_via,
            "standard",
            "a.alt:1",
            (false, "rule.addresses.outside"),
        ),
        (
            &[quiet, rest.clone()],
            "standard",
            "a.test:1",
            (false, "rule.addresses.rule"),
        ),
        (
            &[loud, rest.clone()],
            "standard",
            "a.test:1",
            (true, "rule.lookup"),
        ),
        (
            &[by_ip(), rest],
            "standard",
            "a.test:1",
            (false, "rule.irrelevant"),
        ),
    ] {
        assert_eq!(wants(rules, mode, target), want, "{mode} {target}");
    }
    let mut known = request_to("a.test:1");
    known.addresses = vec!["192.0.2.1".parse().unwrap()];
    let explained = explain(&known.borrowed(), &policy(&with_rules(vec![by_ip()])));
    let text = &explained.steps[1].text;
    assert!(
        text.ends_with("the name was looked up for its `ip`: 192.0.2.1"),
        "{text}"
    );
}

#[test]
fn privet_itself_is_refused_by_name_spelling_and_resolved_address() {
    let policy = policy(&with_rules(vec![rule(RuleAction::Direct, |_| {})]));
    for target in [
        "127.0.0.1:7280",
        "0x7f.1:7280",
        "localhost:7280",
        "[::ffff:7f00:1]:7280",
        "0:7280",
    ] {
        assert_eq!(way(&request_to(target), &policy), "block Loop", "{target}");
    }
    let mut named = request_to("harmless.test:7280");
    assert_eq!(way(&named, &policy), "direct Rule");
    named.addresses = vec!["127.0.0.1".parse().unwrap()];
    assert_eq!(way(&named, &policy), "block Loop");
}

#[test]
fn a_client_on_another_machine_needs_a_rule_that_names_the_gateways_own_network() {
    let config = with_rules(vec![
        rule(RuleAction::Direct, |m| m.domain = strings(["named.test"])),
        rule(RuleAction::Direct, |m| m.port = vec![(81, 81)]),
    ]);
    let own = OwnEndpoints {
        addresses: vec!["192.168.1.5".parse().unwrap()],
        names: vec![Host::parse("nest.lan").unwrap()],
        ..own()
    };
    let policy = Policy::compile(&config, &[], own).unwrap();
    let decided = |client: &str, target: &str, resolved: &[&str]| {
        let request = TestRequest {
            addresses: resolved.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..request_to(target)
        };
        let request = Request {
            client: client.parse().unwrap(),
            ..request.borrowed()
        };
        let verdict = decide(&request, &policy);
        let covered = match verdict.action {
            Action::Route(Route::Direct(permit)) => permit.covers_own_network(),
            _ => false,
        };
        (verdict.why.kind, covered)
    };
    let remote = "192.168.1.9:5";
    let refused = (WhyKind::OwnNetwork, false);
    for (target, resolved, want) in [
        ("127.0.0.1:80", &[][..], refused),
        ("127.0.0.1:81", &[], refused),
        ("169.254.169.254:80", &[], refused),
        ("192.168.1.5:80", &[], refused),
        ("localhost:80", &[], refused),
        ("nest.lan:80", &[], refused),
        ("x.test:80", &["192.0.2.1", "127.0.0.1"], refused),
        ("x.test:80", &[], (WhyKind::Mode, false)),
        ("192.168.1.6:80", &[], (WhyKind::Mode, false)),
        ("named.test:80", &["127.0.0.1"], (WhyKind::Rule, true)),
    ] {
        assert_eq!(decided(remote, target, resolved), want, "{target}");
    }
    for local in ["127.0.0.1:5", "[::1]:5", "192.168.1.5:5"] {
        let want = (WhyKind::Mode, true);
        assert_eq!(decided(local, "127.0.0.1:80", &[]), want, "{local}");
    }
}
