//! Explanations of decisions.

use privet_config::RuleAction;
use privet_policy::*;

use crate::given::*;

#[test]
fn an_explanation_tells_every_rule_with_its_reason() {
    let policy = policy(&with_rules(vec![
        rule(RuleAction::Block, |m| m.domain = strings(["other.test"])),
        rule(RuleAction::Block, |m| m.port = vec![(1, 1)]),
        rule(RuleAction::Direct, |m| m.domain_suffix = strings(["test"])),
        rule(RuleAction::Direct, |_| {}),
    ]));
    let explanation = explain(&request_to("a.test:443").borrowed(), &policy);
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
    let explanation = explain(
        &request_to("a.test:443").borrowed(),
        &policy(&with_rules(rules)),
    );
    assert!(explanation.steps.len() <= MAX_STEPS + 3);
    assert_eq!(explanation.steps.last().unwrap().what, "rule 10001");
}
