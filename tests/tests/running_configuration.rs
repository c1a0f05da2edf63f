//! The running configuration is what is edited, whatever happened to its file; pauses are no part of it.

use privet_tests::{Origin, Privet, curl};
use serde_json::{Value, json};

const STRICT: &str = "# mine\nmode = \"strict\"\n\n\
                      [listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n\n\
                      [modes.strict]\nkill_switch = true\n\n\
                      [filter]\ndeny = [\"a.test\"]\n";

fn file(privet: &Privet) -> String {
    std::fs::read_to_string(privet.sandbox.config()).expect("the file is there")
}

fn mode(privet: &Privet) -> Value {
    privet.api("GET", "status", None).1["mode"].clone()
}

fn set_mode(privet: &Privet, mode: &Value) -> Value {
    let (status, answer) = privet.api("PUT", "mode", Some(mode));
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Adds a rule, which has to leave everything else as it was.
fn add_rule(privet: &Privet) {
    let rule = json!({"rule": {"match": {"port": [25]}, "use": "block"}});
    let (status, answer) = privet.api("POST", "rules", Some(&rule));
    assert_eq!(status, 200, "{answer}");
    let text = file(privet);
    for kept in [
        "# mine",
        "mode = \"strict\"",
        "kill_switch = true",
        "a.test",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert!(text.contains("25"), "{text}");
    let mode = mode(privet);
    assert_eq!(
        (&mode["name"], &mode["kill_switch"]),
        (&json!("strict"), &json!(true))
    );
}

#[test]
fn an_edit_after_the_file_was_deleted_starts_from_the_running_configuration() {
    let privet = Privet::start(STRICT);
    std::fs::remove_file(privet.sandbox.config()).expect("it was there");
    privet.await_api("status", |status| {
        status["problems"].to_string().contains("is gone")
    });
    add_rule(&privet);
    let status = privet.api("GET", "status", None).1;
    assert!(
        !status["problems"].to_string().contains("is gone"),
        "{status}"
    );
}

#[test]
fn an_edit_after_the_file_became_something_else_starts_from_what_is_in_force() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    type Replace = fn(&std::path::Path);
    let pipe: Replace = |path| {
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, path, FileType::Fifo, mode, 0).expect("the folder takes a pipe");
    };
    let dangling: Replace = |path| {
        std::os::unix::fs::symlink("nowhere.toml", path).expect("the folder takes a link");
    };
    for replace in [pipe, dangling] {
        let privet = Privet::start(STRICT);
        std::fs::remove_file(privet.sandbox.config()).expect("it was there");
        replace(&privet.sandbox.config());
        privet.await_api("status", |status| {
            status["problems"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
        });
        add_rule(&privet);
    }
}

#[test]
fn a_mode_that_is_chosen_after_the_file_was_deleted_is_written_with_all_the_rest() {
    let privet = Privet::start(STRICT);
    std::fs::remove_file(privet.sandbox.config()).expect("it was there");
    set_mode(&privet, &json!({"mode": "standard"}));
    let text = file(&privet);
    assert!(
        text.contains("mode = \"standard\"") && text.contains("a.test"),
        "{text}"
    );
}

#[test]
fn an_edit_over_a_file_that_is_not_valid_starts_from_the_running_configuration_and_keeps_a_copy() {
    let privet = Privet::start(STRICT);
    let rejected = privet.sandbox.config().with_extension("toml.rejected");
    for broken in [&b"mode = \"nonsense\"\n"[..], b"mode = \xff\n"] {
        std::fs::write(privet.sandbox.config(), broken).expect("it can be written");
        privet.await_api("status", |status| {
            status["problems"].to_string().contains("is not taken")
        });
        add_rule(&privet);
        assert_eq!(std::fs::read(&rejected).expect("a copy"), broken);
    }
}

#[test]
fn a_pause_until_restart_ends_with_the_restart_and_is_not_in_the_file() {
    let mut privet = Privet::start(STRICT);
    let before = file(&privet);
    let paused = set_mode(&privet, &json!({"mode": "off", "for": "restart"}));
    assert_eq!(
        (&paused["name"], &paused["then"], &paused["until_ms"]),
        (&json!("off"), &json!("strict"), &Value::Null)
    );
    assert_eq!(file(&privet), before);
    privet.restart();
    let mode = mode(&privet);
    assert_eq!(
        (&mode["name"], &mode["then"]),
        (&json!("strict"), &Value::Null)
    );
    assert_eq!(file(&privet), before);
}

#[test]
fn a_restart_keeps_a_pause_into_something_stricter_and_ends_one_into_something_weaker() {
    let mut privet = Privet::start("");
    let strict = set_mode(&privet, &json!({"mode": "strict", "for": "1h"}));
    privet.restart();
    let kept = mode(&privet);
    for key in ["name", "then", "until_ms"] {
        assert_eq!(kept[key], strict[key], "{key}");
    }
    set_mode(&privet, &json!({"mode": "off", "for": "1h"}));
    privet.restart();
    assert_eq!(mode(&privet)["name"], "standard");
    // A restart does not end what protects, whatever was asked for.
    set_mode(&privet, &json!({"mode": "strict", "for": "restart"}));
    privet.restart();
    let kept = mode(&privet);
    assert_eq!(
        (&kept["name"], &kept["then"], &kept["until_ms"]),
        (&json!("strict"), &json!("standard"), &Value::Null)
    );
    set_mode(&privet, &json!({"mode": "standard"}));
    privet.restart();
    assert_eq!(mode(&privet)["name"], "standard");
}

#[test]
fn a_kill_switch_that_the_file_turns_on_holds_though_the_rest_of_the_file_does_not() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let reaches = || {
        let proxy = format!("http://{}", privet.proxy());
        let asked = curl(&["-f", "-x", &proxy, &origin.url("/")]);
        asked.code == 0
    };
    assert!(reaches());
    // No keyring answers here, so that the file as a whole cannot be applied.
    let upstream = "[[upstream]]\nname = \"up\"\nurl = \"socks5://127.0.0.1:9\"\nusername = \"a\"\n\
                    password = { keyring = \"missing\" }\n";
    privet
        .sandbox
        .write(&format!("mode = \"strict\"\n{upstream}"));
    privet.await_api("status", |status| {
        status["problems"].to_string().contains("is not taken")
    });
    assert!(!reaches(), "it goes direct");
    assert_eq!(mode(&privet)["kill_switch"], true);
    // A mode that is selected decides again, as does a file that can be applied.
    set_mode(&privet, &json!({"mode": "standard"}));
    assert!(reaches());
    privet
        .sandbox
        .write(&format!("mode = \"strict\"\n# again\n{upstream}"));
    privet_tests::wait::until("the kill switch", || !reaches());
    privet.sandbox.write("mode = \"standard\"\n");
    privet_tests::wait::until("the way", reaches);
}
