//! The timeline records every change by every client, and each can be undone.

use privet_tests::Privet;
use privet_tests::desktop::Desktop;
use privet_tests::privet::Setup;
use privet_tests::require;
use rustix::process::Signal;
use serde_json::{Value, json};

const FILE: &str = "# mine\nmode = \"standard\"   # for now\n\n\
                    [listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n\n\
                    [[rule]]\n# not at work\nmatch = { port = [1] } # old\nuse = \"block\"\n\n\
                    [[rule]]\nmatch = { port = [2] }\nuse = \"block\"\n\n\
                    [filter]\nallow = [\"a.test\"]\n";

fn changes(privet: &Privet) -> Vec<Value> {
    let (status, answer) = privet.api("GET", "changes?limit=200", None);
    assert_eq!(status, 200, "{answer}");
    answer["changes"].as_array().expect("changes").clone()
}

fn undo(privet: &Privet, id: &Value) -> (u16, Value) {
    privet.api("POST", &format!("changes/{id}/undo"), None)
}

fn file(privet: &Privet) -> String {
    std::fs::read_to_string(privet.sandbox.config()).expect("the file is there")
}

fn patch(privet: &Privet, patch: &Value) -> Value {
    let (status, answer) = privet.api("PATCH", "config", Some(patch));
    assert_eq!(status, 200, "{answer}");
    answer["change"].clone()
}

fn newest_of(privet: &Privet, client: &str) -> Value {
    let answer = privet.await_api("changes", |answer| answer["changes"][0]["client"] == client);
    answer["changes"][0].clone()
}

#[test]
fn every_change_is_recorded_with_its_source_and_content() {
    let privet = Privet::start(FILE);
    assert!(changes(&privet).is_empty());
    privet.cli(&["mode", "off"]).good();
    let deny = json!({"filter": {"deny": ["b.test"]}});
    for client in ["window", "page", "tray"] {
        let (status, _) = privet.api_by(client, "PATCH", "config", Some(&deny));
        assert_eq!(status, 200);
        privet.api_by(
            client,
            "PATCH",
            "config",
            Some(&json!({"filter": {"deny": []}})),
        );
    }
    for unknown in ["file", "somebody", "tray\t"] {
        privet.api_by(unknown, "PATCH", "config", Some(&deny));
        privet.api_by(
            unknown,
            "PATCH",
            "config",
            Some(&json!({"filter": {"deny": []}})),
        );
    }
    let by_hand = file(&privet).replace("port = [2]", "port = [3]");
    std::fs::write(privet.sandbox.config(), &by_hand).expect("it can be written");
    let last = newest_of(&privet, "file");
    assert_eq!(last["text"], "rule 2 was changed: block port 3");
    assert_eq!(last["what"][0]["kind"], "rule-changed");
    assert_eq!(last["what"][0]["values"]["number"], "2");
    std::fs::write(privet.sandbox.config(), by_hand.replace("[3]", "[4]"))
        .expect("it can be written");
    privet.signal(Signal::HUP);
    privet.await_api("changes", |answer| answer["total"] == 15);
    let all = changes(&privet);
    let recorded: Vec<(&str, &str)> = all
        .iter()
        .rev()
        .map(|entry| {
            (
                entry["client"].as_str().expect("a client"),
                entry["text"].as_str().expect("a text"),
            )
        })
        .collect();
    assert_eq!(
        recorded[0],
        ("cli", "the mode off was chosen instead of standard")
    );
    assert_eq!(recorded[1], ("window", "b.test is always blocked"));
    assert_eq!(
        recorded[2],
        ("window", "b.test is not always blocked any more")
    );
    let clients: Vec<&str> = recorded.iter().map(|(client, _)| *client).collect();
    assert_eq!(clients[3..7], ["page", "page", "tray", "tray"]);
    // White space at the ends of a header value is removed: the last one names a client.
    assert_eq!(clients[7..13], ["api", "api", "api", "api", "tray", "tray"]);
    assert_eq!(clients[13..], ["file", "file"]);
    // Neither a call without effect nor a dry run is a change.
    let (_, same) = privet.api("PATCH", "config", Some(&json!({"mode": "off"})));
    assert_eq!(same["change"], Value::Null);
    privet.api("PATCH", "config?dry_run=true", Some(&deny));
    assert_eq!(changes(&privet).len(), 15);
    let table = privet.cli(&["changes", "--limit", "3"]).good();
    assert_eq!(table.lines().count(), 4, "{table}");
}

