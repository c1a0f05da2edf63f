//! Rules for one connection, until quit, and for a time.

use privet_tests::client::socks5;
use privet_tests::{Origin, Privet};
use serde_json::{Value, json};

use crate::support::{add, block, file, reaches, rules};

#[test]
fn an_allow_once_rule_lets_exactly_one_connection_through() {
    let origin = Origin::echo();
    let privet = Privet::start(&block(origin.port()));
    let before = file(&privet);
    assert!(!reaches(&privet, origin.port()));
    let body = json!({
        "rule": {"match": {"port": [origin.port()]}, "use": "direct"},
        "for": "once",
    });
    // A dry run does not add it.
    privet.api("POST", "rules?dry_run=true", Some(&body));
    assert_eq!(rules(&privet).len(), 1);
    add(&privet, &body);
    let first = rules(&privet)[0].clone();
    assert_eq!(
        (&first["lifetime"], &first["number"]),
        (&json!("once"), &Value::Null)
    );
    let (_, why) = privet.api(
        "GET",
        &format!("why?target=127.0.0.1:{}", origin.port()),
        None,
    );
    assert_eq!(why["rule"], first["id"], "{why}");
    let mut through = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("once");
    assert!(!reaches(&privet, origin.port()), "once was twice");
    assert_eq!(rules(&privet).len(), 1, "it is gone");
    assert_eq!(file(&privet), before, "it is in no file");
    // Another change does not close its connection.
    privet.api("PUT", "mode", Some(&json!({"mode": "off"})));
    privet
        .cli(&["rules", "add", "--use", "block", "--port", "9"])
        .good();
    use std::io::{Read, Write};
    let mut bytes = [0; 4];
    through.write_all(b"ping").expect("it is open");
    through.read_exact(&mut bytes).expect("it is open");
    assert_eq!(&bytes, b"ping");
}

#[test]
fn a_block_once_rule_keeps_open_connections_and_refuses_one() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    let tunnel = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    let done = add(
        &privet,
        &json!({"rule": {"match": {"port": [origin.port()]}, "use": "block"}, "for": "once"}),
    );
    assert_eq!(done["connections_closed"], 0, "{done}");
    assert!(!reaches(&privet, origin.port()));
    assert!(reaches(&privet, origin.port()));
    drop(tunnel);
}

#[test]
fn an_until_quit_rule_is_in_no_file_and_ends_with_the_engine() {
    let origin = Origin::echo();
    let mut privet = Privet::start("");
    let before = file(&privet);
    let port = origin.port().to_string();
    let add = [
        "rules",
        "add",
        "--use",
        "block",
        "--port",
        &port,
        "--for",
        "until-quit",
    ];
    privet.cli(&add).good();
    assert!(!reaches(&privet, origin.port()) && !reaches(&privet, origin.port()));
    let rule = rules(&privet)[0].clone();
    assert_eq!(
        (&rule["lifetime"], &rule["hits"]),
        (&json!("until-quit"), &json!(2))
    );
    assert_eq!(file(&privet), before);
    // A reload does not lose it.
    privet.sandbox.write("[log]\nlevel = \"debug\"\n");
    privet.await_api("config", |config| config["log"]["level"] == "debug");
    assert!(!reaches(&privet, origin.port()));
    privet.restart();
    assert!(rules(&privet).is_empty());
    assert!(reaches(&privet, origin.port()));
    // Removed by the user.
    privet.cli(&add).good();
    let id = rules(&privet)[0]["id"].as_str().expect("an id").to_owned();
    privet.cli(&["rules", "remove", &id]).good();
    assert!(reaches(&privet, origin.port()));
}

#[test]
fn timed_and_permanent_rules_are_in_the_file_and_invalid_ones_refused() {
    let privet = Privet::start("# mine\n");
    let rule = json!({"match": {"domain_suffix": ["a.test"], "app": ["curl"]}, "use": "block"});
    add(&privet, &json!({"rule": rule, "for": "1h"}));
    let timed = rules(&privet)[0].clone();
    assert_eq!(timed["lifetime"], "until");
    let left =
        timed["until_ms"].as_u64().expect("a time") - timed["since_ms"].as_u64().expect("a time");
    assert!((3_590_000..=3_600_000).contains(&left), "{timed}");
    add(&privet, &json!({"rule": rule, "for": "always"}));
    assert_eq!(rules(&privet)[0]["lifetime"], "always");
    let text = file(&privet);
    assert!(
        text.starts_with("# mine\n") && text.matches("[[rule]]").count() == 2,
        "{text}"
    );
    for (nonsense, why) in [
        (
            json!({"rule": rule, "for": "soon"}),
            "is not a lifetime of a rule",
        ),
        (
            json!({"rule": rule, "for": "9999d"}),
            "is not a lifetime of a rule",
        ),
        (
            json!({"rule": {"match": {"domian": ["x"]}, "use": "block"}, "for": "once"}),
            "domian",
        ),
        (
            json!({"rule": {"match": {"port": [1]}, "use": "nowhere"}, "for": "until-quit"}),
            "nowhere",
        ),
        (json!({"rule": 7, "for": "once"}), "is not a rule"),
    ] {
        let (status, answer) = privet.api("POST", "rules", Some(&nonsense));
        assert_eq!(status, 422, "{answer}");
        assert!(answer.to_string().contains(why), "{answer}");
    }
    for (method, path) in [
        ("DELETE", "rules/t99"),
        ("DELETE", "rules/nothing"),
        ("PATCH", "rules/0"),
    ] {
        let (status, answer) = privet.api(method, path, Some(&json!({"position": 1})));
        assert_eq!(status, 404, "{answer}");
    }
    let many = json!({"rule": {"match": {"port": [1]}, "use": "block"}, "for": "until-quit"});
    let refused = (0..300).find(|_| privet.api("POST", "rules", Some(&many)).0 == 422);
    assert_eq!(refused, Some(256), "rules of no file are bounded");
}

#[test]
fn an_expired_rule_leaves_the_file_and_an_undo_brings_it_back() {
    let mut privet = Privet::start("# kept\n");
    add(
        &privet,
        &json!({ "rule": { "match": { "port": [9] }, "use": "block" }, "position": 1, "for": "1s" }),
    );
    assert!(file(&privet).contains("until"), "{}", file(&privet));
    let is_empty = |answer: &Value| answer["rules"] == json!([]);
    privet.await_api("rules", is_empty);
    let text = file(&privet);
    assert!(
        text.contains("# kept") && !text.contains("[[rule]]"),
        "{text}"
    );
    let (_, changes) = privet.api("GET", "changes", None);
    let newest = &changes["changes"][0];
    assert_eq!(newest["client"], "expiry", "{newest}");
    let told = newest["text"].as_str().expect("a text");
    assert!(
        told.contains("rule 1 had expired and was removed: block"),
        "{told}"
    );

    // Taken back, it stays for this run, as an expired rule; the next start removes it.
    privet.cli(&["undo"]).good();
    assert_eq!(rules(&privet)[0]["expired"], true);
    privet.cli(&["mode", "strict", "--for", "2s"]).good();
    privet.await_api("status", |status| status["mode"]["name"] == "standard");
    assert_eq!(rules(&privet).len(), 1);
    assert!(file(&privet).contains("[[rule]]"), "{}", file(&privet));
    privet.restart();
    privet.await_api("rules", is_empty);
    assert!(!file(&privet).contains("[[rule]]"), "{}", file(&privet));
}
