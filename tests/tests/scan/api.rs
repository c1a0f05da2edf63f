//! Scanning is seen and tried: API and command line.

use privet_tests::Privet;
use privet_tests::peers::{Clamd, write};
use serde_json::Value;

use crate::support::*;

#[test]
fn the_state_names_scanners_counts_and_what_was_stopped() {
    let Some(clamd) = Clamd::start() else { return };
    let origin = origin(|_| None);
    let scanning = Scanning::start(&format!("clamd = \"{}\"\n", clamd.address()));
    write(scanning.folder.path(), "broken.yar", "rule Broken {");
    scanning.privet.signal(rustix::process::Signal::HUP);
    scanning.privet.await_log("reloaded");
    scanning
        .curl(&format!("{}/clean/1000", origin.url()), &[])
        .good();
    scanning.curl(&format!("{}/bad/x?secret=1", origin.url()), &[]);
    let (status, state) = scanning.privet.api("GET", "scan", None);
    assert_eq!(status, 200, "{state}");
    assert_eq!(state["enabled"], true);
    assert_eq!(
        (state["clean"].as_u64(), state["bad"].as_u64()),
        (Some(1), Some(1))
    );
    let engine = |name: &str| {
        let engines = state["engines"].as_array().expect("engines");
        let found = engines.iter().find(|engine| engine["engine"] == name);
        found.cloned().unwrap_or_default()
    };
    let yara = engine("yara");
    assert_eq!(
        (yara["state"].as_str(), yara["rules"].as_u64()),
        (Some("ready"), Some(1))
    );
    assert_eq!(yara["bad"], 1);
    let faults = yara["faults"].as_array().expect("faults");
    assert!(
        faults[0]
            .as_str()
            .is_some_and(|text| text.contains("broken.yar")),
        "{yara}"
    );
    let clamd = engine("clamd");
    assert_eq!(clamd["state"], "ready");
    assert!(
        clamd["version"]
            .as_str()
            .is_some_and(|text| text.starts_with("ClamAV"))
    );
    assert_eq!(state["recent"][0]["rule"], "TestPayload");
    assert!(
        state["recent"][0]["url"]
            .as_str()
            .is_some_and(|url| url.ends_with("/bad/x?…")),
        "{state}"
    );
    let problems = scanning.privet.json(&["status"])["problems"].to_string();
    assert!(problems.contains("broken.yar"), "{problems}");
    let shown = scanning.privet.cli(&["scan", "status"]).good();
    assert!(
        shown.contains("TestPayload") && shown.contains("broken.yar"),
        "{shown}"
    );
}

#[test]
fn a_test_goes_the_whole_way_and_a_file_can_be_tried() {
    let scanning = Scanning::start("");
    let (status, test) = scanning.privet.api("POST", "scan/test", None);
    assert_eq!(status, 200, "{test}");
    // The rule of this test does not know the test file: it passes, and the answer says so.
    assert_eq!(
        (test["passed"].as_bool(), test["verdict"].as_str()),
        (Some(false), Some("clean"))
    );
    let rule = "rule Eicar { strings: $a = \"EICAR-STANDARD-ANTIVIRUS-TEST-FILE\" condition: $a }";
    write(scanning.folder.path(), "eicar.yar", rule);
    scanning.privet.signal(rustix::process::Signal::HUP);
    scanning.privet.await_log("reloaded");
    let (_, test) = scanning.privet.api("POST", "scan/test", None);
    assert_eq!(test["passed"], true, "{test}");
    assert_eq!(
        (test["engine"].as_str(), test["rule"].as_str()),
        (Some("yara"), Some("Eicar"))
    );
    assert_eq!(test["status"], 403);
    assert_eq!(scanning.row("/eicar.com")["scan"], "bad");
    let file = write(scanning.folder.path(), "file.bin", PAYLOAD);
    let tried = scanning
        .privet
        .cli(&["scan", "test", &file.display().to_string()]);
    assert!(
        tried.code != 0 && tried.out.contains("TestPayload"),
        "{tried:?}"
    );
    let tried = scanning.privet.json(&["scan", "test", "/etc/hostname"]);
    assert_eq!(tried["verdict"], "clean");
}

#[test]
fn off_is_said() {
    let privet = Privet::start("");
    let (_, state) = privet.api("GET", "scan", None);
    assert_eq!(
        (&state["enabled"], &state["engines"]),
        (&Value::Bool(false), &Value::Array(Vec::new()))
    );
    let (status, _) = privet.api("POST", "scan/test", None);
    assert_eq!(status, 409);
}

#[test]
fn a_rule_says_which_hosts_are_not_scanned() {
    let origin = origin(|_| None);
    let scanning = Scanning::start(
        "[[rule]]\nuse = \"direct\"\nmatch = { domain = [\"localhost\"] }\nscan = false\n",
    );
    let (port, path) = (origin.address.port(), "/bad");
    let passed = scanning.curl(&format!("http://localhost:{port}{path}"), &[]);
    assert!(passed.good().contains(PAYLOAD));
    assert_eq!(scanning.row(path)["scan"], Value::Null);
    let stopped = scanning.curl(&format!("http://127.0.0.1:{port}{path}"), &[]);
    assert_stopped(&stopped, "TestPayload");
}
