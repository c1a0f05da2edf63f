//! Temporary rules: before all others, for all connections or for one.

mod given;

use std::sync::Arc;

use given::{own, request_to, rule, strings, with_rules};
use privet_config::{Config, RuleAction};
use privet_policy::*;

fn block_a(once: bool) -> TemporaryRule {
    TemporaryRule {
        number: 7,
        rule: rule(RuleAction::Block, |m| m.domain = strings(["a.test"])),
        single_use: once.then(Arc::default),
        hit_counter: Arc::default(),
    }
}

fn policy(config: &Config, temporary: &[TemporaryRule]) -> Policy {
    Policy::compile_with(config, temporary, &RuleHitCounters::default(), &[], own()).unwrap()
}

fn is_blocked(verdict: &Verdict) -> bool {
    verdict.action == Action::Block
}

#[test]
fn temporary_rules_precede_the_files_rules_and_keep_their_numbers() {
    let file = with_rules(vec![rule(RuleAction::Direct, |m| m.port = vec![(80, 80)])]);
    let policy = policy(&file, &[block_a(false)]);
    let explanation = explain(&request_to("a.test:80").borrowed(), &policy);
    assert_eq!(explanation.rule.as_deref(), Some("t7"));
    assert_eq!(
        explanation.verdict.why.text.as_ref(),
        "temporary rule 7 blocks it"
    );
    let other = explain(&request_to("b.test:80").borrowed(), &policy);
    assert_eq!(
        other.verdict.why.text.as_ref(),
        "rule 1 (line 10) sends it direct"
    );
}

#[test]
fn once_is_only_the_next_connection_that_matches() {
    let one = block_a(true);
    let policy = policy(&given::config(), std::slice::from_ref(&one));
    let (ask, other) = (request_to("a.test:80"), request_to("b.test:80"));
    let first = ask.borrowed();
    let mut second = ask.borrowed();
    second.client.set_port(50001);
    // A simulation does not claim it, nor does a request that does not match, nor an earlier connection.
    assert!(is_blocked(&simulate(&first, &policy)) && is_blocked(&simulate(&second, &policy)));
    assert!(!is_blocked(&decide(&other.borrowed(), &policy)));
    assert!(!is_blocked(&reconsider(&first, &policy)));
    assert!(is_blocked(&decide(&first, &policy)));
    assert!(!is_blocked(&decide(&second, &policy)));
    let explanation = explain(&second, &policy);
    assert!(
        explanation
            .steps
            .iter()
            .any(|s| s.text.contains("for one connection")),
        "{explanation:?}"
    );
    // The same connection, decided again after a reload, is the same connection.
    assert!(is_blocked(&reconsider(&first, &policy)) && is_blocked(&decide(&first, &policy)));
    let once = one.single_use.unwrap();
    assert_eq!(once.client(), Some(first.client));
    once.expire();
    assert!(!is_blocked(&decide(&first, &policy)));
}

#[test]
fn of_many_threads_one_claims_it() {
    let policy = policy(&given::config(), &[block_a(true)]);
    let threads: Vec<_> = (0..16u16)
        .map(|n| {
            let policy = policy.clone();
            std::thread::spawn(move || {
                let ask = request_to("a.test:80");
                let mut request = ask.borrowed();
                request.client.set_port(1000 + n);
                is_blocked(&decide(&request, &policy))
            })
        })
        .collect();
    let blocked = threads.into_iter().map(|t| t.join().unwrap());
    assert_eq!(blocked.filter(|blocked| *blocked).count(), 1);
}
