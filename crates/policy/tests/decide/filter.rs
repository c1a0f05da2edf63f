//! `[filter]` and the lists.

use std::sync::Arc;
use std::time::Duration;

use privet_config::{ListFormat, RuleAction};
use privet_policy::*;

use crate::given::*;
use crate::support::way;

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
        assert_eq!(way(&request_to(target), &policy), want, "{target}");
    }
    let both = request_to("www.ads.test:443");
    let verdict = decide(&both.borrowed(), &policy);
    assert_eq!(
        &*verdict.why.text,
        "www.ads.test is blocked by list “one” (line 2) and list “two” (line 2)"
    );
    let explanation = explain(&both.borrowed(), &policy);
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
    assert_eq!(
        way(&request_to("bad.test:1"), &policy(&config)),
        "block Deny"
    );
    config.rules[0].filter = false;
    assert_eq!(
        way(&request_to("bad.test:1"), &policy(&config)),
        "direct Rule"
    );
    assert_eq!(
        way(&request_to("x.bad.test:1"), &policy(&config)),
        "block Deny"
    );
    let explained = explain(&request_to("bad.test:1").borrowed(), &policy(&config));
    let step = explained.steps.last().unwrap();
    assert_eq!(step.text, "rule 1 (line 10) has filter = false");
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

    let ads = request_to("ads.test:443");
    let verdict = decide(&ads.borrowed(), &policy);
    assert_eq!(verdict.why.kind, WhyKind::Mode);
    let said = "list “new” (line 1) would block it (counting until 1970-01-01T01:00:00Z)";
    assert!(verdict.why.text.ends_with(said), "{}", verdict.why.text);
    assert_eq!(explain(&ads.borrowed(), &policy).verdict, verdict);
    assert_eq!(way(&request_to("both.test:443"), &policy), "block List");
    assert_eq!(way(&request_to("good.test:443"), &policy), "direct Mode");

    let step = &explain(&ads.borrowed(), &policy).steps;
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

    let later = TestRequest { at: until, ..ads };
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
        let request = TestRequest {
            protocol: Protocol::Http,
            url: Some(url.to_owned()),
            page: page.map(str::to_owned),
            target: Target::from_url(url).unwrap(),
            ..request_to("x.test:80")
        };
        way(&request, &policy)
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
    let request = |host: &str, addresses: &[std::net::IpAddr]| {
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
        let explained = request(host, addresses);
        let is_blocked = explained.verdict.action == Action::Block;
        assert_eq!(is_blocked, blocked, "{host} {:?}", explained.steps);
    }
    let steps = request("a.test", &[]).steps;
    assert!(
        steps
            .iter()
            .any(|step| step.message.code == "list.exceptsAll")
    );
}