#[test]
fn undo_restores_the_file_byte_for_byte_and_can_be_undone() {
    let privet = Privet::start(FILE);
    let before = file(&privet);
    let id = patch(
        &privet,
        &json!({"rule": [{"match": {"port": [2]}, "use": "block"}]}),
    );
    let without = file(&privet);
    assert!(!without.contains("# not at work"));
    let (status, made) = undo(&privet, &id);
    assert_eq!(status, 200, "{made}");
    assert_eq!(file(&privet), before);
    assert_eq!(
        (&made["undoes"], &made["text"]),
        (&id, &json!("rule 1 was added: block port 1"))
    );
    let first = changes(&privet).pop().expect("the first");
    assert_eq!(first["undone_by"], made["id"]);
    // It cannot be undone twice.
    assert_eq!(undo(&privet, &id).0, 409);
    let (status, _) = undo(&privet, &made["id"]);
    assert_eq!(status, 200);
    assert_eq!(file(&privet), without);
    // The first change can be undone again.
    privet.cli(&["undo", &id.to_string()]).good();
    assert_eq!(file(&privet), before);
    assert_eq!(undo(&privet, &json!(999)).0, 404);
}

#[test]
fn undo_keeps_later_changes_elsewhere() {
    let privet = Privet::start(FILE);
    let id = patch(&privet, &json!({"filter": {"allow": ["a.test", "b.test"]}}));
    privet.cli(&["mode", "off"]).good();
    let edited = file(&privet).replace("# mine", "# mine, with a note\n# of two lines");
    std::fs::write(privet.sandbox.config(), &edited).expect("it can be written");
    newest_of(&privet, "file");
    let (status, answer) = undo(&privet, &id);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(file(&privet), edited.replace(", \"b.test\"", ""));
}

#[test]
fn a_conflicting_undo_names_the_conflict_and_changes_nothing() {
    let privet = Privet::start(FILE);
    let first = patch(&privet, &json!({"mode": "off"}));
    let second = patch(&privet, &json!({"mode": "strict"}));
    let before = file(&privet);
    let (status, answer) = undo(&privet, &first);
    assert_eq!(status, 409, "{answer}");
    let detail = answer["detail"].as_str().expect("a sentence");
    assert!(
        detail.contains(&format!("change {second} conflicts")),
        "{detail}"
    );
    assert_eq!(file(&privet), before);
    let listed = changes(&privet);
    assert_eq!(
        (&listed[0]["undoable"], &listed[1]["undoable"]),
        (&json!(true), &json!(false))
    );
    assert!(
        listed[1]["obstacle"]
            .as_str()
            .expect("why")
            .contains("conflicts")
    );
    // A part that the rest of the file needs cannot be removed.
    let office = json!({"upstream": [{"name": "office", "url": "socks5://127.0.0.1:9"}]});
    let upstream = patch(&privet, &office);
    let rules = json!({"rule": [{"match": {"port": [5]}, "use": "office"}]});
    patch(&privet, &rules);
    let (status, answer) = undo(&privet, &upstream);
    assert_eq!(status, 409, "{answer}");
    assert!(
        answer["detail"]
            .as_str()
            .expect("a sentence")
            .contains("office"),
        "{answer}"
    );
    assert!(file(&privet).contains("name = \"office\""));
}

