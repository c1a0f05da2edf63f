//! A GNOME session with settings that must not get lost.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use privet_tests::desktop::Desktop;
use privet_tests::privet::{Setup, binary};
use privet_tests::{CommandOutput, Privet};
use serde_json::Value;

/// How long the restoring process may take after kill -9 before the next start is tried instead. On an idle machine it
/// takes a fraction of this.
pub const RESTORE: Duration = Duration::from_secs(2);

pub const BOTH: &str = "[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n";

pub fn privet(desktop: &Desktop) -> Privet {
    let setup = Setup {
        env: desktop.env(),
        ..Setup::default()
    };
    Privet::start_as(BOTH, &setup)
}

pub fn cli(desktop: &Desktop, data: &Path, args: &[&str]) -> CommandOutput {
    let mut command = Command::new(binary());
    command
        .arg("--data-dir")
        .arg(data)
        .args(args)
        .envs(desktop.env());
    CommandOutput::of(command)
}

pub fn switch(privet: &Privet, body: &Value) -> Value {
    let (status, answer) = privet.api("PUT", "system-proxy", Some(body));
    assert_eq!(status, 200, "{answer}");
    answer
}

pub fn journal(desktop: &Desktop) -> std::path::PathBuf {
    desktop.folder("data").join("privet/system-proxy.json")
}

pub fn login_entry(desktop: &Desktop) -> std::path::PathBuf {
    desktop
        .folder("config")
        .join("autostart/privet-put-back.desktop")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the settings of another process give no event to a test"
)]
pub fn until(what: &str, timeout: Duration, mut ready: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < timeout, "{what}: not in {timeout:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "a death comes at any moment")]
pub fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// Sets corporate settings that must not get lost; some keys stay unset.
pub fn set_corporate_settings(desktop: &Desktop, mode: &str) {
    desktop.set("mode", mode);
    desktop.set("autoconfig-url", "'http://corp.example/it\\'s.pac'");
    desktop.set("ignore-hosts", "['*.corp.example', '10.0.0.0/8']");
    desktop.set("http host", "'corp.example'");
    desktop.set("http port", "3128");
    desktop.set("http use-authentication", "true");
    desktop.set("http authentication-user", "'anna'");
}
