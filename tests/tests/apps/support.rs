//! A home folder with programs, and the settings that Privet tells.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use privet_tests::{CommandOutput, Privet};
use serde_json::Value;
use tempfile::TempDir;

pub const HELLO: &str = "hello from the origin\n";

pub const BOTH: &str = "[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n";

/// A temporary home folder.
pub struct Home(pub TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn put(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("the folder takes a file");
        path.display().to_string()
    }

    pub fn run(&self, name: &str, args: &[&str]) -> CommandOutput {
        let mut command = Command::new(name);
        command
            .args(args)
            .env("HOME", self.0.path())
            .env_remove("XDG_CONFIG_HOME");
        CommandOutput::of(command)
    }
}

/// A menu with three applications: one that prints its environment, one named like Chromium, one that is not installed.
pub fn menu(home: &Home) -> Vec<(String, String)> {
    let teller = "#!/bin/sh\nenv > \"$HOME/environment\"\ncurl -q -sS \"$TARGET\" > \"$HOME/fetched.new\"\nmv \"$HOME/fetched.new\" \"$HOME/fetched\"\n";
    let browser = "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$HOME/args.new\"\nmv \"$HOME/args.new\" \"$HOME/args\"\n";
    for (name, script) in [("teller", teller), ("chromium", browser)] {
        let path = home.put(&format!("bin/{name}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    }
    let bin = home.0.path().join("bin");
    let entry = |name: &str, exec: &str| {
        format!("[Desktop Entry]\nType=Application\nName={name}\nExec={exec}\nIcon=teller\n")
    };
    let at = |name: &str| bin.join(name).display().to_string();
    home.put(
        "data/applications/teller.desktop",
        &entry("Teller", &format!("{} %U", at("teller"))),
    );
    home.put(
        "data/applications/web.desktop",
        &entry("Web", &format!("{} --new-window %U", at("chromium"))),
    );
    home.put(
        "data/applications/gone.desktop",
        &entry("Gone", &at("gone")),
    );
    home.put(
        "data/icons/hicolor/scalable/apps/teller.svg",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    );
    let text = |name: &str| home.0.path().join(name).display().to_string();
    vec![
        ("HOME".into(), text("")),
        ("XDG_DATA_HOME".into(), text("data")),
        ("XDG_DATA_DIRS".into(), text("data")),
    ]
}

/// The row of the connection to this port.
#[track_caller]
pub fn went_through(privet: &Privet, port: u16) -> Value {
    privet.await_row("closed", |row| row["port"] == port)
}
