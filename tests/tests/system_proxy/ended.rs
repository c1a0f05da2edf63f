//! At the end, at the next start and at the next login the settings are restored.

use privet_tests::require;

use privet_tests::desktop::Desktop;
use privet_tests::privet::Setup;
use privet_tests::{Privet, TIMEOUT};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::support::*;

#[test]
fn signals_and_quit_restore_the_settings_before_exit() {
    let desktop = require!(Desktop::start());
    set_corporate_settings(&desktop, "'auto'");
    let before = desktop.proxy();
    for signal in [Some(Signal::TERM), Some(Signal::INT), None] {
        let mut privet = privet(&desktop);
        switch(&privet, &json!({"enabled": true, "method": "manual"}));
        let data = privet.sandbox.dir().join("data");
        match signal {
            Some(signal) => privet.signal(signal),
            None => {
                cli(&desktop, &data, &["quit"]).good();
            }
        }
        assert!(privet.wait(TIMEOUT).success());
        assert_eq!(desktop.proxy(), before);
        assert!(!journal(&desktop).exists() && !login_entry(&desktop).exists());
    }
}

#[test]
fn the_next_start_or_login_restores_what_was_left() {
    let desktop = require!(Desktop::start());
    let before = desktop.proxy();
    for login in [false, true] {
        let privet = self::privet(&desktop);
        let on = switch(&privet, &json!({"enabled": true}));
        let guardian = on["guardian"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok());
        let guardian = guardian.and_then(Pid::from_raw).expect("a guardian");
        // As in a power loss, both end at once.
        kill_process(guardian, Signal::KILL).expect("the guardian runs");
        privet.signal(Signal::KILL);
        drop(privet);
        assert_ne!(desktop.proxy(), before);
        if login {
            let entry = std::fs::read_to_string(login_entry(&desktop)).expect("the entry is there");
            let exec = entry.lines().find_map(|line| line.strip_prefix("Exec="));
            // The paths are simple, so a shell parses the quotes as a desktop does.
            desktop.run("sh", &["-c", exec.expect("a command")]).good();
        } else {
            let next = self::privet(&desktop);
            let (_, now) = next.api("GET", "system-proxy", None);
            assert_eq!(now["state"], "off", "{now}");
        }
        assert_eq!(desktop.proxy(), before);
        assert!(!journal(&desktop).exists() && !login_entry(&desktop).exists());
    }
}

#[test]
fn settings_left_by_an_ended_session_are_restored_by_the_next() {
    let mut desktop = require!(Desktop::start());
    let before = desktop.proxy();
    let mut first = privet(&desktop);
    switch(&first, &json!({"enabled": true}));
    desktop.end_bus();
    first.signal(Signal::TERM);
    first.wait(TIMEOUT);
    assert!(
        journal(&desktop).exists(),
        "nothing can be written without the bus"
    );
    desktop.begin_bus();
    assert_ne!(desktop.proxy(), before);
    let _next = privet(&desktop);
    assert_eq!(desktop.proxy(), before);
}

#[test]
fn after_an_upgrade_the_login_entry_starts_the_new_program() {
    let desktop = require!(Desktop::start());
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("privet");
    std::fs::copy(privet_tests::privet::binary(), &program).expect("a copy");
    let setup = Setup {
        env: desktop.env(),
        binary: Some(program.clone()),
        ..Setup::default()
    };
    let privet = Privet::start_as("", &setup);
    // The upgrade, while the old program runs: the file is replaced by another.
    let started = folder.path().join("started");
    let next = folder.path().join("privet.new");
    let script = format!("#!/bin/sh\necho \"$@\" >'{}'\n", started.display());
    std::fs::write(&next, script).expect("a file");
    std::fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("its mode");
    std::fs::rename(&next, &program).expect("one folder");
    switch(&privet, &json!({"enabled": true}));
    let entry = std::fs::read_to_string(login_entry(&desktop)).expect("the entry is there");
    let exec = entry.lines().find_map(|line| line.strip_prefix("Exec="));
    desktop.run("sh", &["-c", exec.expect("a command")]).good();
    let arguments = std::fs::read_to_string(started).expect("the new program was started");
    assert!(arguments.starts_with("--guardian"), "{arguments}");
    // The running program still restores the settings.
    privet.signal(Signal::TERM);
}
