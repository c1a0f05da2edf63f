//! After a kill -9 the settings are restored.

use privet_tests::require;
use std::path::Path;
use std::time::{Duration, Instant};

use privet_tests::desktop::Desktop;
use privet_tests::privet::Setup;
use privet_tests::{Privet, TIMEOUT};
use rustix::process::Signal;
use serde_json::json;

use super::support::*;

/// Number of kills at random moments; `PRIVET_DEATHS` overrides it.
const DEATHS: usize = 30;

#[test]
fn after_kill_9_the_settings_are_restored_and_user_changes_kept() {
    let desktop = require!(Desktop::start());
    set_corporate_settings(&desktop, "'none'");
    let before = desktop.proxy();
    let mut slowest = Duration::ZERO;
    for method in ["pac", "manual"] {
        let privet = privet(&desktop);
        let on = switch(&privet, &json!({"enabled": true, "method": method}));
        assert_eq!(on["state"], "on", "{on}");
        assert_ne!(desktop.proxy(), before);
        privet.signal(Signal::KILL);
        slowest = slowest.max(until("the user's own values", TIMEOUT, || {
            desktop.proxy() == before
        }));
        until("the guardian's end", TIMEOUT, || {
            !journal(&desktop).exists()
        });
    }
    eprintln!("from kill -9 to the user's own values: {slowest:?} at most");

    let privet = privet(&desktop);
    switch(&privet, &json!({"enabled": true}));
    desktop.set("mode", "'manual'");
    desktop.set("https host", "'new.example'");
    privet.await_api("system-proxy", |proxy| proxy["state"] == "changed");
    privet.signal(Signal::KILL);
    until("the guardian's end", TIMEOUT, || {
        !journal(&desktop).exists()
    });
    assert_eq!(desktop.get("mode"), "'manual'");
    let after = desktop.proxy();
    assert!(
        after.contains("host='new.example'") && after.contains("it's.pac"),
        "{after}"
    );
}

#[test]
fn after_kill_9_the_plasma_settings_file_is_restored_byte_for_byte() {
    let desktop = require!(Desktop::start());
    let file = desktop.folder("config").join("kioslaverc");
    let before = "[$Version]\nupdate_info=x\n\n[Proxy Settings]\nNoProxyFor=.corp\nProxyType[$e]=1\nhttpProxy=http://corp.example 3128\n";
    std::fs::write(&file, before).expect("the folder takes a file");
    let mut env = desktop.env();
    env.push(("PRIVET_SYSTEM_PROXY".to_owned(), "kde".to_owned()));
    let setup = Setup {
        env,
        ..Setup::default()
    };
    let read = || std::fs::read_to_string(&file).expect("the file stays");
    for method in ["pac", "manual"] {
        let privet = Privet::start_as(BOTH, &setup);
        let on = switch(&privet, &json!({"enabled": true, "method": method}));
        assert_eq!(
            (&on["state"], &on["desktop"]),
            (&json!("on"), &json!("kde"))
        );
        assert_ne!(read(), before);
        privet.signal(Signal::KILL);
        until("the user's own file", TIMEOUT, || read() == before);
    }
}

#[test]
fn a_write_that_outlives_the_killed_engine_is_awaited_and_restored() {
    let desktop = require!(Desktop::start());
    let before = desktop.proxy();
    let real = privet_tests::program("gsettings").expect("found a moment ago");
    let slow = desktop.folder("home").join("gsettings");
    let (started, ended) = (
        desktop.folder("home").join("started"),
        desktop.folder("home").join("ended"),
    );
    let script = format!(
        "#!/bin/sh\necho >>{started}\n[ \"$1\" = set ] && sleep 0.5\n{} \"$@\"\nended=$?\necho >>{ended}\nexit $ended\n",
        real.display(),
        started = started.display(),
        ended = ended.display()
    );
    std::fs::write(&slow, script).expect("the folder takes a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&slow, mode).expect("it is ours");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut env = desktop.env();
    env.push((
        "PATH".to_owned(),
        format!("{}:{path}", desktop.folder("home").display()),
    ));
    let setup = Setup {
        env,
        ..Setup::default()
    };
    let privet = Privet::start_as(BOTH, &setup);
    let socket = privet.sandbox.socket();
    let caller = std::thread::spawn(move || ask(&socket, "{\"enabled\": true}"));
    until("the first write", TIMEOUT, || journal(&desktop).exists());
    privet.signal(Signal::KILL);
    let _ = caller.join();
    until("the guardian's end", TIMEOUT, || {
        !journal(&desktop).exists()
    });
    assert_eq!(desktop.proxy(), before);
    let count = |file: &Path| std::fs::read(file).map_or(0, |lines| lines.len());
    until("the end of every write", TIMEOUT, || {
        count(&started) == count(&ended)
    });
    assert_eq!(desktop.proxy(), before, "a write came after the restore");
}

#[test]
fn killed_at_random_moments_the_settings_are_always_restored() {
    let desktop = require!(Desktop::start());
    let deaths = std::env::var("PRIVET_DEATHS").ok();
    let deaths = deaths.and_then(|n| n.parse().ok()).unwrap_or(DEATHS);
    // A fixed seed, so that a failure can be reproduced.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut roll = |sides: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % sides
    };
    let (mut by_guardian, mut by_next) = (0, 0);
    for round in 0..deaths {
        let mode = ["'none'", "'manual'", "'auto'"][round % 3];
        set_corporate_settings(&desktop, mode);
        let before = desktop.proxy();
        let privet = privet(&desktop);
        let method = ["pac", "manual"][usize::try_from(roll(2)).expect("small")];
        // Some are killed while switching on, some while switching off.
        let off = roll(3) == 0;
        if off {
            switch(&privet, &json!({"enabled": true, "method": method}));
        }
        let socket = privet.sandbox.socket();
        let body = json!({"enabled": !off, "method": method}).to_string();
        let caller = std::thread::spawn(move || ask(&socket, &body));
        wait(Duration::from_millis(roll(60)));
        privet.signal(Signal::KILL);
        let _ = caller.join();
        drop(privet);
        let start = Instant::now();
        let right = || !journal(&desktop).exists() && desktop.proxy() == before;
        while !right() && start.elapsed() < RESTORE {
            wait(Duration::from_millis(10));
        }
        if right() {
            by_guardian += 1;
        } else {
            // It was killed before it had started the restoring process: only the journal may be left, and the next start removes it.
            cli(&desktop, &desktop.folder("home"), &["system-proxy", "off"]).good();
            by_next += 1;
        }
        assert_eq!(
            desktop.proxy(),
            before,
            "round {round}, {mode}, {method}, off: {off}"
        );
        assert!(!journal(&desktop).exists(), "round {round}");
    }
    eprintln!(
        "{deaths} deaths: {by_guardian} restored by the guardian, {by_next} by the next start"
    );
}

/// The answer does not matter: the engine is killed.
fn ask(socket: &Path, body: &str) {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else {
        return;
    };
    let _ = stream.write_all(format!(
        "PUT /api/v1/system-proxy HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ).as_bytes());
    let _ = stream.read_to_end(&mut Vec::new());
}
