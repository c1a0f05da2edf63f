//! Decisions of the policy, case by case.

mod given;

use std::sync::Arc;
use std::time::Duration;

use given::*;
use privet_config::{Fallback, ListFormat, RouteRef, Rule, RuleAction, RuleProtocol};
use privet_policy::*;

/// The verdict in two words, to compare with.
fn way(asked: &Asked, policy: &Policy) -> String {
    let verdict = decide(&asked.request(), policy);
    let explanation = explain(&asked.request(), policy);
    assert_eq!(explanation.verdict, verdict);
    let kind = format!("{:?}", verdict.why.kind);
    match explanation.outcome {
        Outcome {
            action: OutcomeAction::Block,
            ..
        } => format!("block {kind}"),
        Outcome {
            action: OutcomeAction::Direct,
            ..
        } => format!("direct {kind}"),
        Outcome {
            outbound,
            fallback_direct,
            ..
        } => {
            let or = if fallback_direct { " or direct" } else { "" };
            format!("{}{or} {kind}", outbound.unwrap())
        }
    }
}

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
    let by = |target: &str, change: fn(&mut Asked)| {
        let mut asked = asked(target);
        change(&mut asked);
        way(&asked, &policy)
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
        assert_eq!(way(&asked(target), &policy), want, "{target}");
    }
}

#[test]
fn a_rule_for_a_while_ends_at_its_moment() {
    let mut config = with_rules(vec![rule(RuleAction::Block, |_| {})]);
    config.rules[0].until = Some(NOW + Duration::from_secs(60));
    let policy = policy(&config);
    let mut asked = asked("a.test:1");
    asked.at = NOW + Duration::from_secs(59);
    assert_eq!(way(&asked, &policy), "block Rule");
    asked.at = NOW + Duration::from_secs(60);
    assert_eq!(way(&asked, &policy), "direct Mode");
}

#[test]
fn a_name_without_addresses_passes_ip_rules_over_and_says_so() {
    let policy = policy(&with_rules(vec![rule(RuleAction::Block, |m| {
        m.ip = vec!["10.0.0.0/8".parse().unwrap()];
        m.port = vec![(80, 80)];
    })]));
    let mut asked = asked("a.test:80");
    assert!(decide(&asked.request(), &policy).wants_addresses);
    asked.addresses = vec![
        "192.0.2.1".parse().unwrap(),
        "::ffff:10.0.0.1".parse().unwrap(),
    ];
    let verdict = decide(&asked.request(), &policy);
    assert_eq!(verdict.action, Action::Block);
    assert!(!verdict.wants_addresses);
    let other = given::asked("a.test:81");
    assert!(
        !decide(&other.request(), &policy).wants_addresses,
        "the port does not match anyway"
    );
}

fn network(text: &str) -> Vec<ipnet::IpNet> {
    vec![text.parse().unwrap()]
}

#[test]
fn a_fallback_to_direct_holds_where_the_rule_or_the_mode_says_so_and_no_kill_switch_forbids_it() {
    let mut config = with_rules(vec![rule(RuleAction::Outbound("office".into()), |m| {
        m.port = vec![(1, 1)]
    })]);
    let both = |config: &privet_config::Config, mode: &str| {
        let policy = policy(config).in_mode(mode).unwrap();
        [1, 2].map(|port| way(&asked(&format!("a.test:{port}")), &policy))
    };
    assert_eq!(both(&config, "office"), ["office Rule", "tor Mode"]);
    config.rules[0].fallback = Fallback::Direct;
    assert_eq!(
        both(&config, "office"),
        ["office or direct Rule", "tor Mode"]
    );
    config.modes.get_mut("office").unwrap().fallback = Fallback::Direct;
    assert_eq!(
        both(&config, "office"),
        ["office or direct Rule", "tor or direct Mode"]
    );
    assert_eq!(both(&config, "strict"), ["office Rule", "auto Mode"]);
}

