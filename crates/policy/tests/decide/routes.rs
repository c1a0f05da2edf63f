//! Modes, kill switches and fallbacks.

use privet_config::{Fallback, RuleAction};
use privet_policy::*;

use crate::given::*;
use crate::support::way;

#[test]
fn a_fallback_to_direct_holds_where_the_rule_or_the_mode_says_so_and_no_kill_switch_forbids_it() {
    let mut config = with_rules(vec![rule(RuleAction::Outbound("office".into()), |m| {
        m.port = vec![(1, 1)]
    })]);
    let both = |config: &privet_config::Config, mode: &str| {
        let policy = policy(config).in_mode(mode).unwrap();
        [1, 2].map(|port| way(&request_to(&format!("a.test:{port}")), &policy))
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
fn a_kill_switch_refuses_direct_routes_without_exception() {
    let config = with_rules(vec![
        rule(RuleAction::Direct, |m| m.port = vec![(1, 1)]),
        rule(RuleAction::Outbound("tor".into()), |m| {
            m.port = vec![(2, 2)]
        }),
    ]);
    let policy = policy(&config);
    let strict = policy.in_mode("strict").unwrap();
    assert_eq!(way(&request_to("a.test:1"), &strict), "block KillSwitch");
    assert_eq!(way(&request_to("a.test:2"), &strict), "tor Rule");
    assert_eq!(
        way(&request_to("a.test:3"), &strict),
        "auto Mode",
        "the first group"
    );
    assert!(strict.permit().is_none() && policy.permit().is_some());
    let sealed = policy.in_mode("sealed").unwrap();
    assert_eq!(way(&request_to("a.test:3"), &sealed), "block KillSwitch");
    assert!(policy.in_mode("nothing").is_none());
    assert_ne!(strict.generation(), sealed.generation());
}

#[test]
fn strict_uses_the_first_upstream_without_a_group_and_refuses_without_any() {
    let mut config = config();
    config.mode = "strict".into();
    config.groups.clear();
    assert_eq!(
        way(&request_to("a.test:1"), &policy(&config)),
        "office Mode"
    );
    config.upstreams.clear();
    config.modes.remove("office");
    let policy = policy(&config);
    assert_eq!(way(&request_to("a.test:1"), &policy), "block KillSwitch");
    let why = decide(&request_to("a.test:1").borrowed(), &policy).why.text;
    assert_eq!(
        &*why,
        "mode “strict” needs an upstream, and none is configured"
    );
}
