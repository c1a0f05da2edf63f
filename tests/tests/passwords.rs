//! Upstream passwords set through the API are stored in a real gnome-keyring, used to log in, and written nowhere else.

use privet_tests::require;
use std::path::Path;

use privet_tests::desktop::Desktop;
use privet_tests::keyring::Keyring;
use privet_tests::privet::{Sandbox, Setup, binary};
use privet_tests::terminal::Terminal;
use privet_tests::{CommandOutput, Origin, Privet, curl};
use serde_json::{Value, json};

const HELLO: &str = "hello from the origin\n";
const RIGHT: &str = "a pässword \"of\" bob's";
/// A part of [`RIGHT`] that no file format escapes.
const MARK: &str = "bob's";
const WRONG: &str = "not-the-right-one";

/// An upstream that accepts only the user bob.
fn upstream() -> Privet {
    let setup = Setup {
        env: vec![("BOB".into(), RIGHT.into())],
        ..Setup::default()
    };
    let listen = "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"bob\", password = { env = \"BOB\" } }]\n";
    Privet::start_as(listen, &setup)
}

/// Sends everything through the upstream "office".
fn privet(env: Vec<(String, String)>) -> Privet {
    let mode = "mode = \"own\"\n[modes.own]\nkill_switch = true\ndns = \"upstream\"\n";
    let setup = Setup {
        env,
        ..Setup::default()
    };
    Privet::start_as(mode, &setup)
}

fn office(at: &Privet, password: &Value) -> Value {
    let url = format!("socks5://{}", at.proxy());
    json!({ "upstream": [{ "name": "office", "url": url, "username": "bob", "password": password }] })
}

fn fetch(privet: &Privet, origin: &Origin) -> CommandOutput {
    let proxy = format!("socks5h://{}", privet.proxy());
    curl(&["-x", &proxy, &origin.url("/")])
}

/// Asserts that no file of this instance contains the text.
#[track_caller]
fn assert_in_no_file(sandbox: &Sandbox, log: &str, text: &str) {
    fn search(folder: &Path, text: &str) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                search(&path, text);
            } else if path.is_file() {
                let bytes = std::fs::read(&path).expect("a file");
                let found = bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes());
                assert!(!found, "a password in {}", path.display());
            }
        }
    }
    search(sandbox.dir(), text);
    assert!(!log.contains(text), "a password in the log");
}

#[test]
fn a_password_is_stored_in_the_keyring_and_used_to_log_in() {
    let desktop = require!(Desktop::start());
    let keyring = require!(Keyring::start(&desktop));
    let (origin, upstream_server) = (Origin::http(), upstream());
    let privet = privet(desktop.env());
    let name = "secrets/upstream%20office";

    let (status, kept) = privet.api("PUT", name, Some(&json!({ "value": RIGHT })));
    assert_eq!((status, &kept["used_by"]), (200, &json!([])), "{kept}");
    assert_eq!(keyring.read(&desktop, "upstream office"), RIGHT);
    let reference = json!({ "keyring": "upstream office" });
    let (status, answer) = privet.api(
        "PATCH",
        "config",
        Some(&office(&upstream_server, &reference)),
    );
    assert_eq!(status, 200, "{answer}");
    assert_eq!(fetch(&privet, &origin).good(), HELLO);

    let (_, listed) = privet.api("GET", "secrets", None);
    let entry =
        json!({ "name": "upstream office", "used_by": ["upstream office"], "stored": true });
    assert_eq!(listed, json!({ "keyring": "open", "secrets": [entry] }));
    let (_, config) = privet.api("GET", "config", None);
    assert_eq!(config["upstream"][0]["password"], reference);

    // A replaced password is used at once, without a change of the file.
    let (_, kept) = privet.api("PUT", name, Some(&json!({ "value": WRONG })));
    assert_eq!(
        kept,
        json!({ "name": "upstream office", "used_by": ["upstream office"] })
    );
    assert_ne!(fetch(&privet, &origin).code, 0);
    privet.api("PUT", name, Some(&json!({ "value": RIGHT })));
    assert_eq!(fetch(&privet, &origin).good(), HELLO);
    let output = privet.cli(&["secret", "list"]).good();
    assert!(
        output.contains("upstream office") && output.contains("yes"),
        "{output}"
    );

    // Only an unused password can be deleted.
    let (status, problem) = privet.api("DELETE", name, None);
    assert_eq!(status, 409, "{problem}");
    privet.api("PATCH", "config", Some(&json!({ "upstream": null })));
    assert_eq!(privet.api("DELETE", name, None).0, 204);
    assert_eq!(privet.api("DELETE", name, None).0, 404);
    assert_eq!(keyring.read(&desktop, "upstream office"), "");

    for value in ["", &"x".repeat(4097)] {
        let (status, problem) = privet.api("PUT", name, Some(&json!({ "value": value })));
        assert_eq!(status, 422, "{problem}");
    }
    // A refused body is not quoted.
    let (status, problem) =
        privet.api("PUT", name, Some(&json!({ "value": RIGHT, "more": WRONG })));
    assert_eq!(status, 400);
    assert!(!problem.to_string().contains(WRONG), "{problem}");
    for secret in [MARK, WRONG] {
        assert_in_no_file(&privet.sandbox, &privet.log(), secret);
    }
}

