//! A fresh headless Chromium.

use std::path::Path;
use std::process::Command;

use crate::client::CommandOutput;
use crate::process::program;

/// The text of a page after its scripts ran. `home`: the browser's home folder, with the certificates that it trusts and its
/// profile. `None`: Chromium is not installed.
///
/// # Panics
/// It fails, or takes longer than a minute.
pub fn browse(home: &Path, args: &[&str], url: &str) -> Option<String> {
    let mut command = Command::new("timeout");
    command.arg("60").arg(program("chromium")?).args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--dump-dom",
        "--virtual-time-budget=10000",
        // Loopback goes through the proxy too.
        "--proxy-bypass-list=<-loopback>",
    ]);
    command
        .env("HOME", home)
        .arg(format!(
            "--user-data-dir={}",
            home.join("profile").display()
        ))
        .args(args)
        .arg(url);
    Some(CommandOutput::of(command).good())
}
