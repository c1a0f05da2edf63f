//! A GNOME session without a screen for one test: a bus, dconf and `gsettings` in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::client::CommandOutput;
use crate::process::{Running, program};
use crate::skip::missing;

/// A session without a screen.
pub struct Desktop {
    dir: TempDir,
    bus: Running,
}

const SCHEMA: &str = "org.gnome.system.proxy";

impl Desktop {
    /// Starts one; `None`, reported as skipped, where a program for it is not installed.
    pub fn start() -> Option<Self> {
        for name in ["dbus-daemon", "gsettings", "dconf"] {
            program(name)?;
        }
        let dir = tempfile::Builder::new()
            .prefix("privet-desktop-")
            .tempdir()
            .expect("a temporary folder");
        for folder in ["config", "data", "run", "home"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        without_portal(dir.path());
        let bus = bus(dir.path());
        let desktop = Self { dir, bus };
        if desktop.run("gsettings", &["get", SCHEMA, "mode"]).code != 0 {
            missing("gsettings-desktop-schemas is not installed");
            return None;
        }
        Some(desktop)
    }

    /// The environment of programs in this session.
    pub fn env(&self) -> Vec<(String, String)> {
        env(self.dir.path())
    }

    /// The D-Bus address of its bus.
    pub fn bus_address(&self) -> String {
        format!("unix:path={}", self.folder("run/bus").display())
    }

    /// A folder of the user: "config", "data", "run", "home".
    pub fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a program in this session.
    pub fn run(&self, name: &str, args: &[&str]) -> CommandOutput {
        let mut command = Command::new(name);
        command.args(args).envs(self.env());
        CommandOutput::of(command)
    }

    /// Every proxy value that is set, as dconf prints it.
    pub fn proxy(&self) -> String {
        self.run("dconf", &["dump", "/system/proxy/"]).good()
    }

    /// Sets a value as the user would: "mode", "http host".
    pub fn set(&self, key: &str, value: &str) {
        let (schema, key) = match key.split_once(' ') {
            Some((child, key)) => (format!("{SCHEMA}.{child}"), key),
            None => (SCHEMA.to_owned(), key),
        };
        self.run("gsettings", &["set", &schema, key, value]).good();
    }

    /// Reads one value.
    pub fn get(&self, key: &str) -> String {
        let value = self.run("gsettings", &["get", SCHEMA, key]).good();
        value.trim().to_owned()
    }

    /// Ends the session's bus, as at logout.
    pub fn end_bus(&mut self) {
        self.bus.kill();
    }

    /// Starts the bus of the same user's next session.
    pub fn begin_bus(&mut self) {
        let _ = std::fs::remove_file(self.dir.path().join("run/bus"));
        self.bus = bus(self.dir.path());
    }
}

/// Replaces the portals of this machine, which would be started without a screen, by ones that exit at once.
fn without_portal(dir: &Path) {
    let folder = dir.join("data/dbus-1/services");
    std::fs::create_dir_all(&folder).expect("a folder");
    let name = "org.freedesktop.portal.Desktop";
    let text = format!("[D-BUS Service]\nName={name}\nExec=/bin/false\n");
    std::fs::write(folder.join(format!("{name}.service")), text).expect("a file");
}

fn bus(dir: &Path) -> Running {
    let mut command = Command::new("dbus-daemon");
    command
        .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
        .arg(format!(
            "--address=unix:path={}",
            dir.join("run/bus").display()
        ))
        .envs(env(dir));
    let bus = Running::start("dbus-daemon", command);
    bus.await_line("unix:path=");
    bus
}

fn env(dir: &Path) -> Vec<(String, String)> {
    let text = |name: &str| dir.join(name).display().to_string();
    [
        ("HOME", text("home")),
        ("XDG_CONFIG_HOME", text("config")),
        ("XDG_DATA_HOME", text("data")),
        ("XDG_RUNTIME_DIR", text("run")),
        ("XDG_CURRENT_DESKTOP", "GNOME".to_owned()),
        ("PRIVET_SYSTEM_PROXY", "gnome".to_owned()),
        (
            "DBUS_SESSION_BUS_ADDRESS",
            format!("unix:path={}", text("run/bus")),
        ),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}