#[test]
fn a_locked_keyring_is_reported_and_takes_the_password_once_unlocked() {
    let desktop = require!(Desktop::start());
    let keyring = require!(Keyring::start(&desktop));
    let (origin, upstream_server) = (Origin::http(), upstream());
    let privet = privet(desktop.env());
    let before = std::fs::read_to_string(privet.sandbox.config()).expect("the file is there");
    let name = "secrets/upstream%20office";
    let put = || privet.api("PUT", name, Some(&json!({ "value": RIGHT })));

    keyring.lock(&desktop);
    assert_eq!(privet.api("GET", "secrets", None).1["keyring"], "locked");
    let (status, problem) = put();
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:privet:problem:keyring-locked")),
        "{problem}"
    );
    assert!(problem["help"].as_str().expect("a fix").contains("Unlock"));
    assert_in_no_file(&privet.sandbox, &privet.log(), MARK);
    assert_eq!(
        std::fs::read_to_string(privet.sandbox.config()).expect("the file is there"),
        before
    );

    keyring.unlock(&desktop);
    assert_eq!(put().0, 200);
    let patch = office(&upstream_server, &json!({ "keyring": "upstream office" }));
    assert_eq!(privet.api("PATCH", "config", Some(&patch)).0, 200);
    assert_eq!(fetch(&privet, &origin).good(), HELLO);
    // Locked again, the entry is still reported, without a prompt.
    keyring.lock(&desktop);
    let (_, listed) = privet.api("GET", "secrets", None);
    assert_eq!(listed["keyring"], "locked");
    assert_eq!(listed["secrets"][0]["stored"], true, "{listed}");
}

#[test]
fn without_a_keyring_no_password_is_stored_and_a_variable_or_file_works() {
    let (origin, upstream_server) = (Origin::http(), upstream());
    let nothing = "unix:path=/nonexistent/bus".to_owned();
    let privet = privet(vec![
        ("DBUS_SESSION_BUS_ADDRESS".into(), nothing),
        ("OFFICE".into(), RIGHT.into()),
    ]);
    let (_, listed) = privet.api("GET", "secrets", None);
    assert_eq!(listed["keyring"], "absent", "{listed}");
    let name = "secrets/upstream%20office";
    let (status, problem) = privet.api("PUT", name, Some(&json!({ "value": RIGHT })));
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:privet:problem:keyring-absent")),
        "{problem}"
    );
    assert_in_no_file(&privet.sandbox, &privet.log(), MARK);

    let file = privet_tests::peers::write(privet.sandbox.dir(), "office.password", RIGHT);
    for reference in [json!({ "env": "OFFICE" }), json!({ "file": file })] {
        let (status, answer) = privet.api(
            "PATCH",
            "config",
            Some(&office(&upstream_server, &reference)),
        );
        assert_eq!(status, 200, "{answer}");
        assert_eq!(fetch(&privet, &origin).good(), HELLO, "{reference}");
    }
}

#[test]
fn a_password_is_typed_unseen_on_a_terminal_and_read_from_a_pipe() {
    let desktop = require!(Desktop::start());
    let keyring = require!(Keyring::start(&desktop));
    let set = |name: &str| format!("'{}' secret set {name}", binary().display());
    let mut terminal = require!(Terminal::start(
        &format!("{}; echo code $?; stty -a", set("typed")),
        &desktop.env()
    ));
    terminal.await_text("not shown");
    terminal.type_text("correct horse\r");
    let (_, screen) = terminal.end();
    assert!(
        screen.contains("stored") && screen.contains("code 0"),
        "{screen}"
    );
    assert!(
        !screen.contains("horse"),
        "the password was shown: {screen}"
    );
    assert!(
        screen.contains(" echo "),
        "the terminal was not restored: {screen}"
    );
    assert_eq!(keyring.read(&desktop, "typed"), "correct horse");

    // Interrupted, nothing is stored and the terminal shows again what is typed.
    let mut terminal = require!(Terminal::start(
        &format!("trap : INT; {}; stty -a", set("interrupted")),
        &desktop.env()
    ));
    terminal.await_text("not shown");
    terminal.type_text("half\u{3}");
    let (_, screen) = terminal.end();
    assert!(
        screen.contains(" echo ") && screen.contains("nothing was stored"),
        "{screen}"
    );
    assert_eq!(keyring.read(&desktop, "interrupted"), "");

    let piped = format!("printf 'from a pipe\\nsecond line\\n' | {}", set("piped"));
    desktop.run("sh", &["-c", &piped]).good();
    assert_eq!(keyring.read(&desktop, "piped"), "from a pipe");
}
