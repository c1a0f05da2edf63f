//! The system proxy on a real GNOME session: however Privet ends, the user's settings are restored.
#![allow(clippy::print_stdout, reason = "measurements are printed")]

use privet_tests::require;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use privet_tests::desktop::Desktop;
use privet_tests::privet::{Setup, binary};
use privet_tests::{CommandOutput, Privet, TIMEOUT};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long the restoring process may take after kill -9 before the next start is tried instead. On an idle machine it
/// takes a fraction of this.
const RESTORE: Duration = Duration::from_secs(2);
/// Number of kills at random moments; `PRIVET_DEATHS` overrides it.
const DEATHS: usize = 30;

const BOTH: &str = "[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n";

fn privet(desktop: &Desktop) -> Privet {
    let setup = Setup {
        env: desktop.env(),
        ..Setup::default()
    };
    Privet::start_as(BOTH, &setup)
}

fn cli(desktop: &Desktop, data: &Path, args: &[&str]) -> CommandOutput {
    let mut command = Command::new(binary());
    command
        .arg("--data-dir")
        .arg(data)
        .args(args)
        .envs(desktop.env());
    CommandOutput::of(command)
}

fn switch(privet: &Privet, body: &Value) -> Value {
    let (status, answer) = privet.api("PUT", "system-proxy", Some(body));
    assert_eq!(status, 200, "{answer}");
    answer
}

fn journal(desktop: &Desktop) -> std::path::PathBuf {
    desktop.folder("data").join("privet/system-proxy.json")
}

fn net(desktop: &Desktop) -> std::path::PathBuf {
    desktop
        .folder("config")
        .join("autostart/privet-put-back.desktop")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the settings of another process give no event to a test"
)]
fn until(what: &str, timeout: Duration, mut ready: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < timeout, "{what}: not in {timeout:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "a death comes at any moment")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// Sets corporate settings that must not get lost; some keys stay unset.
fn set_corporate_settings(desktop: &Desktop, mode: &str) {
    desktop.set("mode", mode);
    desktop.set("autoconfig-url", "'http://corp.example/it\\'s.pac'");
    desktop.set("ignore-hosts", "['*.corp.example', '10.0.0.0/8']");
    desktop.set("http host", "'corp.example'");
    desktop.set("http port", "3128");
    desktop.set("http use-authentication", "true");
    desktop.set("http authentication-user", "'anna'");
}

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
    assert!(journal(&desktop).exists() && net(&desktop).exists());
    // From one method to the other, and back to the user's settings.
    assert!(say(&["system-proxy", "on", "--manual"]).contains(&privet.sandbox.mixed.to_string()));
    assert_eq!(desktop.get("mode"), "'manual'");
    assert_eq!(
        desktop.get("autoconfig-url"),
        "\"http://corp.example/it's.pac\""
    );
    say(&["system-proxy", "off"]);
    assert_eq!(desktop.proxy(), before);
    assert!(!journal(&desktop).exists() && !net(&desktop).exists());
}

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
fn a_foreign_change_is_reported_with_its_fix_and_left_alone() {
    let desktop = require!(Desktop::start());
    let before = desktop.proxy();
    let privet = privet(&desktop);
    switch(&privet, &json!({"enabled": true}));
    desktop.set("mode", "'none'");
    let seen = privet.await_api("system-proxy", |proxy| proxy["state"] == "changed");
    assert_eq!(seen["enabled"], true);
    assert!(seen["fix"].as_str().is_some_and(|mend| !mend.is_empty()));
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
        assert!(!journal(&desktop).exists() && !net(&desktop).exists());
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
            let entry = std::fs::read_to_string(net(&desktop)).expect("the net lies");
            let exec = entry.lines().find_map(|line| line.strip_prefix("Exec="));
            // The paths are simple, so a shell parses the quotes as a desktop does.
            desktop.run("sh", &["-c", exec.expect("a command")]).good();
        } else {
            let next = self::privet(&desktop);
            let (_, now) = next.api("GET", "system-proxy", None);
            assert_eq!(now["state"], "off", "{now}");
        }
        assert_eq!(desktop.proxy(), before);
        assert!(!journal(&desktop).exists() && !net(&desktop).exists());
    }
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
    let entry = std::fs::read_to_string(net(&desktop)).expect("the entry is there");
    let exec = entry.lines().find_map(|line| line.strip_prefix("Exec="));
    desktop.run("sh", &["-c", exec.expect("a command")]).good();
    let arguments = std::fs::read_to_string(started).expect("the new program was started");
    assert!(arguments.starts_with("--guardian"), "{arguments}");
    // The running program still restores the settings.
    privet.signal(Signal::TERM);
}