#[test]
fn the_timeline_survives_restarts_holds_no_secret_and_is_replaced_when_corrupt() {
    let mut privet = Privet::start(FILE);
    let secret = "hunter2-and-more";
    let text = file(&privet);
    let upstream = format!(
        "{text}\n[[upstream]]\nname = \"office\"\nurl = \"socks5://127.0.0.1:9\"\nusername = \"me\"\npassword = \"{secret}\"\n"
    );
    std::fs::write(privet.sandbox.config(), upstream).expect("it can be written");
    newest_of(&privet, "file");
    let gone = patch(&privet, &json!({"upstream": []}));
    let kept = privet.sandbox.dir().join("data/changes.jsonl");
    let written = std::fs::read_to_string(&kept).expect("a timeline");
    assert!(
        written.contains("office") && !written.contains(secret),
        "{written}"
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&kept).expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // The engine that removed the password still has it; a later one reports that it does not.
    let (status, made) = undo(&privet, &gone);
    assert_eq!(status, 200, "{made}");
    assert!(file(&privet).contains(secret));
    undo(&privet, &made["id"]);
    let allowed = patch(&privet, &json!({"mode": "off"}));
    privet.restart();
    assert_eq!(changes(&privet).len(), 5);
    let again = undo(&privet, &gone);
    assert_eq!(again.0, 409, "{again:?}");
    assert!(
        again.1["detail"]
            .as_str()
            .expect("why")
            .contains("password"),
        "{again:?}"
    );
    assert_eq!(undo(&privet, &allowed).0, 200);
    let mut damaged = std::fs::read_to_string(&kept).expect("a timeline");
    damaged.truncate(damaged.len() - 5);
    privet.signal(Signal::TERM);
    privet.wait(privet_tests::TIMEOUT);
    std::fs::write(&kept, damaged).expect("it can be written");
    let running = privet.sandbox.run(&Setup::default());
    running.await_line("Ctrl-C stops.");
    assert_eq!(changes(&privet).len(), 5);
    let (_, status) = privet.api("GET", "status", None);
    let problems = status["problems"].to_string();
    assert!(problems.contains("set aside"), "{problems}");
    assert!(
        privet
            .sandbox
            .dir()
            .join("data/changes.jsonl.corrupt")
            .exists()
    );
}

#[test]
fn a_pause_and_a_temporary_rule_can_be_undone_while_they_last() {
    let privet = Privet::start(FILE);
    let (_, mode) = privet.api("PUT", "mode", Some(&json!({"mode": "off", "for": "1h"})));
    let (status, made) = undo(&privet, &mode["change"]);
    assert_eq!(status, 200, "{made}");
    let (_, now) = privet.api("GET", "status", None);
    assert_eq!(
        (&now["mode"]["name"], &now["mode"]["until_ms"]),
        (&json!("standard"), &Value::Null)
    );
    undo(&privet, &made["id"]);
    let (_, now) = privet.api("GET", "status", None);
    assert_eq!(now["mode"]["name"], "off");
    let body = json!({"rule": {"match": {"port": [7]}, "use": "block"}, "for": "until-quit"});
    let (_, done) = privet.api("POST", "rules", Some(&body));
    let (status, taken) = undo(&privet, &done["change"]);
    assert_eq!(status, 200, "{taken}");
    assert_eq!(
        taken["text"],
        "a rule until Privet ends was taken away: block port 7"
    );
    let (_, left) = privet.api("GET", "rules", None);
    assert_eq!(left["rules"].as_array().expect("rules").len(), 2);
    assert_eq!(undo(&privet, &taken["id"]).0, 200);
    let (_, back) = privet.api("GET", "rules", None);
    assert_eq!(back["rules"][0]["rule"], body["rule"]);
}

#[test]
fn undo_without_a_number_undoes_one_more_change_each_time() {
    let privet = Privet::start(FILE);
    let texts: Vec<String> = ["off", "strict"]
        .map(|mode| {
            let before = file(&privet);
            privet.cli(&["mode", mode]).good();
            before
        })
        .into();
    privet.cli(&["undo"]).good();
    assert_eq!(file(&privet), texts[1]);
    privet.cli(&["undo"]).good();
    assert_eq!(file(&privet), texts[0]);
    let none = privet.cli(&["undo"]);
    assert_eq!(none.code, 1, "{none:?}");
}

#[test]
fn switching_the_system_proxy_is_recorded_and_can_be_undone() {
    let desktop = require!(Desktop::start());
    let before = desktop.proxy();
    let setup = Setup {
        env: desktop.env(),
        ..Setup::default()
    };
    let privet = Privet::start_as(FILE, &setup);
    let (status, on) = privet.api_by(
        "tray",
        "PUT",
        "system-proxy",
        Some(&json!({"enabled": true})),
    );
    assert_eq!(status, 200, "{on}");
    let entry = changes(&privet)[0].clone();
    assert_eq!(
        (&entry["client"], &entry["id"]),
        (&json!("tray"), &on["change"])
    );
    assert_eq!(entry["text"], "the system proxy was turned on");
    assert_ne!(desktop.proxy(), before);
    let (status, off) = undo(&privet, &entry["id"]);
    assert_eq!(status, 200, "{off}");
    assert_eq!(desktop.proxy(), before);
    assert_eq!(undo(&privet, &off["id"]).0, 200);
    assert_ne!(desktop.proxy(), before);
    privet.api("PUT", "system-proxy", Some(&json!({"enabled": false})));
}