#[test]
fn a_rule_that_could_not_be_evaluated_refuses_where_the_outcome_depends_on_it() {
    let by_ip = rule(RuleAction::Block, |m| m.ip = network("10.0.0.0/8"));
    let by_app = rule(RuleAction::Block, |m| m.app = strings(["curl"]));
    let all = rule(RuleAction::Block, |_| {});
    let failed = |rules| {
        let policy = policy(&with_rules(rules));
        let asked = asked("a.test:80");
        let request = Request {
            addresses: Addresses::Failed,
            app: Program::Undetermined,
            ..asked.request()
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
fn a_client_without_a_program_of_this_machine_matches_no_app_rule() {
    let policy = policy(&with_rules(vec![rule(RuleAction::Block, |m| {
        m.app = strings(["curl"])
    })]));
    assert_eq!(way(&asked("a.test:80"), &policy), "direct Mode");
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
        let told = explain(&asked(target).request(), &policy);
        (told.verdict.wants_addresses, told.steps[1].message.code)
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
    let mut known = asked("a.test:1");
    known.addresses = vec!["192.0.2.1".parse().unwrap()];
    let told = explain(&known.request(), &policy(&with_rules(vec![by_ip()])));
    let text = &told.steps[1].text;
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
        assert_eq!(way(&asked(target), &policy), "block Loop", "{target}");
    }
    let mut named = asked("harmless.test:7280");
    assert_eq!(way(&named, &policy), "direct Rule");
    named.addresses = vec!["127.0.0.1".parse().unwrap()];
    assert_eq!(way(&named, &policy), "block Loop");
}

#[test]
fn the_filter_checks_allow_then_deny_then_lists_and_names_them_all() {
    let mut config = config();
    config.filter.allow = strings(["good.test"]);
    config.filter.deny = strings(["*.bad.test", "worse.good.test"]);
    config.filter.lists = vec![list("one"), list("two"), list("unused")];
    config.filter.lists[2].enabled = false;
    let lists = [
        parsed("unused", "0.0.0.0 c.test\n"),
        parsed("two", "# two\nads.test\n"),
        parsed(
            "one",
            "0.0.0.0 x.test\n0.0.0.0 www.ads.test\n0.0.0.0 good.test\n",
        ),
    ];
    let policy = Policy::compile(&config, &lists, own()).unwrap();
    for (target, want) in [
        ("good.test:1", "direct Mode"),
        ("worse.good.test:1", "direct Mode"),
        ("bad.test:1", "block Deny"),
        ("x.bad.test:1", "block Deny"),
        ("x.test:1", "block List"),
        ("y.x.test:1", "direct Mode"),
        ("c.test:1", "direct Mode"),
    ] {
        assert_eq!(way(&asked(target), &policy), want, "{target}");
    }
    let both = asked("www.ads.test:443");
    let verdict = decide(&both.request(), &policy);
    assert_eq!(
        &*verdict.why.text,
        "www.ads.test is blocked by list “one” (line 2) and list “two” (line 2)"
    );
    let explanation = explain(&both.request(), &policy);
    let lines: Vec<_> = explanation
        .steps
        .iter()
        .filter(|s| s.list.is_some())
        .collect();
    assert_eq!(
        lines
            .iter()
            .map(|s| (s.line, s.matched))
            .collect::<Vec<_>>(),
        [(Some(2), true); 2]
    );
    assert_eq!(lines[1].text, "it blocks ads.test, of which this is a part");
    assert_eq!(lists[1].hits(), 1, "explaining counts nothing");
    assert_eq!(way(&both, &policy.in_mode("off").unwrap()), "direct Mode");
}

#[test]
fn a_rule_with_a_route_keeps_the_filter_out_only_where_it_says_so() {
    let mut config = with_rules(vec![rule(RuleAction::Direct, |m| {
        m.domain = strings(["bad.test"])
    })]);
    config.filter.deny = strings(["bad.test"]);
    assert_eq!(way(&asked("bad.test:1"), &policy(&config)), "block Deny");
    config.rules[0].filter = false;
    assert_eq!(way(&asked("bad.test:1"), &policy(&config)), "direct Rule");
    assert_eq!(way(&asked("x.bad.test:1"), &policy(&config)), "block Deny");
    let told = explain(&asked("bad.test:1").request(), &policy(&config));
    let step = told.steps.last().unwrap();
    assert_eq!(step.text, "rule 1 (line 10) has filter = false");
}

#[test]
fn a_kill_switch_refuses_direct_routes_without_exception() {
    let config = with_rules(vec![
        rule(RuleAction::Direct, |m| m.port = vec![(1, 1)]),
        rule(RuleAction::Outbound("tor".into()), |m| {
            m.port = vec![(2, 2)]
        }),
    ]);
    let policy = policy(&config);
    let strict = policy.in_mode("strict").unwrap();
    assert_eq!(way(&asked("a.test:1"), &strict), "block KillSwitch");
    assert_eq!(way(&asked("a.test:2"), &strict), "tor Rule");
    assert_eq!(
        way(&asked("a.test:3"), &strict),
        "auto Mode",
        "the first group"
    );
    assert!(strict.permit().is_none() && policy.permit().is_some());
    let sealed = policy.in_mode("sealed").unwrap();
    assert_eq!(way(&asked("a.test:3"), &sealed), "block KillSwitch");
    assert!(policy.in_mode("nothing").is_none());
    assert_ne!(strict.generation(), sealed.generation());
}

#[test]
fn strict_uses_the_first_upstream_without_a_group_and_refuses_without_any() {
    let mut config = config();
    config.mode = "strict".into();
    config.groups.clear();
    assert_eq!(way(&asked("a.test:1"), &policy(&config)), "office Mode");
    config.upstreams.clear();
    config.modes.remove("office");
    let policy = policy(&config);
    assert_eq!(way(&asked("a.test:1"), &policy), "block KillSwitch");
    let why = decide(&asked("a.test:1").request(), &policy).why.text;
    assert_eq!(
        &*why,
        "mode “strict” needs an upstream, and none is configured"
    );
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
fn an_explanation_tells_every_rule_with_its_reason() {
    let policy = policy(&with_rules(vec![
        rule(RuleAction::Block, |m| m.domain = strings(["other.test"])),
        rule(RuleAction::Block, |m| m.port = vec![(1, 1)]),
        rule(RuleAction::Direct, |m| m.domain_suffix = strings(["test"])),
        rule(RuleAction::Direct, |_| {}),
    ]));
    let explanation = explain(&asked("a.test:443").request(), &policy);
    let steps: Vec<_> = explanation
        .steps
        .iter()
        .map(|s| (s.what.as_str(), s.line, s.matched, s.text.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("loop", None, false, "the target is not Privet itself"),
            ("rule 1", Some(10), false, "its `domain` does not match"),
            ("rule 2", Some(20), false, "its `port` does not match"),
            (
                "rule 3",
                Some(30),
                true,
                "all its keys match: rule 3 (line 30) sends it direct"
            ),
            ("filter.allow", None, false, "it does not name the host"),
            ("filter.deny", None, false, "it does not name the host"),
            (
                "rule 3",
                Some(30),
                true,
                "the filter lets it pass: rule 3 (line 30) sends it direct"
            ),
        ]
    );
}

#[test]
fn a_long_explanation_is_bounded_and_names_the_deciding_step() {
    let mut rules = vec![rule(RuleAction::Block, |m| m.port = vec![(1, 1)]); 10_000];
    rules.push(rule(RuleAction::Direct, |m| m.domain = strings(["a.test"])));
    let explanation = explain(&asked("a.test:443").request(), &policy(&with_rules(rules)));
    assert!(explanation.steps.len() <= MAX_STEPS + 3);
    assert_eq!(explanation.steps.last().unwrap().what, "rule 10001");
}

#[test]
fn a_policy_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Policy>();
    shared::<List>();
}

#[test]
fn a_list_on_probation_blocks_nothing_and_reports_what_it_would_block() {
    let mut config = config();
    config.filter.lists = vec![list("new"), list("old")];
    config.filter.allow = strings(["good.test"]);
    let hit_counter = Arc::new(privet_policy::ListHitCounter::default());
    let until = NOW + Duration::from_secs(3600);
    let new = parsed(
        "new",
        "0.0.0.0 ads.test\n0.0.0.0 both.test\n0.0.0.0 good.test\n",
    );
    let new = Arc::new(new.with_hit_counter(hit_counter.clone(), Some(until)));
    let lists = [new, parsed("old", "0.0.0.0 both.test\n")];
    let policy = Policy::compile(&config, &lists, own()).unwrap();

    let ads = asked("ads.test:443");
    let verdict = decide(&ads.request(), &policy);
    assert_eq!(verdict.why.kind, WhyKind::Mode);
    let said = "list “new” (line 1) would block it (counting until 1970-01-01T01:00:00Z)";
    assert!(verdict.why.text.ends_with(said), "{}", verdict.why.text);
    assert_eq!(explain(&ads.request(), &policy).verdict, verdict);
    assert_eq!(way(&asked("both.test:443"), &policy), "block List");
    assert_eq!(way(&asked("good.test:443"), &policy), "direct Mode");

    let step = &explain(&ads.request(), &policy).steps;
    let step = step.iter().find(|step| step.list.is_some()).unwrap();
    assert!(
        step.matched
            && step
                .text
                .starts_with("it would block ads.test; it only counts until")
    );

    let counted: Vec<_> = (hit_counter.take_hosts().into_iter()).collect();
    assert_eq!(
        (hit_counter.hits(), hit_counter.would_block()),
        (0, counted.iter().map(|c| c.1).sum())
    );
    assert!(counted.iter().any(|(host, n)| host == "ads.test" && *n > 0));

    let later = Asked { at: until, ..ads };
    assert_eq!(way(&later, &policy), "block List", "the probation is over");
    assert_eq!(hit_counter.hits(), 1);
}

#[test]
fn an_update_that_newly_blocks_a_used_site_is_distinguished() {
    use privet_policy::{Host, VisitedSite, newly_blocked};
    let used = |names: &[&str]| -> Vec<VisitedSite> {
        let of = |name: &&str| VisitedSite {
            host: Host::parse(name).unwrap(),
            connections: 9,
        };
        names.iter().map(of).collect()
    };
    let mut config = with_rules(vec![rule(RuleAction::Direct, |m| {
        m.domain = strings(["ruled.test"])
    })]);
    config.rules[0].filter = false;
    config.filter.lists = vec![list("one"), list("two")];
    config.filter.allow = strings(["allowed.test"]);
    let lists = [
        parsed("one", "0.0.0.0 old.test\n"),
        parsed("two", "0.0.0.0 other.test\n"),
    ];
    let policy = Policy::compile(&config, &lists, own()).unwrap();
    let all = used(&[
        "old.test",
        "other.test",
        "ruled.test",
        "allowed.test",
        "mine.test",
        "1.2.3.4",
    ]);
    for (update, want) in [
        ("0.0.0.0 old.test\n0.0.0.0 new.test\n", &[][..]),
        ("0.0.0.0 mine.test\n", &["mine.test"]),
        ("||mine.test^\n@@||mine.test^\n", &[]),
        (
            "0.0.0.0 other.test\n0.0.0.0 ruled.test\n0.0.0.0 allowed.test\n",
            &[],
        ),
        ("mine.test\n1.2.3.4\n", &["mine.test", "1.2.3.4"]),
    ] {
        for mode in ["standard", "off", "strict"] {
            let policy = policy.in_mode(mode).unwrap();
            let found = newly_blocked(&policy, parsed("one", update), &all, NOW);
            assert_eq!(found, used(want), "{update:?} in {mode}");
        }
    }
}

#[test]
fn third_party_rules_apply_where_the_page_is_known() {
    let mut config = config();
    config.filter.lists = vec![list("one")];
    let lists = [parsed(
        "one",
        "[Adblock Plus 2.0]\n||far.test^$third-party\n/banner.$domain=shop.test\n",
    )];
    let policy = Policy::compile(&config, &lists, own()).unwrap();
    let way = |url: &str, page: Option<&str>| {
        let asked = Asked {
            protocol: Protocol::Http,
            url: Some(url.to_owned()),
            page: page.map(str::to_owned),
            target: Target::from_url(url).unwrap(),
            ..asked("x.test:80")
        };
        way(&asked, &policy)
    };
    for (url, page, want) in [
        ("http://far.test/x", None, "direct Mode"),
        ("http://far.test/x", Some("www.far.test"), "direct Mode"),
        ("http://far.test/x", Some("near.test"), "block List"),
        (
            "http://any.test/banner.png",
            Some("www.shop.test"),
            "block List",
        ),
        (
            "http://any.test/banner.png",
            Some("near.test"),
            "direct Mode",
        ),
        ("http://any.test/banner.png", None, "direct Mode"),
    ] {
        assert_eq!(way(url, page), want, "{url} from {page:?}");
    }
}

#[test]
fn an_exception_of_one_list_holds_against_the_others() {
    let mut config = config();
    config.filter.lists = vec![list("block"), list("allow")];
    let parse = |name: &str, text: &str| {
        Arc::new(List::parse(name, text.as_bytes(), ListFormat::Adblock).unwrap())
    };
    let block = parse(
        "block",
        "||a.test^\n||b.test^$important\n||c.test^\n198.51.100.0/24\n||mine.test^\n",
    );
    let allow = parse("allow", "@@||a.test^\n@@||b.test^\n");
    let own = OwnEndpoints {
        names: vec![Host::parse("mine.test").unwrap()],
        ..own()
    };
    let policy = Policy::compile(&config, &[block, allow], own).unwrap();
    let asked = |host: &str, addresses: &[std::net::IpAddr]| {
        let target = Target {
            host: Host::parse(host).unwrap(),
            port: 443,
        };
        let request = Request {
            listener: Listener::Mixed,
            client: "127.0.0.1:9".parse().unwrap(),
            protocol: Protocol::Connect,
            user: None,
            app: Program::Absent,
            target: &target,
            addresses: addresses.into(),
            url: None,
            page: None,
            at: NOW,
        };
        explain(&request, &policy)
    };
    let listed = ["198.51.100.7".parse().unwrap()];
    for (host, addresses, blocked) in [
        ("a.test", &[][..], false),
        ("b.test", &[], true),
        ("c.test", &[], true),
        ("mine.test", &[], false),
        ("other.test", &listed, true),
        ("a.test", &listed, false),
    ] {
        let explained = asked(host, addresses);
        let is_blocked = explained.verdict.action == Action::Block;
        assert_eq!(is_blocked, blocked, "{host} {:?}", explained.steps);
    }
    let steps = asked("a.test", &[]).steps;
    assert!(
        steps
            .iter()
            .any(|step| step.message.code == "list.exceptsAll")
    );
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
        let asked = Asked {
            addresses: resolved.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..asked(target)
        };
        let request = Request {
            client: client.parse().unwrap(),
            ..asked.request()
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
