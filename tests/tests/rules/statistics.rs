//! Hits of rules, and rules that never match.

use privet_tests::{Origin, Privet};
use serde_json::{Value, json};

use crate::support::{block, direct, reaches, rules};

#[test]
fn rule_hits_survive_reloads_and_restarts() {
    let (one, two) = (Origin::echo().port(), 1);
    let kept = "[log]\nconnections = \"7d\"\n";
    let mut privet = Privet::start(&format!("{kept}{}{}", direct(one), block(two)));
    let since = rules(&privet)[0]["since_ms"].as_u64().expect("a time");
    for rule in rules(&privet) {
        assert_eq!(
            (&rule["hits"], &rule["last_hit_ms"]),
            (&json!(0), &Value::Null)
        );
    }
    for _ in 0..3 {
        reaches(&privet, one);
    }
    reaches(&privet, two);
    // A simulation is no hit.
    privet.cli(&["why", &format!("127.0.0.1:{one}")]).good();
    let counted = rules(&privet);
    let hits = |rules: &[Value]| -> Vec<u64> {
        rules
            .iter()
            .map(|rule| rule["hits"].as_u64().expect("a number"))
            .collect()
    };
    assert_eq!(hits(&counted), [3, 1]);
    assert!(counted[0]["last_hit_ms"].as_u64().expect("a time") >= since);
    // A moved rule keeps its hits; a changed one does not.
    privet
        .sandbox
        .write(&format!("{kept}{}{}{}", block(9), block(two), direct(one)));
    let moved = privet.await_api("rules", |answer| {
        answer["rules"]
            .as_array()
            .is_some_and(|rules| rules.len() == 3)
    });
    let moved = moved["rules"].as_array().expect("rules").clone();
    assert_eq!(hits(&moved), [0, 1, 3]);
    assert_eq!(moved[2]["id"], counted[0]["id"]);
    privet.restart();
    let again = rules(&privet);
    assert_eq!(hits(&again), [0, 1, 3]);
    assert_eq!(again[2]["since_ms"], json!(since));
    let output = privet.cli(&["rules"]).good();
    assert!(output.contains("never matched, counted since"), "{output}");
    // Where connections may not be on disk, hits are not stored either.
    privet.sandbox.write(&direct(one));
    privet.await_api("config", |config| config["log"]["connections"] == "memory");
    privet.restart();
    assert!(!privet.sandbox.dir().join("data/rules.json").exists());
    assert_eq!(hits(&rules(&privet)), [0]);
}

#[test]
fn a_rule_that_can_never_match_is_reported_with_its_line() {
    let text = "[[rule]]\nmatch = { domain_suffix = [\"test\"] }\nuse = \"block\"\n\n\
                [[rule]]\nmatch = { domain = [\"a.test\"] }\nuse = \"direct\"\n\n\
                [[rule]]\nmatch = { domain = [\"a.example\"] }\nuse = \"direct\"\n";
    let privet = Privet::start(text);
    let config = privet.sandbox.config();
    let checked = privet.cli(&["--config", &config.display().to_string(), "check"]);
    let output = checked.clone().good();
    assert!(output.contains(":5:1"), "{output}");
    assert!(
        output.contains("rule 2 can never match: rule 1 (line 1) matches all of it first"),
        "{output}"
    );
    assert!(!output.contains("rule 3 can never"), "{output}");
    let shadows: Vec<Value> = rules(&privet)
        .iter()
        .map(|rule| rule["shadowed_by"].clone())
        .collect();
    assert_eq!(
        shadows,
        [json!([]), json!([{"number": 1, "line": 1}]), json!([])]
    );
    let output = privet.cli(&["rules"]).good();
    assert!(
        output.contains("never matches: covered by rule 1"),
        "{output}"
    );
    // A dry run reports it too.
    let body = json!({"rule": {"match": {"domain": ["b.test"]}, "use": "direct"}, "position": 8});
    let (_, would) = privet.api("POST", "rules?dry_run=true", Some(&body));
    let warnings = would["warnings"].to_string();
    assert!(warnings.contains("rule 4 can never match"), "{warnings}");
    // Moved before the other rule it can match.
    privet.cli(&["rules", "move", "2", "1"]).good();
    assert!(
        rules(&privet)
            .iter()
            .all(|rule| rule["shadowed_by"] == json!([]))
    );
}
