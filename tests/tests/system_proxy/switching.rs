//! Switching on and off, and what other programs set meanwhile.

use privet_tests::require;
use std::time::Duration;

use privet_tests::desktop::Desktop;
use serde_json::{Value, json};

use super::support::*;

#[test]
fn switching_on_and_off_restores_every_value() {
    let desktop = require!(Desktop::start());
    set_corporate_settings(&desktop, "'manual'");
    let before = desktop.proxy();
    let privet = privet(&desktop);
    let data = privet.sandbox.dir().join("data");
    let say = |args: &[&str]| cli(&desktop, &data, args).good();
    assert!(say(&["system-proxy", "status"]).contains("corp.example:3128"));
    let pac = format!("http://{}/proxy.pac", privet.sandbox.pac);
    assert!(say(&["system-proxy", "on"]).contains(&pac));
    assert_eq!(desktop.get("mode"), "'auto'");
    assert_eq!(desktop.get("autoconfig-url"), format!("'{pac}'"));
    assert!(journal(&desktop).exists() && login_entry(&desktop).exists());
    // From one method to the other, and back to the user's settings.
    assert!(say(&["system-proxy", "on", "--manual"]).contains(&privet.sandbox.mixed.to_string()));
    assert_eq!(desktop.get("mode"), "'manual'");
    assert_eq!(
        desktop.get("autoconfig-url"),
        "\"http://corp.example/it's.pac\""
    );
    say(&["system-proxy", "off"]);
    assert_eq!(desktop.proxy(), before);
    assert!(!journal(&desktop).exists() && !login_entry(&desktop).exists());
}

/// A proxy that can be an upstream, a PAC file, and what the network announces.
#[test]
fn switching_on_says_whose_settings_are_replaced_and_what_is_lost() {
    let desktop = require!(Desktop::start());
    let privet = privet(&desktop);
    let data = privet.sandbox.dir().join("data");
    let turn_on = || {
        let on = cli(&desktop, &data, &["system-proxy", "on"]);
        cli(&desktop, &data, &["system-proxy", "off"]).good();
        assert_eq!(on.code, 0, "{}", on.err);
        on.err
    };
    set_corporate_settings(&desktop, "'manual'");
    let note = turn_on();
    assert!(
        note.contains("the proxy corp.example:3128 before"),
        "{note}"
    );
    let lines: Vec<&str> = note.lines().map(str::trim).collect();
    let upstream = [
        "[[upstream]]",
        "name = \"corp.example\"",
        "url = \"http://corp.example:3128\"",
    ];
    assert!(lines.ends_with(&upstream), "{note}");
    desktop.set("mode", "'auto'");
    let note = turn_on();
    assert!(note.contains("the PAC file http://corp.example/"), "{note}");
    assert!(note.contains("cannot evaluate it"), "{note}");
    desktop.set("autoconfig-url", "''");
    let note = turn_on();
    assert!(note.contains("(WPAD) before"), "{note}");
    desktop.set("mode", "'none'");
    assert_eq!(turn_on(), "");
}

#[test]
fn a_foreign_change_is_reported_with_its_fix_and_left_alone() {
    let desktop = require!(Desktop::start());
    let before = desktop.proxy();
    let privet = privet(&desktop);
    switch(&privet, &json!({"enabled": true}));
    desktop.set("mode", "'none'");
    let seen = privet.await_api("system-proxy", |proxy| proxy["state"] == "changed");
    assert_eq!(seen["enabled"], true);
    assert!(seen["fix"].as_str().is_some_and(|fix| !fix.is_empty()));
    privet.await_api("status", |status| {
        let problems = status["problems"].as_array().cloned().unwrap_or_default();
        problems
            .iter()
            .any(|problem| problem["about"] == "system-proxy")
    });
    // Nothing must happen; this is longer than Privet's poll interval.
    wait(Duration::from_millis(2500));
    assert_eq!(desktop.get("mode"), "'none'");
    let again = switch(&privet, &json!({"enabled": true}));
    assert_eq!(again["state"], "on");
    switch(&privet, &json!({"enabled": false}));
    assert_eq!(desktop.get("mode"), "'none'");
    // Only the values that this user set are left.
    assert_eq!(
        (before.trim(), desktop.proxy().trim()),
        ("", "[/]\nmode='none'")
    );
}

#[test]
fn a_dead_foreign_proxy_is_found_and_removed_on_request() {
    let desktop = require!(Desktop::start());
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    desktop.set("autoconfig-url", &format!("'http://{port}/proxy.pac'"));
    desktop.set("mode", "'auto'");
    let data = desktop.folder("home");
    let report = cli(&desktop, &data, &["doctor"]);
    assert!(report.out.contains(&port.to_string()), "{report:?}");
    let shown = cli(&desktop, &data, &["system-proxy", "--json"]).good();
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["state"], "leftover");
    cli(&desktop, &data, &["system-proxy", "off"]).good();
    assert_eq!(
        desktop.get("mode"),
        "'auto'",
        "off touches nothing that is not ours"
    );
    cli(&desktop, &data, &["system-proxy", "repair"]).good();
    assert_eq!(desktop.get("mode"), "'none'");
    assert_eq!(cli(&desktop, &data, &["system-proxy", "repair"]).code, 1);
}
