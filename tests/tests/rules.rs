//! Rules: their hits, rules that can never match, temporary rules, and the commands that change them.

use privet_tests::client::socks5;
use privet_tests::{Origin, Privet};
use serde_json::{Value, json};

fn rules(privet: &Privet) -> Vec<Value> {
    let (status, answer) = privet.api("GET", "rules", None);
    assert_eq!(status, 200, "{answer}");
    answer["rules"].as_array().expect("rules").clone()
}

fn add(privet: &Privet, body: &Value) -> Value {
    let (status, answer) = privet.api("POST", "rules", Some(body));
    assert_eq!(status, 200, "{answer}");
    answer
}

fn reaches(privet: &Privet, port: u16) -> bool {
    socks5(privet.proxy(), "127.0.0.1", port).is_ok()
}

fn file(privet: &Privet) -> String {
    std::fs::read_to_string(privet.sandbox.config()).expect("the file is there")
}

fn block(port: u16) -> String {
    format!("[[rule]]\nmatch = {{ port = [{port}] }}\nuse = \"block\"\n")
}

fn direct(port: u16) -> String {
    format!("[[rule]]\nmatch = {{ port = [{port}] }}\nuse = \"direct\"\n")
}

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
        output.contains("rule 2 can never match: rule 1 (line 1) takes all that it speaks of"),
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
    privet
        .cli(&[
            "rules",
            "add",
            "--use",
            "block",
            "--port",
            &port,
            "--for",
            "until-quit",
        ])
        .good();
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
    privet
        .cli(&[
            "rules",
            "add",
            "--use",
            "block",
            "--port",
            &port,
            "--for",
            "until-quit",
        ])
        .good();
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

#[test]
fn a_rule_with_a_route_does_not_switch_the_filter_off() {
    let origin = Origin::http();
    let url = format!("http://localhost:{}/", origin.port());
    let status = |privet: &Privet| {
        let proxy = format!("http://{}", privet.proxy());
        privet_tests::curl(&["-x", &proxy, "-o", "/dev/null", "-w", "%{http_code}", &url]).out
    };
    let file = |keys: &str| {
        format!(
            "[filter]\ndeny = [\"localhost\"]\n[[rule]]\nmatch = {{}}\nuse = \"direct\"\n{keys}"
        )
    };
    let privet = Privet::start(&file(""));
    assert_eq!(status(&privet), "403");
    let why = privet.json(&["why", &url]);
    assert_eq!(why["outcome"]["kind"], "deny", "{why}");
    privet.sandbox.write(&file("filter = false\n"));
    privet.await_api("config", |config| config["rule"][0]["filter"] == false);
    assert_eq!(status(&privet), "200");
}

#[test]
fn an_ip_rule_whose_look_up_failed_refuses_and_says_so() {
    let block = "[[rule]]\nmatch = { ip = [\"10.0.0.0/8\"] }\nuse = \"block\"\n";
    let privet = Privet::start(block);
    assert!(socks5(privet.proxy(), "nothing.invalid", 80).is_err());
    let row = privet.await_row("closed", |row| row["host"] == "nothing.invalid");
    assert_eq!(row["verdict"], "failed", "{row}");
    assert!(row["reason"].to_string().contains("rule 1"), "{row}");
    let why = privet.json(&["why", "nothing.invalid:80"]);
    assert_eq!(why["outcome"]["kind"], "undetermined", "{why}");
}

#[test]
fn names_outside_the_dns_are_not_looked_up() {
    let block = "[[rule]]\nmatch = { ip = [\"10.0.0.0/8\"] }\nuse = \"block\"\n";
    let privet = Privet::start(block);
    for host in ["a.onion", "a.alt"] {
        assert!(socks5(privet.proxy(), host, 80).is_err());
        let row = privet.await_row("closed", |row| row["host"] == host);
        assert!(
            row["error"].to_string().contains("is not looked up"),
            "{row}"
        );
    }
}

#[test]
fn a_rule_without_look_ups_still_holds_for_addresses_that_are_dialed() {
    let origin = Origin::echo();
    let block = "[[rule]]\nmatch = { ip = [\"127.0.0.0/8\"] }\nuse = \"block\"\nresolve = false\n";
    let privet = Privet::start(block);
    assert!(socks5(privet.proxy(), "localhost", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn nobody_can_be_asked_yet_so_a_rule_that_asks_refuses() {
    let origin = Origin::echo();
    let privet = Privet::start("[[rule]]\nmatch = {}\nuse = \"ask\"\n");
    assert!(!reaches(&privet, origin.port()));
    let row = privet.await_row("blocked", |row| row["verdict"] == "blocked");
    assert!(
        row["reason"].to_string().contains("nobody can be asked"),
        "{row}"
    );
}

/// As an ordinary user Privet may not read the programs of others: that is an answer, and no reason to refuse.
#[test]
fn a_program_of_another_user_is_told_as_that_and_matches_no_rule() {
    if !rustix::process::geteuid().is_root() {
        return privet_tests::missing("only root can start it as another user");
    }
    let origin = Origin::echo();
    let script = "for a; do case $a in */privet.toml) chmod -R a+rwX \"${a%/*}\";; esac; done; \
                  exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";
    let setup = privet_tests::privet::Setup {
        prefix: ["sh", "-c", script, "sh"].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let rule = "[[rule]]\nmatch = { app = [\"no-such-program\"] }\nuse = \"block\"\n";
    let privet = Privet::start_as(rule, &setup);
    assert!(reaches(&privet, origin.port()));
    let row = privet.await_row("closed", |row| row["app"] != Value::Null);
    assert_eq!(row["app"], "unknown program of user 0", "{row}");
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
