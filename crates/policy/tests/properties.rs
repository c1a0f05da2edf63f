//! Properties of every policy and every request.

mod given;

use given::random::{any_request, config, list_text};
use given::{TestRequest, own, parsed};
use privet_config::{Config, Fallback, RouteRef, Rule, RuleAction};
use privet_policy::*;
use proptest::prelude::*;

fn compiled(config: &Config, lists: &[String; 2]) -> Policy {
    let lists = [parsed("one", &lists[0]), parsed("two", &lists[1])];
    let own = OwnEndpoints {
        names: vec![Host::parse("nest.lan").unwrap()],
        ..own()
    };
    Policy::compile(config, &lists, own).unwrap()
}

fn lists() -> impl Strategy<Value = [String; 2]> {
    [list_text(), list_text()]
}

/// First match, read off the configuration word by word: slow, and without an index. The place of the rule.
fn plain_first_rule(config: &Config, request: &TestRequest) -> Option<usize> {
    config.rules.iter().position(|rule| says(rule, request))
}

fn says(rule: &Rule, request: &TestRequest) -> bool {
    let m = &rule.matcher;
    let host = request.target.host.to_string();
    let one = |entries: &[String], is: &dyn Fn(&str) -> bool| {
        entries.is_empty() || entries.iter().any(|e| is(e))
    };
    let ips = match request.target.host.ip() {
        Some(ip) => vec![ip],
        None => request.addresses.clone(),
    };
    let protocol = request.protocol.name();
    let protocols: Vec<String> = m.protocol.iter().map(ToString::to_string).collect();
    rule.until.is_none_or(|until| request.at < until)
        && one(&m.domain, &|d| d == host)
        && one(&m.domain_suffix, &|d| {
            host == d || host.ends_with(&format!(".{d}"))
        })
        && one(&m.domain_regex, &|r| regex_lite(r, &host))
        && (m.ip.is_empty() || ips.iter().any(|ip| m.ip.iter().any(|net| net.contains(ip))))
        && (m.port.is_empty()
            || m.port
                .iter()
                .any(|p| (p.0..=p.1).contains(&request.target.port)))
        && one(&m.user, &|u| Some(u) == request.user.as_deref())
        && one(&m.app, &|a| {
            request.app.as_ref().is_some_and(|app| {
                a.eq_ignore_ascii_case(&app.name) || Some(a) == app.path.as_deref()
            })
        })
        && one(&protocols, &|p| {
            p == protocol
                || (p == "socks5" && protocol == "udp")
                || (p == "http" && protocol == "connect")
        })
}

/// The three patterns that the random rules are made of.
fn regex_lite(pattern: &str, host: &str) -> bool {
    match pattern {
        "^ads\\d" => host
            .strip_prefix("ads")
            .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())),
        "a\\." => host.contains("a."),
        "^10\\." => host.starts_with("10."),
        other => unreachable!("{other}"),
    }
}

fn step_that_decides(config: &Config, request: &TestRequest) -> WhyKind {
    let mode = &config.modes[&config.mode];
    let rule = plain_first_rule(config, request).map(|at| &config.rules[at]);
    if rule.is_some_and(|rule| rule.action == RuleAction::Block) {
        return WhyKind::Rule;
    }
    let host = request.target.host.to_string();
    let covers = |entries: &[String]| {
        let mut entries = entries.iter();
        entries.any(|entry| host == *entry || host.ends_with(&format!(".{entry}")))
    };
    let filters = mode.filter && rule.is_none_or(|rule| rule.filter);
    if filters && !covers(&config.filter.allow) && covers(&config.filter.deny) {
        return WhyKind::Deny;
    }
    let direct = match rule {
        Some(rule) => rule.action == RuleAction::Direct,
        None => mode.route == RouteRef::Direct,
    };
    match rule {
        _ if direct && mode.kill_switch => WhyKind::KillSwitch,
        Some(_) => WhyKind::Rule,
        None => WhyKind::Mode,
    }
}

