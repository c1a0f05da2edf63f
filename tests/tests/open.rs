//! `privet open`: the window where it is installed, else the page, logged in by a code that works once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use privet_tests::client::CommandOutput;
use privet_tests::privet::binary;
use privet_tests::{Privet, curl};
use serde_json::{Value, json};

const PAGE: &str = "[control]\nhttp = \"$CONTROL\"\n";

/// Runs a command of `program` for this engine, on a display or without one, with only `path` to find programs in.
fn run(
    program: &Path,
    privet: &Privet,
    path: &Path,
    display: &str,
    args: &[&str],
) -> CommandOutput {
    let mut command = Command::new(program);
    command
        .arg("--data-dir")
        .arg(privet.sandbox.dir().join("data"))
        .args(args)
        .env("PATH", path)
        .env("DISPLAY", display)
        .env_remove("WAYLAND_DISPLAY");
    CommandOutput::of(command)
}

/// A program that writes its arguments into a file beside it.
fn fake(folder: &Path, name: &str) {
    let file = folder.join(name);
    let script = format!(
        "#!/bin/sh\nprintf '%s ' \"$@\" >'{}.args'\n",
        file.display()
    );
    fs::write(&file, script).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode");
}

fn token(privet: &Privet) -> String {
    let file = privet.sandbox.dir().join("data/control.token");
    fs::read_to_string(file).expect("a token").trim().to_owned()
}

/// Status and body of the exchange of a code.
fn exchange(privet: &Privet, code: &str) -> (String, Value) {
    exchange_as(privet, code, "application/json", &[])
}

fn exchange_as(privet: &Privet, code: &str, media_type: &str, more: &[&str]) -> (String, Value) {
    let url = format!("http://{}/login", privet.sandbox.control);
    let body = json!({ "code": code }).to_string();
    let media_type = format!("Content-Type: {media_type}");
    let head = ["-H", &media_type, "-w", "\n%{http_code}", "-d", &body];
    let answer = curl(&[&head[..], more, &[&url]].concat()).good();
    let (body, status) = answer.rsplit_once('\n').expect("a status");
    (
        status.to_owned(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

/// The code in an address that `privet open` printed.
fn code(privet: &Privet, printed: &str) -> String {
    let start = format!("http://{}/#code=", privet.sandbox.control);
    let code = printed.trim().strip_prefix(&start);
    code.unwrap_or_else(|| panic!("{printed}")).to_owned()
}

fn address(privet: &Privet) -> String {
    let printed = privet.cli(&["open", "--address"]).good();
    code(privet, &printed)
}

#[test]
fn the_address_that_open_prints_logs_in_once() {
    let privet = Privet::start(PAGE);
    let code = address(&privet);
    let (status, answer) = exchange(&privet, &code);
    assert_eq!(
        (status.as_str(), &answer["token"]),
        ("200", &json!(token(&privet)))
    );
    assert_eq!(exchange(&privet, &code).0, "401");
    assert_eq!(exchange(&privet, "").0, "401");

    let code = address(&privet);
    let json = "application/json";
    for header in ["Origin: http://evil.test", "Host: evil.test"] {
        let refused = exchange_as(&privet, &code, json, &["-H", header]);
        assert_eq!(refused.0, "403", "{header}");
    }
    assert_eq!(exchange_as(&privet, &code, "text/plain", &[]).0, "415");
    assert_eq!(exchange(&privet, &code).0, "200");
}

#[test]
fn a_code_that_another_user_sees_is_worth_nothing() {
    if !rustix::process::geteuid().is_root() {
        privet_tests::missing("another user: only root can become one");
        return;
    }
    let privet = Privet::start(PAGE);
    let code = address(&privet);
    let url = format!("http://{}/login", privet.sandbox.control);
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid",
            "65534",
            "--clear-groups",
            "curl",
            "-q",
            "-sS",
            "-w",
            "%{http_code}",
        ])
        .args(["-H", "Content-Type: application/json", "-d"])
        .arg(json!({ "code": code }).to_string())
        .arg(url);
    assert_eq!(CommandOutput::of(command).good(), "401");
    assert_eq!(exchange(&privet, &code).0, "401", "it is used up");
}

#[test]
fn open_passes_a_login_code_to_the_browser_and_never_the_token() {
    let privet = Privet::start(PAGE);
    let programs = tempfile::tempdir().expect("a folder");
    fake(programs.path(), "xdg-open");
    let opened = run(
        &binary(),
        &privet,
        programs.path(),
        ":99",
        &["open", "--browser"],
    );
    assert!(opened.clone().good().contains("browser"), "{opened:?}");
    let args = fs::read_to_string(programs.path().join("xdg-open.args")).expect("it was started");
    assert!(!args.contains(&token(&privet)), "{args}");
    let (status, _) = exchange(&privet, &code(&privet, &args));
    assert_eq!(status, "200");
}

#[test]
fn without_a_display_or_a_browser_open_prints_the_address() {
    let privet = Privet::start(PAGE);
    let programs = tempfile::tempdir().expect("a folder");
    let headless = run(&binary(), &privet, programs.path(), "", &["open"]);
    assert!(headless.err.contains("no display"), "{headless:?}");
    let (status, _) = exchange(&privet, &code(&privet, &headless.good()));
    assert_eq!(status, "200");

    // What xdg-open does where it finds no browser.
    let failing = programs.path().join("xdg-open");
    fs::write(&failing, "#!/bin/sh\nexit 3\n").expect("a file");
    fs::set_permissions(&failing, fs::Permissions::from_mode(0o755)).expect("its mode");
    let args = ["open", "--browser", "--json"];
    let answer = run(&binary(), &privet, programs.path(), ":99", &args).good();
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["opened"], "nothing");
    let url = answer["url"].as_str().expect("an address");
    assert_eq!(exchange(&privet, &code(&privet, url)).0, "200");
}

#[test]
fn open_shows_the_window_where_it_is_installed() {
    let privet = Privet::start(PAGE);
    let programs = tempfile::tempdir().expect("a folder");
    let copy = programs.path().join("privet");
    // The window is searched for beside the program first.
    if fs::hard_link(binary(), &copy).is_err() {
        fs::copy(binary(), &copy).expect("a copy");
    }
    fake(programs.path(), "privet-desktop");
    let opened = run(&copy, &privet, programs.path(), ":99", &["open"]);
    assert!(opened.clone().good().contains("window"), "{opened:?}");
    let file = programs.path().join("privet-desktop.args");
    privet_tests::wait::until("the window is started", || {
        fs::read_to_string(&file).is_ok_and(|args| args.contains("--data-dir"))
    });
}

#[test]
fn without_a_window_and_a_page_open_names_the_fix() {
    let privet = Privet::start("");
    let programs = tempfile::tempdir().expect("a folder");
    let refused = run(&binary(), &privet, programs.path(), "", &["open"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("[control] http"), "{refused:?}");
}
