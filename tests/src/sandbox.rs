//! The folder, the addresses and the program of one `privet` under test.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::CommandOutput;
use crate::port::reserve;
use crate::process::Running;
use crate::timeout::TIMEOUT;

/// The folder and the addresses of one `privet`.
pub struct Sandbox {
    dir: TempDir,
    pub mixed: SocketAddr,
    pub socks: SocketAddr,
    pub http: SocketAddr,
    pub pac: SocketAddr,
    pub control: SocketAddr,
    pub metrics: SocketAddr,
}

/// How to start it, where a test needs more than a file.
#[derive(Default)]
pub struct Setup {
    /// Arguments before the program: `prlimit …`, `ip netns exec …`.
    pub prefix: Vec<String>,
    pub env: Vec<(String, String)>,
    /// The command that runs the engine; absent: `serve`.
    pub command: Option<&'static str>,
    /// The program; absent: the one under test.
    pub binary: Option<PathBuf>,
}

impl Setup {
    /// With this limit of open files.
    pub fn open_files(limit: u32) -> Self {
        let limit = format!("--nofile={limit}:{limit}");
        Self {
            prefix: vec!["prlimit".to_owned(), limit, "--".to_owned()],
            ..Self::default()
        }
    }
}

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Sets the program under test.
pub fn use_binary(path: PathBuf) {
    CHOSEN.get_or_init(|| path);
}

/// The program under test.
pub fn binary() -> PathBuf {
    if let Some(path) = CHOSEN.get() {
        return path.clone();
    }
    if let Some(path) = std::env::var_os("PRIVET_BIN") {
        return path.into();
    }
    let here = std::env::current_exe().expect("the path of this test is known");
    let found = here
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("privet"))
        .find(|file| file.is_file());
    found.expect("the privet program is not built: cargo build -p privet")
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("privet-")
            .tempdir()
            .expect("a temporary folder");
        Self {
            dir,
            mixed: reserve(),
            socks: reserve(),
            http: reserve(),
            pac: reserve(),
            control: reserve(),
            metrics: reserve(),
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> PathBuf {
        self.dir().join("privet.toml")
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.dir().join("data/control.sock")
    }

    /// Writes the configuration, in the form of [`Privet::start`]; a running engine reloads it.
    pub fn write(&self, config: &str) {
        let mut text = config.to_owned();
        if !config.contains("[listen]") {
            text.push_str("\n[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n");
        }
        let names = [
            ("$MIXED", self.mixed.to_string()),
            ("$SOCKS", self.socks.to_string()),
            ("$HTTP", self.http.to_string()),
            ("$PAC", self.pac.to_string()),
            ("$CONTROL", self.control.to_string()),
            ("$METRICS", self.metrics.to_string()),
            ("$DIR", self.dir().display().to_string()),
        ];
        for (name, value) in names {
            text = text.replace(name, &value);
        }
        // Atomically, as an editor saves.
        let draft = self.dir().join("privet.toml.new");
        fs::write(&draft, text).expect("the folder takes a file");
        fs::rename(draft, self.config()).expect("the folder takes a file");
    }

    /// Starts `privet serve` here, without waiting.
    pub fn run(&self, setup: &Setup) -> Running {
        let mut args = setup.prefix.clone();
        let program = setup.binary.clone().unwrap_or_else(binary);
        args.push(program.display().to_string());
        let mut command = Command::new(&args[0]);
        command
            .args(&args[1..])
            .arg(setup.command.unwrap_or("serve"));
        command.arg("--config").arg(self.config());
        command.arg("--data-dir").arg(self.dir().join("data"));
        // Tests do not change the desktop of the user who runs them.
        command.env("PRIVET_SYSTEM_PROXY", "none");
        command.env("PRIVET_TRUST_STORES", "home");
        command.envs(setup.env.iter().map(|(key, value)| (key, value)));
        Running::start("privet", command)
    }

    /// A call of the control API on the Unix socket: status and body (null where there is none).
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.api_with("", method, path, body)
    }

    /// The same with more header lines.
    pub(crate) fn api_with(
        &self,
        headers: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut socket = UnixStream::connect(self.socket()).expect("the control socket answers");
        socket
            .set_read_timeout(Some(TIMEOUT))
            .expect("a Unix socket takes a timeout");
        // In one write: an engine that has answered after the head reads no more.
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        socket
            .write_all(request.as_bytes())
            .expect("the control socket takes a request");
        let mut reply = String::new();
        socket
            .read_to_string(&mut reply)
            .expect("the control API answers in text");
        let status = reply
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status line");
        let start = reply.find(['{', '[']).unwrap_or(reply.len());
        let end = reply.rfind(['}', ']']).map_or(start, |at| at + 1);
        (
            status,
            serde_json::from_str(reply.get(start..end).unwrap_or("")).unwrap_or(Value::Null),
        )
    }

    /// Runs a command of the CLI against the engine of this folder.
    pub fn cli(&self, args: &[&str]) -> CommandOutput {
        self.cli_with(&[], args)
    }

    /// As [`Sandbox::cli`], with these variables in its environment.
    pub fn cli_with(&self, env: &[(&str, &str)], args: &[&str]) -> CommandOutput {
        let mut command = Command::new(binary());
        command
            .envs(env.iter().copied())
            .env("PRIVET_SYSTEM_PROXY", "none")
            .arg("--data-dir")
            .arg(self.dir().join("data"))
            .args(args);
        CommandOutput::of(command)
    }
}