fn is_direct(verdict: &Verdict) -> bool {
    matches!(verdict.action, Action::Route(Route::Direct(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn engine_and_simulator_agree(config in config(false), lists in lists(), request in any_request()) {
        let policy = compiled(&config, &lists);
        let decided = decide(&request.borrowed(), &policy);
        let explanation = explain(&request.borrowed(), &policy);
        prop_assert_eq!(&explanation.verdict, &decided);
        prop_assert_eq!(&simulate(&request.borrowed(), &policy), &decided);
        // The last step that matched is the one that decided, and the reason is in it.
        let last = explanation.steps.iter().rfind(|s| s.matched).unwrap();
        let of = match decided.why.kind {
            WhyKind::Loop => "loop",
            WhyKind::OwnNetwork => "own network",
            WhyKind::Rule => "rule ",
            WhyKind::Deny => "filter.deny",
            WhyKind::List => "list ",
            WhyKind::Mode => "mode ",
            WhyKind::KillSwitch => "",
            WhyKind::Undetermined => "rule ",
            WhyKind::Site => "nothing that the policy decides",
        };
        prop_assert!(last.what.starts_with(of), "{:?} {:?}", last, decided);
    }

    #[test]
    fn the_index_finds_the_rule_that_reading_the_file_finds(mut config in config(false), request in any_request()) {
        config.filter.deny.clear();
        let policy = compiled(&config, &[String::new(), String::new()]);
        let verdict = decide(&request.borrowed(), &policy);
        if verdict.why.kind != WhyKind::Loop {
            let rule = plain_first_rule(&config, &request);
            let text = verdict.why.text.to_string();
            match rule {
                Some(at) => prop_assert!(text.starts_with(&format!("rule {} (", at + 1)), "{at} {text}"),
                None => prop_assert!(!text.starts_with("rule "), "{text}"),
            }
        }
    }

    #[test]
    fn a_shadowed_rule_never_decides(config in config(false), all in proptest::collection::vec(any_request(), 20)) {
        let policy = compiled(&config, &[String::new(), String::new()]);
        let shadowed = shadowed_rules(&config, given::NOW).unwrap();
        for request in all {
            let explained = explain(&request.borrowed(), &policy);
            let ids: Vec<_> = policy.active_rules().map(|rule| rule.id).collect();
            let decided = explained.rule.map(|id| ids.iter().position(|known| **known == id).unwrap() + 1);
            prop_assert!(
                !shadowed.iter().any(|shadow| Some(shadow.number) == decided),
                "{shadowed:?} {decided:?} {request:?}"
            );
        }
    }

    #[test]
    fn every_decision_of_a_rule_is_counted_once_and_no_other(config in config(false), request in any_request()) {
        let policy = compiled(&config, &[String::new(), String::new()]);
        explain(&request.borrowed(), &policy);
        simulate(&request.borrowed(), &policy);
        reconsider(&request.borrowed(), &policy);
        prop_assert!(policy.active_rules().all(|rule| rule.hit_counter.read().hits == 0));
        decide(&request.borrowed(), &policy);
        let decided = explain(&request.borrowed(), &policy).rule;
        for rule in policy.active_rules() {
            prop_assert_eq!(rule.hit_counter.read().hits, u64::from(decided.as_ref() == Some(rule.id)));
        }
    }

    #[test]
    fn allow_beats_deny_and_every_list(mut config in config(false), lists in lists(), request in any_request()) {
        config.filter.allow.push(request.target.host.to_string());
        let verdict = decide(&request.borrowed(), &compiled(&config, &lists));
        prop_assert!(!matches!(verdict.why.kind, WhyKind::Deny | WhyKind::List), "{verdict:?}");
    }

    #[test]
    fn a_kill_switch_never_goes_direct_and_never_permits_it(
        config in config(false), lists in lists(), request in any_request(), mode in prop_oneof![Just("strict"), Just("sealed")],
    ) {
        let policy = compiled(&config, &lists).in_mode(mode).unwrap();
        prop_assert!(policy.permit().is_none());
        match decide(&request.borrowed(), &policy).action {
            Action::Block | Action::Route(Route::Via { fallback: None, .. }) => {}
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn without_a_kill_switch_only_a_stated_reason_blocks(config in config(false), lists in lists(), request in any_request()) {
        let policy = compiled(&config, &lists).in_mode("off").unwrap();
        let verdict = decide(&request.borrowed(), &policy);
        let rule = plain_first_rule(&config, &request).map(|at| &config.rules[at].action);
        match verdict.why.kind {
            WhyKind::Loop => prop_assert!(request.target.port == 7280),
            WhyKind::Rule => prop_assert_eq!(verdict.action == Action::Block, rule == Some(&RuleAction::Block)),
            WhyKind::Mode => prop_assert!(is_direct(&verdict)),
            kind => prop_assert!(false, "mode off never decides by {kind:?}"),
        }
    }

    #[test]
    fn deciding_again_with_addresses_is_needed_only_when_reported(mut config in config(false), request in any_request()) {
        config.rules.iter_mut().for_each(|rule| rule.resolve = true);
        let policy = compiled(&config, &[String::new(), String::new()]);
        let mut blind = request.clone();
        blind.addresses.clear();
        let first = decide(&blind.borrowed(), &policy);
        let then = decide(&request.borrowed(), &policy);
        let goes_on_unresolved = matches!(first.action, Action::Route(Route::Via { .. }));
        if !first.wants_addresses
            && then.why.kind != WhyKind::Loop
            && policy.resolves_names()
            && !goes_on_unresolved
        {
            prop_assert_eq!(first.action, then.action);
        }
    }

    /// The table "The order of the steps" of docs/configuration.md, read word by word.
    #[test]
    fn the_steps_hold_in_their_documented_order(config in config(false), request in any_request()) {
        let policy = compiled(&config, &[String::new(), String::new()]);
        let known = !request.addresses.is_empty() || request.target.host.ip().is_some();
        let verdict = decide(&request.borrowed(), &policy);
        if known && verdict.why.kind != WhyKind::Loop {
            prop_assert_eq!((step_that_decides(&config, &request), &verdict.action), (verdict.why.kind, &verdict.action));
            let rule = plain_first_rule(&config, &request).map(|at| &config.rules[at]);
            if let Action::Route(Route::Via { fallback, .. }) = &verdict.action {
                let written = rule.map_or(config.modes[&config.mode].fallback, |rule| rule.fallback);
                let kill_switch = config.modes[&config.mode].kill_switch;
                prop_assert_eq!(fallback.is_some(), written == Fallback::Direct && !kill_switch);
            }
        }
    }

    #[test]
    fn what_could_not_be_evaluated_opens_no_way(config in config(false), request in any_request()) {
        let policy = compiled(&config, &[String::new(), String::new()]);
        let blind = Request {
            addresses: Addresses::Failed,
            app: Program::Undetermined,
            ..request.borrowed()
        };
        let passed = decide(&blind, &policy);
        let forbids = policy.resolves_names();
        // Whatever the program and the addresses are, the outcome is the same, or the connection was refused.
        if forbids && passed.action != Action::Block {
            for addresses in given::random::ADDRESSES {
                let addresses = [addresses.parse().unwrap()];
                for program in [None, Some(given::app("curl", "/usr/bin/curl")), Some(given::app("firefox", "/x"))] {
                    let seen = Request {
                        addresses: Addresses::Known(&addresses),
                        app: program.as_ref().into(),
                        ..request.borrowed()
                    };
                    let verdict = decide(&seen, &policy);
                    if verdict.why.kind != WhyKind::Loop {
                        prop_assert_eq!(&verdict.action, &passed.action);
                    }
                }
            }
        }
    }
}
