//! The keyring against a real gnome-keyring on a private session bus.
#![cfg(target_os = "linux")]

#[path = "../../../tests/src/skip.rs"]
mod skip;

use std::process::Command;

use privet_config::{Keyring, KeyringError};
use privet_system::SystemKeyring;
use secrecy::{ExposeSecret, SecretString};

/// Set in the process that runs inside the private session.
const INSIDE: &str = "PRIVET_TEST_KEYRING";

fn installed(program: &str) -> bool {
    Command::new("which")
        .arg(program)
        .output()
        .is_ok_and(|found| found.status.success())
}

/// Runs one test of this file in a private session; `script` starts its services.
#[track_caller]
fn in_session(test: &str, script: &str) {
    if let Some(missing) = ["dbus-run-session", "gnome-keyring-daemon"]
        .into_iter()
        .find(|program| !installed(program))
    {
        skip::missing(&format!("{missing} is not installed"));
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let myself = std::env::current_exe().expect("this test");
    let output = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", script, "sh"])
        .arg(myself)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env("XDG_DATA_HOME", home.path())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("a session");
    let output_text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && output_text.contains("1 passed"),
        "{output_text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

#[test]
fn a_secret_is_stored_read_changed_and_deleted() {
    if !inside() {
        let unlock = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";
        return in_session("a_secret_is_stored_read_changed_and_deleted", unlock);
    }
    let keyring = SystemKeyring;
    keyring.probe().expect("a keyring answers");
    assert_eq!(missing(&keyring), KeyringError::NoEntry);
    for secret in ["pässword", "another"] {
        keyring
            .write("office", &SecretString::from(secret))
            .expect("kept");
        let read = keyring.read("office").expect("read");
        assert_eq!(read.expose_secret(), secret);
    }
    keyring.delete("office").expect("deleted");
    assert_eq!(missing(&keyring), KeyringError::NoEntry);
    assert_eq!(keyring.delete("office"), Err(KeyringError::NoEntry));
}

fn missing(keyring: &SystemKeyring) -> KeyringError {
    keyring.read("office").expect_err("not there")
}

#[test]
fn the_keyring_is_called_on_a_separate_thread_also_from_a_runtime() {
    if !inside() {
        let unlock = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";
        return in_session(
            "the_keyring_is_called_on_a_separate_thread_also_from_a_runtime",
            unlock,
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let read = runtime.block_on(async { SystemKeyring.read("office") });
    assert_eq!(read.expect_err("not there"), KeyringError::NoEntry);
}

#[test]
fn without_a_service_on_the_bus_the_error_is_no_service() {
    if !inside() {
        return on_no_bus("without_a_service_on_the_bus_the_error_is_no_service");
    }
    assert_eq!(missing(&SystemKeyring), KeyringError::NoService);
}

/// Runs one test of this file without a reachable session bus.
fn on_no_bus(test: &str) {
    let myself = std::env::current_exe().expect("this test");
    let output = Command::new(myself)
        .args(["--exact", test])
        .env(INSIDE, "1")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .output()
        .expect("this test");
    let output_text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && output_text.contains("1 passed"),
        "{output_text}"
    );
}
