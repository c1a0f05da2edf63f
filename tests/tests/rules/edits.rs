//! Edits of rules by several clients.

use privet_tests::Privet;
use serde_json::{Value, json};

use crate::support::{add, block, file, rules};

#[test]
fn the_command_line_moves_and_removes_a_rule_with_its_comment() {
    let text = "[[rule]]\n# the first\nmatch = { port = [1] }\nuse = \"block\"\n\n\
                [[rule]]\n# the second\nmatch = { port = [2] }\nuse = \"direct\"\n\n\
                [listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n";
    let privet = Privet::start(text);
    privet.cli(&["rules", "move", "1", "2"]).good();
    let moved = file(&privet);
    assert!(
        moved.find("# the second") < moved.find("# the first"),
        "{moved}"
    );
    privet.cli(&["rules", "remove", "1"]).good();
    let left = file(&privet);
    assert!(
        !left.contains("# the second") && left.contains("# the first"),
        "{left}"
    );
    let missing = privet.cli(&["rules", "remove", "7"]);
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.err.contains("there is no rule 7"), "{missing:?}");
}

/// The rule as the configuration has it.
fn port_rule(port: u16, route: &str) -> Value {
    json!({ "match": { "port": [port] }, "use": route })
}

#[test]
fn an_edit_reaches_its_rule_although_another_client_inserts_one() {
    let privet = Privet::start(&format!("{}{}{}", block(1), block(2), block(3)));
    let third = rules(&privet)[2]["id"].as_str().expect("an id").to_owned();
    add(&privet, &json!({ "rule": port_rule(9, "block") }));
    let path = format!("rules/{third}");
    let edit = json!({ "rule": port_rule(3, "direct") });
    let version = format!("\"{third}\"");
    let (status, answer) = privet.api_if(&version, "PUT", &path, Some(&edit));
    assert_eq!(status, 200, "{answer}");
    let now: Vec<Value> = rules(&privet)
        .iter()
        .map(|rule| json!([rule["rule"]["match"]["port"][0], rule["rule"]["use"]]))
        .collect();
    assert_eq!(
        json!(now),
        json!([[9, "block"], [1, "block"], [2, "block"], [3, "direct"]])
    );
    // It is another rule now: an edit of what it was is refused.
    let (status, answer) = privet.api_if(&version, "PUT", &path, Some(&edit));
    assert_eq!(status, 412, "{answer}");
    assert_eq!(privet.api("PUT", &path, Some(&edit)).0, 404);
}

#[test]
fn a_change_of_another_version_is_refused_with_both() {
    let privet = Privet::start(&format!("[filter]\ndeny = [\"a.test\"]\n{}", block(1)));
    let (rules_tag, config_tag) = (privet.etag("rules"), privet.etag("config"));
    assert_eq!(privet.etag("rules"), rules_tag, "nothing was changed");
    let deny = json!({ "filter": { "deny": ["a.test", "b.test"] } });
    let (status, answer) = privet.api_if(&config_tag, "PATCH", "config", Some(&deny));
    assert_eq!(status, 200, "{answer}");
    // Another part was changed: the rules are still the same version, the configuration is not.
    let new = json!({ "rule": port_rule(2, "block") });
    let dry = "rules?dry_run=true";
    assert_eq!(privet.api_if(&rules_tag, "POST", dry, Some(&new)).0, 200);
    let before = file(&privet);
    for (tag, method, path, body) in [
        (&config_tag, "PATCH", "config", &deny),
        (&config_tag, "PUT", "config", &deny),
        (&config_tag, "POST", "rules", &new),
        (&config_tag, "POST", "changes/1/undo", &Value::Null),
        (&rules_tag, "PATCH", "config", &deny),
    ] {
        let (status, answer) = privet.api_if(tag, method, path, Some(body));
        assert_eq!(status, 412, "{method} {path}: {answer}");
        assert_eq!(answer["versions"]["requested"], **tag, "{answer}");
        let read = if path == "rules" { "rules" } else { "config" };
        assert_eq!(answer["versions"]["current"], privet.etag(read), "{answer}");
        assert_eq!(answer["type"], "urn:privet:problem:version");
    }
    assert_eq!(file(&privet), before);
    let current = format!("\"0\", {}", privet.etag("config"));
    for tag in [&current, "*"] {
        assert_eq!(privet.api_if(tag, "PATCH", "config", Some(&deny)).0, 200);
    }
    for path in ["lists", "upstreams", "config/file"] {
        privet.etag(path);
    }
}
